"""Which findings wait for somebody to deal with them, why, and since when?"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentkit.core.asides import say_when, write_instant
from agentkit.core.errors import tell
from agentkit.core.lines import Record, write_record
from agentkit.core.screen import Cell, Column, Styled, print_line, print_table
from agentkit.think.store import Store
from agentkit.think.viewing import SHORT, open_existing

if TYPE_CHECKING:
    from agentkit.core.statefile import Value

COLUMNS = (
    Column("severity"),
    # Never left out: it is what drop and retry are told.
    Column("finding"),
    Column("title", folds=True),
    Column("since", is_right=True, rank=1),
    Column("waits for", folds=True),
    Column("not before", is_right=True, rank=2),
)
MOST_SHOWN = 100
WAITING = """
SELECT fingerprint, severity, record, waiting_since, waiting_for, not_before, claim FROM findings
WHERE waits = 1 AND state = 'firing'
ORDER BY CASE severity WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, waiting_since, fingerprint
"""
NEXT_WAKE = "the next wake"
LONGEST_AGAIN = 30


@dataclass(frozen=True, slots=True)
class Waiting:
    """A finding that waits; instants are seconds since the epoch, `waiting_for` is None while nobody looked at it."""

    fingerprint: str
    severity: str
    record: Record
    waiting_since: float | None
    waiting_for: str | None
    not_before: float | None
    is_claimed: bool


def print_inbox(environ: Mapping[str, str], *, as_json: bool) -> None:
    """Print the findings that wait, the worst first: a line each, or the records with three keys more."""
    with open_existing(environ) as store:
        waiting = [] if store is None else find_waiting(store)
    if as_json:
        for one in waiting:
            write_record(to_record(one))
    elif waiting:
        _draw(waiting, time.time())
    else:
        tell("agentkit: nothing waits\n")


def find_waiting(store: Store) -> list[Waiting]:
    """Return the findings that fire and that nobody has dealt with, the worst first, then the oldest."""
    return [
        Waiting(
            str(fingerprint), str(severity), json.loads(str(record)), _instant(since),
            None if reason is None else str(reason), _instant(not_before), claim is not None,
        )
        for fingerprint, severity, record, since, reason, not_before, claim in store.select(WAITING)
    ]  # fmt: skip


def to_record(one: Waiting) -> Record:
    """Return the finding as it came, with why it waits."""
    return {
        **one.record,
        "waiting_since": write_instant(one.waiting_since),
        "waiting_for": one.waiting_for,
        "not_before": write_instant(one.not_before),
    }


def explain(one: Waiting) -> str:
    """Return what it waits for, for a person."""
    if one.is_claimed:
        return "a wake that deals with it now"
    reason = one.waiting_for or NEXT_WAKE
    if reason == "repeat":
        return "the next wake, for it still fires"
    if reason == "group_interval":
        return "its group, which was thought about lately"
    if reason.startswith("critical "):
        return f"{reason[: 9 + SHORT]} of the same subject"
    return reason


def _draw(waiting: list[Waiting], now: float) -> None:
    rows: list[list[Cell]] = []
    before = ""
    for one in waiting[:MOST_SHOWN]:
        why = explain(one)
        rows.append(
            [
                Styled(one.severity, one.severity),
                one.fingerprint[:SHORT],
                str(one.record.get("title", "-")),
                say_when(one.waiting_since, now),
                # What holds back one often holds back many, and to say it takes lines.
                why if len(why) <= LONGEST_AGAIN or why != before else "the same",
                # What is over holds nothing back any more: the next wake asks again.
                say_when(one.not_before, now) if (one.not_before or now) > now else "-",
            ]
        )
        before = why
    print_table(COLUMNS, rows)
    if len(waiting) > MOST_SHOWN:
        print_line(Styled(f"and {len(waiting) - MOST_SHOWN} more: agentkit think inbox --json", "dim"))


def _instant(value: Value) -> float | None:
    return None if value is None else float(value)
