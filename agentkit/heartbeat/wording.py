"""How is it said to a person, in a terminal or in a mail: a finding, a distance in time, a size?"""

from __future__ import annotations

import time
from collections.abc import Mapping

from agentkit.core.times import format_duration, format_instant
from agentkit.core.visible import make_visible

TAIL_LINES = 10
DONE = {"resolve": "resolved", "learn": "learnt", "forget": "forgot", "retire": "retired", "remove": "removed"}
NOW_S = 1.0
UNITS = ("KiB", "MiB", "GiB", "TiB")


def word_finding(record: Mapping[str, object], *, with_tail: bool = False) -> str:
    """Return a finding as lines of text: severity and title, since when, where to look, the end of the output."""
    state = "resolved" if record.get("state") == "resolved" else str(record["severity"])
    # One line a finding: what stands in a title may come from anywhere.
    text = f"{state:<8}  {make_visible(str(record['title']))}\n"
    subject, evidence = str(record["subject"]), record.get("evidence")
    also = evidence.get("also") if isinstance(evidence, dict) else None
    text += "".join(f"          also {make_visible(str(sign))}\n" for sign in also) if isinstance(also, list) else ""
    details = [f"{record['type']}", f"since {record['first_seen']}"]
    if isinstance(evidence, dict) and evidence.get("run"):
        details.append(f"agentkit heartbeat show {evidence['run']}")
    elif subject.startswith("job:"):
        details.append(f"agentkit heartbeat status {subject.removeprefix('job:')}")
    text += f"          {make_visible('; '.join(details))}\n"
    if with_tail and isinstance(evidence, dict) and evidence.get("tail") and record.get("state") != "resolved":
        lines = str(evidence["tail"]).rstrip("\n").splitlines()[-TAIL_LINES:]
        text += "".join(f"          | {line}\n" for line in lines)
    return text


def say_distance(instant: float | None, now: float) -> str:
    """Return how far an instant is from now: `3m ago`, `in 2h`; a dash where there is none."""
    if instant is None:
        return "-"
    if abs(instant - now) < NOW_S:
        return "now"
    # One unit is enough to see at a glance whether that is as it should be.
    distance = format_duration(float(round(abs(instant - now)))).split()[0]
    return f"in {distance}" if instant > now else f"{distance} ago"


def say_instant(instant: float | None, *, is_local: bool) -> str:
    """Return an instant as the person's clock shows it on a terminal, in UTC everywhere else."""
    if instant is None:
        return "-"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(instant)) if is_local else format_instant(instant)


def say_duration(seconds: float | None) -> str:
    """Return a duration; a dash where nobody measured it."""
    return "-" if seconds is None else format_duration(seconds)


def say_streak(streak: int) -> str:
    """Return how many runs in a row were good or bad: `12 ok`, `3 bad`."""
    return "-" if streak == 0 else f"{streak} ok" if streak > 0 else f"{-streak} bad"


def say_share(share: float | None) -> str:
    """Return a share in percent, rounded down: what is not perfect is never 100%."""
    return "-" if share is None else f"{int(share * 100)}%"


def say_size(size_bytes: float) -> str:
    """Return a size as a person reads it: `512 B`, `3.4 KiB`, `1.2 GiB`."""
    if size_bytes < 1024:
        return f"{int(size_bytes)} B"
    size_bytes, unit = size_bytes / 1024, 0
    while size_bytes >= 1024 and unit < len(UNITS) - 1:
        size_bytes, unit = size_bytes / 1024, unit + 1
    return f"{size_bytes:.1f} {UNITS[unit]}" if size_bytes < 10 else f"{size_bytes:.0f} {UNITS[unit]}"


def say_count(number: int, what: str) -> str:
    """Return a number with its word: `1 run`, `3 runs`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def say_deed(deed: str, what: str, *, is_dry: bool) -> str:
    """Return what was done, or what would be."""
    return f"would {deed} {what}" if is_dry else f"{DONE[deed]} {what}"
