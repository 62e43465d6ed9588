"""What does a command say of itself on a few lines, as a record and for a person?"""

from __future__ import annotations

from dataclasses import dataclass

from agentkit.core.lines import INFO, Record
from agentkit.core.screen import Styled, print_fact, print_line
from agentkit.core.times import format_instant


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a summary."""

    text: str
    severity: str = INFO


@dataclass(frozen=True, slots=True)
class Summary:
    """What a command says of itself; `next_step` is the command to run, if one is called for."""

    title: str
    lines: tuple[Line, ...]
    next_step: str | None


def to_record(summary: Summary, host: str, now: float) -> Record:
    """Return the record that travels (kind `summary`)."""
    return {
        "v": 1,
        "kind": "summary",
        "at": format_instant(now),
        "host": host,
        "title": summary.title,
        "lines": [{"text": line.text, "severity": line.severity} for line in summary.lines],
        "next": summary.next_step,
    }


def draw_summary(summary: Summary) -> None:
    """Print a summary for a person."""
    print_line(Styled(summary.title, "heading"))
    for line in summary.lines:
        print_fact((" ", Styled(f"{'' if line.severity == INFO else line.severity:<8}", line.severity)), line.text)
    if summary.next_step:
        print_fact((" ", Styled("next:   ", "dim")), summary.next_step)
