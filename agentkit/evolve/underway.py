"""What is open: at work now, cut off half-way, or waiting because the way was not free, and how is that said?"""

from __future__ import annotations

from dataclasses import dataclass

from agentkit.core.claims import is_claim_held
from agentkit.core.statefile import Store
from agentkit.evolve.candidate import DONE, JUDGED, PROPOSED_STEP, PROPOSING, SHOWN_ID, Candidate, select

AT_WORK, CUT_OFF, WAITS = "at work", "cut off", "waits"
OPEN_STYLES = {AT_WORK: "started", CUT_OFF: "warning", WAITS: "warning"}
BATCHES = f"""
SELECT id, at, proposer, count, claim,
    (SELECT count(*) FROM candidates WHERE batch = batches.id AND step IN ('{JUDGED}', '{DONE}'))
FROM batches WHERE ended_at IS NULL ORDER BY at, id
"""  # noqa: S608  # the names of steps
WORDS = {
    AT_WORK: {
        PROPOSING: "its proposer changes a copy",
        PROPOSED_STEP: "the ratchet judges it",
        JUDGED: "accepted, and its run goes on",
    },
    CUT_OFF: {
        PROPOSING: "while its proposer was at work",
        PROPOSED_STEP: "before there was a verdict",
        JUDGED: "accepted, and its run did not end",
    },
}


@dataclass(frozen=True)
class OpenBatch:
    """A run that has not ended: `done` of `count` candidates have their verdict; `at` in seconds since the epoch."""

    id: str
    at: float
    proposer: str
    count: int
    done: int
    how: str

    @property
    def progress(self) -> str:
        """Return how far it is, for a person."""
        return f"{self.done} of {self.count} judged"


@dataclass(frozen=True)
class OpenCandidate:
    """A candidate that has not ended: `how` is at work, cut off or waits; `said` is in which step, or for what."""

    candidate: Candidate
    how: str
    said: str


@dataclass(frozen=True)
class Underway:
    """All that is open, the oldest first."""

    batches: tuple[OpenBatch, ...]
    candidates: tuple[OpenCandidate, ...]

    @property
    def is_left(self) -> bool:
        """Tell whether any of it is for `resume`."""
        hows = [*(one.how for one in self.batches), *(one.how for one in self.candidates)]
        return any(how != AT_WORK for how in hows)


def find_underway(store: Store) -> Underway:
    """Return what is open in an archive; nothing but its rows and the processes that they name are looked at."""
    batches = tuple(
        OpenBatch(str(number), float(at or 0.0), str(proposer), int(count or 0), int(done or 0), _weigh(claim))
        for number, at, proposer, count, claim, done in store.select(BATCHES)
    )
    at_work = {one.id for one in batches if one.how == AT_WORK}
    found = select(store, f"WHERE step <> '{DONE}' ORDER BY at, id")
    return Underway(batches, tuple(explain(one, is_run_alive=one.batch in at_work) for one in found))


def explain(candidate: Candidate, *, is_run_alive: bool) -> OpenCandidate:
    """Return how an open candidate is; in a run that goes on, what nobody works on has its turn later."""
    if candidate.claim is not None and is_claim_held(candidate.claim):
        return OpenCandidate(candidate, AT_WORK, WORDS[AT_WORK][candidate.step])
    if is_run_alive:
        said = WORDS[AT_WORK][JUDGED] if candidate.step == JUDGED else "its turn comes"
        return OpenCandidate(candidate, AT_WORK, said)
    if candidate.claim is None and candidate.reason and candidate.step != JUDGED:
        return OpenCandidate(candidate, WAITS, candidate.reason)
    return OpenCandidate(candidate, CUT_OFF, WORDS[CUT_OFF][candidate.step])


def name_candidate(candidate: Candidate) -> str:
    """Return as much of its id as a person reads."""
    return candidate.id[:SHOWN_ID]


def _weigh(claim: object) -> str:
    return AT_WORK if isinstance(claim, str) and is_claim_held(claim) else CUT_OFF
