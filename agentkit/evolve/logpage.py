"""What was tried, the newest first, and what came of it?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from agentkit.core.asides import say_when, shorten
from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.lines import write_record
from agentkit.core.screen import Cell, Column, Look, Styled, print_table
from agentkit.core.statefile import Store
from agentkit.core.times import format_duration
from agentkit.evolve.candidate import STATES, Candidate, select
from agentkit.evolve.store import open_existing
from agentkit.evolve.telling import STYLES
from agentkit.evolve.underway import OpenCandidate, find_underway, name_candidate
from agentkit.evolve.viewing import has_many_repositories, read_host, say_usd, tell_nothing

COLUMNS = (
    Column("id"),
    Column("when", is_right=True),
    Column("state"),
    Column("kept", rank=1),
    Column("cost", is_right=True, rank=5),
    Column("time", is_right=True, rank=4),
    Column("proposer", folds=True, rank=3),
    Column("reason", folds=True),
    Column("repository", folds=True, rank=2),  # where there are several
)
LONGEST_PROPOSER, LONGEST_REASON = 60, 160
MOST_DRAWN = 200
AT_A_TIME = 100
PLAIN = Look(width=None, has_colour=False, is_live=False, has_bars=False)


def print_log(environ: Mapping[str, str], *, limit: int | None, state: str | None, as_json: bool) -> None:
    """Print the candidates, a line or a record each; a limit of None is all, a state only those of it.

    Raises AgentkitError (usage) for a limit that is no count, and for a state that there is not.
    """
    if limit is not None and limit < 1:
        raise AgentkitError(f"--limit: {limit} is no whole number above 0", status=Exit.USAGE)
    if state is not None and state not in STATES:
        raise AgentkitError(f"--state: {state!r}; expected one of {', '.join(STATES)}", status=Exit.USAGE)
    host, now = read_host(environ), time.time()
    rows: list[list[Cell]] = []
    with open_existing(environ) as store:
        is_placed = store is not None and has_many_repositories(store)
        opened = {} if store is None or as_json else {one.candidate.id: one for one in find_underway(store).candidates}
        for candidate in iterate_newest(store, limit, state) if store is not None else ():
            if as_json:
                write_record(candidate.record(host))
            else:
                cells = _draw(candidate, opened.get(candidate.id), now)
                rows.append(cells if is_placed else cells[:-1])
    if rows:
        # So many are looked through and not read; drawn for a terminal, each would cost a millisecond.
        print_table(COLUMNS if is_placed else COLUMNS[:-1], rows, look=PLAIN if len(rows) > MOST_DRAWN else None)
    elif not as_json and state is not None:
        tell(f"agentkit: no candidate is {state}\n")
    elif not as_json:
        tell_nothing()


def iterate_newest(store: Store, limit: int | None, state: str | None) -> Iterator[Candidate]:
    """Yield the newest candidates, the newest first, a few of them in memory at a time; None is no bound."""
    # LIMIT -1 is none: https://sqlite.org/lang_select.html#the_limit_clause
    words = "SELECT id FROM candidates WHERE ?1 IS NULL OR state = ?1 ORDER BY at DESC, id DESC LIMIT ?2"
    ids = [str(name) for (name,) in store.select(words, (state, -1 if limit is None else limit))]
    for begin in range(0, len(ids), AT_A_TIME):
        some = ids[begin : begin + AT_A_TIME]
        yield from select(store, f"WHERE id IN ({', '.join('?' * len(some))}) ORDER BY at DESC, id DESC", tuple(some))


def _draw(candidate: Candidate, opened: OpenCandidate | None, now: float) -> list[Cell]:
    reason = candidate.reason if opened is None else f"{opened.how}: {opened.said}"
    return [
        name_candidate(candidate),
        say_when(candidate.at, now),
        Styled(candidate.state, STYLES[candidate.state]),
        "yes" if candidate.kept else "-",
        say_usd(candidate.cost_usd),
        format_duration(candidate.duration_s),
        shorten(candidate.proposer, LONGEST_PROPOSER),
        shorten(reason, LONGEST_REASON),
        candidate.repository,
    ]
