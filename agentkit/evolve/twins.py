"""Which candidates are the same change, so that one of them is judged for all?

The same tree on the same base: of the run itself, or of what was tried before. A twin waits while the other one is
judged, and takes its verdict; where there is none in the end, it is its turn.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from agentkit.core.repo.blobs import read_objects
from agentkit.core.repo.repository import Repository
from agentkit.evolve.batch import Batch
from agentkit.evolve.candidate import ACCEPTED, JUDGED, REJECTED, SHOWN_ID, Candidate, change, select
from agentkit.evolve.trying import Result, end
from agentkit.evolve.workbench import Workbench

# What was rejected without a verdict was so by settings that may be others today, but not within a run.
EARLIER = """
SELECT id, commit_id FROM candidates WHERE repository = ? AND base = ? AND commit_id IS NOT NULL
    AND (allowed IS NULL) = ? AND (state IN ('accepted', 'reverted') AND verdict IS NOT NULL
        OR state = 'rejected' AND (verdict IS NOT NULL OR batch = ?)) ORDER BY at, id
"""


class Twins:
    """The changes on one base by their trees: who has an answer, who is being judged, and who waits for that."""

    def __init__(self, bench: Workbench, batch: Batch) -> None:
        self._bench = bench
        rows = bench.store.select(EARLIER, (batch.repository, batch.base, batch.allowed is None, batch.id))
        trees = read_trees(bench.repository, [str(commit) for _, commit in rows])
        self._known: dict[str, str] = {}
        for name, commit in rows:
            if str(commit) in trees:
                self._known.setdefault(trees[str(commit)], str(name))
        self._trees: dict[str, str] = {}
        self._waiting: dict[str, list[Candidate]] = {}

    def meet(self, candidate: Candidate) -> Result | None:
        """Return what is known of a candidate by its twin; None where it has to be judged, or waits (see `waits`)."""
        tree = read_trees(self._bench.repository, [str(candidate.commit_id)])[str(candidate.commit_id)]
        self._trees[candidate.id] = tree
        if tree in self._known:
            return self._take_over(candidate, self._known[tree])
        if tree in self._waiting:
            self._waiting[tree].append(candidate)
        else:
            self._waiting[tree] = []
        return None

    def waits(self, candidate: Candidate) -> bool:
        """Tell whether a candidate waits for its twin."""
        return any(one.id == candidate.id for one in self._waiting[self._trees[candidate.id]])

    def settle(self, candidate: Candidate) -> tuple[list[Result], Candidate | None]:
        """Take in the end of one that was judged: what its twins come to, or which of them is to be judged now."""
        tree = self._trees.get(candidate.id, "")
        waiting = self._waiting.pop(tree, [])
        if candidate.state in (ACCEPTED, REJECTED):
            self._known.setdefault(tree, candidate.id)
            return [self._take_over(one, candidate.id) for one in waiting], None
        if not waiting:
            return [], None
        self._waiting[tree] = waiting[1:]
        return [], waiting[0]

    def drop_waiting(self) -> list[Candidate]:
        """Return those that wait, and wait for none of them any more."""
        waiting = [one for each in self._waiting.values() for one in each]
        self._waiting = {tree: [] for tree in self._waiting}
        return waiting

    def _take_over(self, candidate: Candidate, name: str) -> Result:
        [known] = select(self._bench.store, "WHERE id = ?", (name,))
        reason = f"the same change as {name[:SHOWN_ID]}: {_find_reason(known)}"
        if known.state == REJECTED:
            judged = change(self._bench.store, candidate, verdict=known.verdict)
            return end(self._bench, judged, REJECTED, reason)
        judged = change(
            self._bench.store, candidate, step=JUDGED, state=ACCEPTED, reason=reason, verdict=known.verdict, claim=None
        )
        return Result(judged, 0)


def read_trees(repository: Repository, commits: Sequence[str]) -> dict[str, str]:
    """Return {commit: its tree} of those that are there."""
    found = read_objects(repository, [f"{commit}^{{tree}}" for commit in commits])
    return {commit: one.name for commit, one in zip(commits, found, strict=True) if one is not None}


def leave_out_twins(repository: Repository, candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return the candidates without those that are the same change as one before them."""
    given = list(candidates)
    trees = read_trees(repository, [str(one.commit_id) for one in given])
    first: dict[str, Candidate] = {}
    for one in given:
        first.setdefault(trees.get(str(one.commit_id), one.id), one)
    return list(first.values())


def _find_reason(candidate: Candidate) -> str:
    """Return why it was answered so; what became of it afterwards may stand in its place."""
    verdict = json.loads(candidate.verdict) if candidate.verdict else {}
    return str(verdict.get("reason") or candidate.reason)
