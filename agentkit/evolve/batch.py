"""What is a run of many candidates: as it stands in the archive, from before the first proposer to its end?"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, fields, replace

from agentkit.core.claims import is_claim_held, name_this_process
from agentkit.core.ids import new_id
from agentkit.core.statefile import Store
from agentkit.evolve.candidate import DONE, JUDGED, Candidate, add, find_parent, select
from agentkit.evolve.judge import Standing
from agentkit.evolve.proposing import name_proposer
from agentkit.evolve.workbench import Workbench

# Those of one run keep their order, whatever the clock does.
APART_S = 1e-6


@dataclass(frozen=True)
class Batch:
    """One run; what stands in the archive under these names. `best` is the id of the candidate that is being kept, or
    was.
    """

    id: str
    at: float
    repository: str
    branch: str
    base: str
    proposer: str
    argv: str
    allowed: str | None
    count: int
    jobs: int
    ended_at: float | None = None
    best: str | None = None
    claim: str | None = None


COLUMNS = tuple(spot.name for spot in fields(Batch))
INSERT = f"INSERT INTO batches ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608
OPEN = f"SELECT {', '.join(COLUMNS)} FROM batches WHERE ended_at IS NULL ORDER BY at, id"  # noqa: S608


def begin_batch(
    bench: Workbench, standing: Standing, argv: tuple[str, ...], *, allowed: str | None, count: int, jobs: int
) -> Batch:
    """Write a run down as this process's work, with all of its candidates: all of them, or nothing."""
    now, words = time.time(), json.dumps(argv)
    batch = Batch(
        new_id(now), now, bench.repository.root, standing.branch, standing.accepted, name_proposer(argv), words,
        allowed, count, jobs, claim=name_this_process(),
    )  # fmt: skip
    first = Candidate(
        "", now, batch.repository, batch.branch, batch.base, batch.proposer,
        argv=words, batch=batch.id, allowed=allowed,
    )  # fmt: skip
    first = replace(first, parent=find_parent(bench.store, first.base))
    with bench.store.transaction():
        bench.store.execute(INSERT, [getattr(batch, name) for name in COLUMNS])
        for number in range(count):
            add(bench.store, replace(first, id=new_id(now), at=now + number * APART_S))
    return batch


def read_candidates(store: Store, batch: Batch) -> list[Candidate]:
    """Return the candidates of a run, in its order."""
    return select(store, "WHERE batch = ? ORDER BY at, id", (batch.id,))


def claim_batches(store: Store) -> list[Batch]:
    """Return the runs that have not ended and that nobody works on, as this process's work."""
    ours = name_this_process()
    with store.transaction():
        found = [Batch(*row) for row in store.select(OPEN)]  # type: ignore[arg-type]  # as they were written
        left = [one for one in found if one.claim is None or not is_claim_held(one.claim)]
        store.execute_many("UPDATE batches SET claim = ? WHERE id = ?", [(ours, one.id) for one in left])
    return [replace(one, claim=ours) for one in left]


def name_best(store: Store, batch: Batch, candidate: Candidate) -> None:
    """Write down which one is about to be kept."""
    store.execute("UPDATE batches SET best = ? WHERE id = ?", (candidate.id, batch.id))


def leave_batch(store: Store, batch: Batch) -> None:
    """Leave a run that cannot go on now, and its candidates, to whoever comes next."""
    with store.transaction():
        store.execute("UPDATE batches SET claim = NULL WHERE id = ?", (batch.id,))
        store.execute("UPDATE candidates SET claim = NULL WHERE batch = ?", (batch.id,))


def end_batch(store: Store, batch: Batch, kept: Candidate | None) -> None:
    """Write down that a run has ended, and which candidate of it was kept; the others are filed."""
    with store.transaction():
        store.execute(
            "UPDATE candidates SET step = ?, claim = NULL WHERE batch = ? AND step = ?", (DONE, batch.id, JUDGED)
        )
        best = None if kept is None else kept.id
        words = "UPDATE batches SET ended_at = ?, best = ?, claim = NULL WHERE id = ?"
        store.execute(words, (time.time(), best, batch.id))
