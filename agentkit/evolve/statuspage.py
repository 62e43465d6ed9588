"""What is under way now, what was left, and what came of the last one?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from agentkit.core.asides import say_when, shorten
from agentkit.core.lines import write_record
from agentkit.core.screen import Cell, Column, Styled, print_fact, print_line, print_table
from agentkit.evolve.candidate import SHOWN_ID, Candidate
from agentkit.evolve.store import open_existing
from agentkit.evolve.telling import STYLES, describe
from agentkit.evolve.underway import AT_WORK, OPEN_STYLES, Underway, find_underway, name_candidate
from agentkit.evolve.viewing import find_last, has_many_repositories, read_host, tell_nothing

COLUMNS = (
    Column("id"),
    Column("begun", is_right=True),
    Column("is"),
    Column("what", folds=True),
    Column("proposer", folds=True, rank=2),
    Column("repository", folds=True, rank=1),  # where there are several
)
MOST_SHOWN = 50
LONGEST_PROPOSER, LONGEST_REASON = 60, 300


def print_status(environ: Mapping[str, str], *, as_json: bool) -> None:
    """Print what is open, the runs first and then the oldest, and the last that ended; or the records of what is open.

    A record has `at_work` besides: whether somebody works on it, or `resume` has to take it up.
    """
    host = read_host(environ)
    with open_existing(environ) as store:
        found = Underway((), ()) if store is None else find_underway(store)
        last = None if store is None else find_last(store)
        is_placed = store is not None and has_many_repositories(store)
    if as_json:
        for one in found.candidates:
            write_record({**one.candidate.record(host), "at_work": one.how == AT_WORK})
        return
    if last is None and not found.batches and not found.candidates:
        tell_nothing()
        return
    _draw(found, last, time.time(), is_placed=is_placed)


def _draw(found: Underway, last: Candidate | None, now: float, *, is_placed: bool) -> None:
    rows = list(_list_rows(found, now))
    if rows:
        columns, shown = (COLUMNS, rows) if is_placed else (COLUMNS[:-1], [row[:-1] for row in rows])
        print_table(columns, shown[:MOST_SHOWN])
        if len(rows) > MOST_SHOWN:
            print_line(Styled(f"and {len(rows) - MOST_SHOWN} more: agentkit evolve status --json", "dim"))
    else:
        print_line("nothing is under way")
    if found.is_left:
        print_fact((Styled("next", "dim"),), "agentkit evolve resume")
    if last is not None:
        told = shorten(describe(last, is_placed=is_placed), LONGEST_REASON)
        state = Styled(last.state, STYLES[last.state])
        print_fact((Styled("last", "dim"),), state, f"{say_when(last.ended_at, now)},", told)


def _list_rows(found: Underway, now: float) -> Iterator[list[Cell]]:
    for batch in found.batches:
        yield [
            batch.id[:SHOWN_ID],
            say_when(batch.at, now),
            Styled(batch.how, OPEN_STYLES[batch.how]),
            f"a run: {batch.progress}",
            shorten(batch.proposer, LONGEST_PROPOSER),
            batch.repository,
        ]
    for one in found.told:
        yield [
            name_candidate(one.candidate),
            say_when(one.candidate.at, now),
            Styled(one.how, OPEN_STYLES[one.how]),
            shorten(one.said, LONGEST_REASON),
            shorten(one.candidate.proposer, LONGEST_PROPOSER),
            one.candidate.repository,
        ]
