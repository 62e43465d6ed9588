"""What was asked of a model, what did it answer, what did that cost, and what was decided?"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentkit.core.asides import say_when, shorten
from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.lines import Record, write_record
from agentkit.core.screen import Column, Styled, print_block, print_line, print_table
from agentkit.core.times import format_instant
from agentkit.think.caps import to_usd
from agentkit.think.decisions import SHOWN_ID, describe
from agentkit.think.store import Store
from agentkit.think.viewing import begin_record, demand_limit, open_existing, read_configuration, say_usd

if TYPE_CHECKING:
    from agentkit.core.statefile import Value

COLUMNS = (
    Column("id"),
    Column("when", is_right=True),
    Column("purpose", rank=2),
    Column("provider", rank=1),
    Column("cost", is_right=True),
    Column("tokens", is_right=True, rank=3),
    Column("answer", folds=True),
)
LONGEST_ANSWER = 160
FIELDS = "id, at, purpose, group_key, provider, model, prompt, answer, trouble, cost, tokens"
# Both sides in lower case; `instr` knows no wildcards, so that a text is looked for as it stands.
FOUND = "instr(lower(prompt || char(10) || coalesce(answer, '') || char(10) || coalesce(trouble, '')), lower(?1)) > 0"
# A decision follows the last call of its group: an answer that did not fit has another call after it.
DECIDED = """
SELECT record FROM decisions WHERE group_key = ?1 AND at >= ?2 AND NOT EXISTS
    (SELECT 1 FROM journal WHERE group_key = ?1 AND at > ?2 AND at <= decisions.at) ORDER BY at LIMIT 1
"""
BY_ID = "WHERE substr(id, 1, ?) = ? ORDER BY id LIMIT 2"
BY_DECISION = """
JOIN (SELECT at AS decided_at, group_key AS decided_of FROM decisions WHERE substr(id, 1, ?) = ? LIMIT 1)
    ON group_key = decided_of AND at <= decided_at ORDER BY at DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One call: money in nanodollars, `at` in seconds since the epoch."""

    id: str
    at: float
    purpose: str
    group_key: str
    provider: str
    model: str | None
    prompt: str
    answer: str | None
    trouble: str
    cost: int
    tokens: int


def print_journal(environ: Mapping[str, str], text: str | None, *, limit: int, as_json: bool) -> None:
    """Print the newest calls, newest first; with a text those whose prompt, answer or trouble holds it."""
    demand_limit(limit)
    host = read_configuration(environ).host
    with open_existing(environ) as store:
        entries = [] if store is None else find_entries(store, text, limit)
        if as_json and store is not None:
            for entry in entries:
                write_record(to_record(store, entry, host))
    if entries and not as_json:
        print_table(COLUMNS, [_draw(entry, time.time()) for entry in entries])
    elif not entries:
        tell("agentkit: no model was asked yet\n" if text is None else f"agentkit: nothing holds {text!r}\n")


def print_entry(environ: Mapping[str, str], word: str, *, as_json: bool) -> None:
    """Print one call whole: what was sent, as it was sent, and what came back.

    The id may be that of the decision that came of it. Raises AgentkitError (unavailable) where no id, or more than
    one, begins with the word.
    """
    host = read_configuration(environ).host
    with open_existing(environ) as store:
        rows = [] if store is None else _find_by_id(store, word)
        if store is None or len(rows) != 1:
            what = f"{word} may be {' or '.join(row.id for row in rows)}" if rows else f"there is no entry {word}"
            raise AgentkitError(what, hint="agentkit think journal", status=Exit.UNAVAILABLE)
        if as_json:
            write_record(to_record(store, rows[0], host))
        else:
            _draw_whole(rows[0], find_decision(store, rows[0]))


def find_entries(store: Store, text: str | None, limit: int) -> list[Entry]:
    """Return the newest calls, newest first."""
    where = "WHERE ?1 IS NULL" if text is None else f"WHERE {FOUND}"
    rows = store.select(f"SELECT {FIELDS} FROM journal {where} ORDER BY at DESC, id DESC LIMIT ?2", (text, limit))  # noqa: S608  # texts of ours
    return [_read(row) for row in rows]


def find_decision(store: Store, entry: Entry) -> Record | None:
    """Return what was decided after a call; None where it brought no decision."""
    row = None if not entry.group_key else store.first(DECIDED, (entry.group_key, entry.at))
    return None if row is None else json.loads(str(row[0]))


def to_record(store: Store, entry: Entry, host: str) -> Record:
    """Return the record that travels (kind `journal`)."""
    return {
        **begin_record("journal", host, entry.at),
        "id": entry.id,
        "purpose": entry.purpose,
        "provider": entry.provider,
        "model": entry.model,
        "prompt": entry.prompt,
        "answer": entry.answer,
        "trouble": entry.trouble,
        "spent_usd": to_usd(entry.cost),
        "tokens": entry.tokens,
        "decision": find_decision(store, entry),
    }


def _find_by_id(store: Store, word: str) -> list[Entry]:
    """Return the calls whose id begins with a word; else the call that a decision of such an id came from."""
    for condition in (BY_ID, BY_DECISION):
        rows = store.select(f"SELECT {FIELDS} FROM journal {condition}", (len(word), word)) if word else []  # noqa: S608  # texts of ours
        if rows:
            return [_read(row) for row in rows]
    return []


def _read(row: tuple[Value, ...]) -> Entry:
    number, at, purpose, group_key, provider, model, prompt, answer, trouble, cost, tokens = row
    return Entry(
        str(number), float(at or 0.0), str(purpose), str(group_key or ""), str(provider),
        None if model is None else str(model), str(prompt), None if answer is None else str(answer),
        str(trouble or ""), int(cost or 0), int(tokens or 0),
    )  # fmt: skip


def _draw(entry: Entry, now: float) -> tuple[str, ...]:
    said = entry.trouble if entry.answer is None else _describe_answer(entry.answer)
    return (
        entry.id[:SHOWN_ID],
        say_when(entry.at, now),
        entry.purpose,
        entry.provider,
        say_usd(entry.cost),
        str(entry.tokens),
        said,
    )


def _describe_answer(answer: str) -> str:
    """Return an answer on one line: of a decision its action and why."""
    try:
        told = json.loads(answer)
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict) and isinstance(told.get("rationale"), str):
        answer = f"{told.get('action')}: {told['rationale']}"
    return shorten(answer, LONGEST_ANSWER)


def _draw_whole(entry: Entry, decision: Record | None) -> None:
    facts = {
        "at": _say_instant(entry.at),
        "purpose": entry.purpose,
        "provider": entry.provider if entry.model is None else f"{entry.provider}, {entry.model}",
        "cost": f"{say_usd(entry.cost)}, {entry.tokens} tokens",
        "trouble": entry.trouble,
        "decision": "" if decision is None else describe(decision),
    }
    print_line(Styled(entry.id, "heading"))
    for name, text in facts.items():
        if text:
            print_line(" ", Styled(f"{name:<9}", "dim"), text)
    for name, block in (("sent", entry.prompt), ("answered", entry.answer)):
        if block:
            print_line()
            print_line(Styled(f"{name}:", "heading"))
            print_block(block)


def _say_instant(instant: float) -> str:
    """Return an instant as the person's clock shows it on a terminal, in UTC everywhere else."""
    if sys.stdout.isatty():
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(instant))
    return format_instant(instant)
