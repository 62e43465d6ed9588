"""What is open: at work now, cut off half-way, or waiting because the way was not free, and how is that said?"""

from __future__ import annotations

from dataclasses import dataclass

from agentkit.core.claims import is_claim_held
from agentkit.core.statefile import Store
from agentkit.evolve.candidate import DONE, JUDGED, PROPOSING, SHOWN_ID, Candidate, select

AT_WORK, CUT_OFF, WAITS = "at work", "cut off", "waits"
OPEN_STYLES = {AT_WORK: "started", CUT_OFF: "warning", WAITS: "warning"}
BATCHES = f"""
SELECT id, at, repository, proposer, count, claim,
    (SELECT count(*) FROM candidates WHERE batch = batches.id AND step IN ('{JUDGED}', '{DONE}'))
FROM batches WHERE ended_at IS NULL ORDER BY at, id
"""  # noqa: S608  # the names of steps


@dataclass(frozen=True)
class OpenBatch:
    """A run that has not ended: `done` of `count` candidates have their verdict; `at` in seconds since the epoch.

    `reason` is why it does not go on, "" where nobody said it.
    """

    id: str
    at: float
    repository: str
    proposer: str
    count: int
    done: int
    how: str
    reason: str = ""

    @property
    def progress(self) -> str:
        """Return how far it is, and why no farther, for a person."""
        return f"{self.done} of {self.count} judged{f': {self.reason}' if self.reason else ''}"


@dataclass(frozen=True)
class OpenCandidate:
    """A candidate that has not ended: `how` is at work, cut off or waits; `said` is in which step, or for what.

    `is_of_run`: what is to say of it is said of its run, of which it is one of many.
    """

    candidate: Candidate
    how: str
    said: str
    is_of_run: bool = False


@dataclass(frozen=True)
class Underway:
    """All that is open, the oldest first."""

    batches: tuple[OpenBatch, ...]
    candidates: tuple[OpenCandidate, ...]

    @property
    def told(self) -> tuple[OpenCandidate, ...]:
        """Return the candidates of which their run does not say it all."""
        return tuple(one for one in self.candidates if not one.is_of_run)

    @property
    def is_left(self) -> bool:
        """Tell whether any of it is for `resume`."""
        hows = [*(one.how for one in self.batches), *(one.how for one in self.candidates)]
        return any(how != AT_WORK for how in hows)


def find_underway(store: Store) -> Underway:
    """Return what is open in an archive; nothing but its rows and the processes that they name are looked at."""
    found = select(store, f"WHERE step <> '{DONE}' ORDER BY at, id")
    # Whoever gave a run back left the reason with a candidate.
    reasons = {one.batch: one.reason for one in reversed(found) if one.batch and one.reason and one.step != JUDGED}
    batches = []
    for number, at, repository, proposer, count, claim, done in store.select(BATCHES):
        how = _weigh(claim)
        reason = "" if how == AT_WORK else reasons.get(str(number), "")
        texts = (str(repository), str(proposer))
        batches.append(OpenBatch(str(number), float(at or 0.0), *texts, int(count or 0), int(done or 0), how, reason))
    hows = {one.id: one.how for one in batches}
    return Underway(tuple(batches), tuple(explain(one, hows.get(one.batch or "")) for one in found))


def explain(candidate: Candidate, run: str | None) -> OpenCandidate:
    """Return how an open candidate is; `run` is how the run is that it is part of, None where there is none."""
    if candidate.claim is not None and is_claim_held(candidate.claim):
        return OpenCandidate(
            candidate, AT_WORK, _say_step(candidate), is_of_run=run is not None and candidate.step == JUDGED
        )
    if run is not None:
        # Of many, and none of them is anybody's for itself.
        why = "" if candidate.step == JUDGED else candidate.reason
        said = "its run goes on" if run == AT_WORK else why or "its run does not go on"
        return OpenCandidate(candidate, run, said, is_of_run=True)
    if candidate.claim is None and candidate.reason:
        return OpenCandidate(candidate, WAITS, candidate.reason)
    return OpenCandidate(candidate, CUT_OFF, _say_cut(candidate))


def name_candidate(candidate: Candidate) -> str:
    """Return as much of its id as a person reads."""
    return candidate.id[:SHOWN_ID]


def _say_step(candidate: Candidate) -> str:
    if candidate.step != PROPOSING:
        return "accepted, and its run goes on" if candidate.step == JUDGED else "the ratchet judges it"
    if candidate.reverts is not None:
        return "its way back is looked for"
    return "its proposer changes a copy" if candidate.base else "its turn comes"


def _say_cut(candidate: Candidate) -> str:
    if candidate.step != PROPOSING:
        return "accepted, and its run did not end" if candidate.step == JUDGED else "before there was a verdict"
    if candidate.reverts is not None:
        return "before its way back was found"
    return "while its proposer was at work" if candidate.base else "before its turn came"


def _weigh(claim: object) -> str:
    if claim is None:
        return WAITS
    return AT_WORK if isinstance(claim, str) and is_claim_held(claim) else CUT_OFF
