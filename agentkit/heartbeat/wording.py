"""How is a finding said to a person, in a terminal or in a mail?"""

from __future__ import annotations

from collections.abc import Mapping

from agentkit.core.times import format_duration, parse_instant

TAIL_LINES = 10


def word_finding(record: Mapping[str, object], *, with_tail: bool = False) -> str:
    """Return a finding as lines of text: severity and title, since when, where to look, the end of the output."""
    state = "resolved" if record.get("state") == "resolved" else str(record["severity"])
    text = f"{state:<8}  {record['title']}\n"
    subject, evidence = str(record["subject"]), record.get("evidence")
    details = [f"{record['type']}", f"since {record['first_seen']}"]
    if isinstance(evidence, dict) and evidence.get("run"):
        details.append(f"agentkit heartbeat show {evidence['run']}")
    elif subject.startswith("job:"):
        details.append(f"agentkit heartbeat status {subject.removeprefix('job:')}")
    text += f"          {'; '.join(details)}\n"
    if with_tail and isinstance(evidence, dict) and evidence.get("tail") and record.get("state") != "resolved":
        lines = str(evidence["tail"]).rstrip("\n").splitlines()[-TAIL_LINES:]
        text += "".join(f"          | {line}\n" for line in lines)
    return text


def say_since(record: Mapping[str, object], now: float) -> str:
    """Return for how long a finding has been there."""
    return format_duration(max(0.0, now - parse_instant(str(record["first_seen"]))))
