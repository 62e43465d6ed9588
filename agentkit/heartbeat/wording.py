"""How is it said to a person, in a terminal or in a mail: a finding, a distance in time, a size?"""

from __future__ import annotations

import time
from collections.abc import Mapping

from agentkit.core.times import format_duration, format_instant, parse_instant
from agentkit.core.visible import make_visible

TAIL_LINES = 10
# Their jobs may never have come: there is no status to look at.
NO_STATUS = ("dead-line", "vanished")
DONE = {"resolve": "resolved", "learn": "learnt", "forget": "forgot", "retire": "retired", "remove": "removed"}
NOW_S = 1.0
UNITS = ("KiB", "MiB", "GiB", "TiB")


def word_finding(record: Mapping[str, object], *, with_tail: bool = False, is_local: bool = False) -> str:
    """Return a finding as lines of text: severity and title, since when, where to look, the end of the output.

    One that has gone is one line: what was wrong is no news any more. What stands in a title may come from anywhere.
    """
    subject, since = str(record["subject"]), say_instant(parse_instant(str(record["first_seen"])), is_local=is_local)
    name = make_visible(subject.removeprefix("job:"))
    if record.get("state") == "resolved":
        return f"resolved  {name} is no longer {record['type']}, as it was since {since}\n"
    found = record.get("evidence")
    evidence = found if isinstance(found, dict) else {}
    text = f"{record['severity']!s:<8}  {make_visible(str(record['title']))}\n"
    also = evidence.get("also")
    text += "".join(f"          also {make_visible(str(sign))}\n" for sign in also) if isinstance(also, list) else ""
    text += f"          {make_visible(str(record['type']))}; since {since}\n"
    if evidence.get("run"):
        # On a line of its own: it is copied, and a terminal of 80 columns must not break it.
        text += f"          agentkit heartbeat show {make_visible(str(evidence['run']))}\n"
    elif subject.startswith("job:") and record["type"] not in NO_STATUS:
        text += f"          agentkit heartbeat status {name}\n"
    if with_tail and evidence.get("tail"):
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


def say_deed(deed: str, what: str, *, is_dry: bool) -> str:
    """Return what was done, or what would be."""
    return f"would {deed} {what}" if is_dry else f"{DONE[deed]} {what}"
