"""How is it shown what a probe found?"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentkit.core.lines import INFO, Finding, Record, write_record
from agentkit.core.screen import Column, Styled, print_line, print_table
from agentkit.core.times import format_duration, format_instant
from agentkit.depmap.probing.findings import BLOCKED
from agentkit.depmap.probing.memory import Kept
from agentkit.depmap.probing.rounds import FAILED, HANG, NOT_RUN, OK, UNKILLABLE

SHOWN_BLOCKED = 20
SHOWN_GONE = 20
SHOWN_ROOTS = 10
SHOWN_FALLEN = 5
STYLES = {UNKILLABLE: "critical", HANG: "critical", FAILED: "failed", BLOCKED: "warning", NOT_RUN: "warning"}
COLUMNS = (Column("state"), Column("node", folds=True), Column("what", folds=True))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a probe comes to: how many checks are in each state, the roots with theirs, and how long it took."""

    states: Mapping[str, int]
    roots: Sequence[tuple[str, str]]
    duration_s: float
    confidence: float | None
    host: str
    now: float

    @property
    def checks(self) -> int:
        """Return how many checks there were."""
        return sum(self.states.values())

    @property
    def bad(self) -> int:
        """Return how many are not well."""
        return self.checks - self.states.get(OK, 0)

    def to_record(self) -> Record:
        """Return the record that travels (kind `probe`)."""
        names = (OK, FAILED, HANG, UNKILLABLE, BLOCKED, NOT_RUN)
        return {
            "v": 1,
            "kind": "probe",
            "at": format_instant(self.now),
            "host": self.host,
            "checks": self.checks,
            **{name.replace("-", "_"): self.states.get(name, 0) for name in names},
            "roots": [name for name, _ in self.roots],
            "duration_s": round(self.duration_s, 3),
            "confidence": self.confidence,
        }

    def told(self) -> str:
        """Return it as one line for a person."""
        if not self.bad:
            return f"{_count(self.checks, 'check')} well, within {format_duration(self.duration_s)}"
        shown = ", ".join(f"{name} ({state})" for name, state in self.roots[:SHOWN_ROOTS])
        more = f" and {len(self.roots) - SHOWN_ROOTS} more" if len(self.roots) > SHOWN_ROOTS else ""
        roots = f"; {'root' if len(self.roots) == 1 else 'roots'}: {shown}{more}" if self.roots else ""
        return f"{self.bad} of {_count(self.checks, 'check')} not well{roots}"


def write_records(kept: Kept, outcome: Outcome) -> None:
    """Write the findings, those that went within a day, and the record of the probe as the last one."""
    for finding in (*kept.findings, *kept.resolved):
        write_record(finding.to_record())
    write_record(outcome.to_record())


def print_page(kept: Kept, outcome: Outcome) -> None:
    """Print what is not well and what went just now; nothing when all is well and nobody looks on."""
    is_watched = sys.stdout.isatty()
    shown = [finding for finding in kept.findings if finding.severity != INFO or is_watched]
    blocked = [finding for finding in shown if finding.type == BLOCKED]
    cut = {id(finding) for finding in blocked[SHOWN_BLOCKED:]}
    rows = [
        (Styled(finding.type, STYLES.get(finding.type, "info")), finding.subject, finding.title)
        for finding in shown
        if id(finding) not in cut
    ]
    # What was not well comes before what only waited for it, as above.
    gone = sorted(
        (finding for finding in kept.gone if finding.severity != INFO or is_watched),
        key=lambda one: (one.type == BLOCKED, one.subject),
    )
    rows += [
        (Styled("resolved", "resolved"), finding.subject, f"was: {finding.title}") for finding in gone[:SHOWN_GONE]
    ]
    if rows:
        print_table(COLUMNS, rows)
    if cut:
        print_line(f"and {len(cut)} more blocked: --json lists all")
    if len(gone) > SHOWN_GONE:
        print_line(f"and {len(gone) - SHOWN_GONE} more resolved: --json lists all")
    for finding in shown[:SHOWN_ROOTS]:
        if finding.impact:
            print_line(f"falls with {finding.subject}: {_say_fallen(finding)}")
    if outcome.bad or (is_watched and outcome.checks):
        print_line(Styled(outcome.told(), "heading"))


def count_states(states: Sequence[str]) -> dict[str, int]:
    """Return how many checks are in each state."""
    return dict(Counter(states))


def _say_fallen(finding: Finding) -> str:
    names = list(finding.impact or ())
    count = finding.extra.get("impact_count", len(names))
    assert isinstance(count, int)
    more = f" and {count - SHOWN_FALLEN} more" if count > SHOWN_FALLEN else ""
    return ", ".join(names[:SHOWN_FALLEN]) + more


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
