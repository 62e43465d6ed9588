"""How do the candidates of a run get to their verdicts, several at a time?

Workers give evidence; what it comes to is written down here, in this process alone. What has a change goes before what
has none yet, so that each proposer can be told as much as possible of those before it.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import cast

from agentkit.core.claims import name_this_process
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import Record
from agentkit.evolve.batch import Batch
from agentkit.evolve.candidate import DONE, JUDGED, NO_EVIDENCE, PROPOSED_STEP, PROPOSING, REJECTED, Candidate, change
from agentkit.evolve.evaluating import evaluate, limit_work, make_proposal, read_made, read_ruling, write_order
from agentkit.evolve.feedback import write_request
from agentkit.evolve.following import MOVED_ON
from agentkit.evolve.pool import LOSSES_ALONE, Finished, Pool, Task
from agentkit.evolve.trying import (
    MOST_ATTEMPTS,
    Result,
    digest_request,
    end,
    give_back,
    give_up,
    make_change,
    refuse,
    settle,
    take_in,
)
from agentkit.evolve.twins import Twins
from agentkit.evolve.workbench import Workbench

# A ratchet that was killed, or found its lock held, is asked so often before the candidate waits for `resume`.
MOST_ASKED = 3


class SideBySide:
    """The candidates of one run; `tell` hears of each that ends. `fault` is what keeps all others from going on."""

    def __init__(self, bench: Workbench, batch: Batch, pool: Pool, tell: Callable[[Result], None]) -> None:
        self._bench = bench
        self._batch = batch
        self._pool = pool
        self._tell = tell
        self._argv = cast("list[str]", json.loads(batch.argv))
        self._twins = Twins(bench, batch)
        self._asked: Counter[str] = Counter()
        self._proposing: deque[Candidate] = deque()
        self._judging: deque[Candidate] = deque()
        self._at_work: dict[str, Candidate] = {}
        self.fault: AgentkitError | None = None

    def run(self, candidates: Iterable[Candidate], accepted: str) -> None:
        """Take the candidates to their verdicts, each from where it stands; `accepted` is where the branch stands."""
        for candidate in candidates:
            if candidate.step == PROPOSED_STEP:
                self._admit(candidate)
            elif candidate.step == PROPOSING and candidate.commit_id:
                # It was cut off before its ref was written.
                self._go_on(make_change(self._bench, candidate))
            elif candidate.step == PROPOSING:
                self._proposing.append(candidate)
        if accepted != self._batch.base:
            self._give_up()
        self._submit()
        while ended := self._pool.wait():
            for one in ended:
                self._take(one)
            self._submit()

    def _submit(self) -> None:
        while self._pool.has_room and self.fault is None:
            if self._judging:
                self._begin_judging(self._judging.popleft())
            elif self._proposing:
                self._begin_proposing(self._proposing.popleft())
            else:
                return

    def _begin_proposing(self, candidate: Candidate) -> None:
        if candidate.attempts >= MOST_ATTEMPTS:
            self._close(give_up(self._bench, candidate))
            return
        request = candidate.request or write_request(self._bench, candidate, None)
        begun = change(
            self._bench.store,
            candidate,
            request=request,
            prompt_digest=digest_request(request),
            attempts=candidate.attempts + 1,
            claim=name_this_process(),
        )
        self._give(begun, make_proposal, self._argv, is_again=False)

    def _begin_judging(self, candidate: Candidate) -> None:
        is_again = candidate.attempts > 0
        begun = change(self._bench.store, candidate, attempts=candidate.attempts + 1, claim=name_this_process())
        self._asked[begun.id] += 1
        self._give(begun, evaluate, list(self._bench.settings.cheap or ()), is_again=is_again)

    def _give(self, candidate: Candidate, work: Callable[[Record], Record], argv: list[str], *, is_again: bool) -> None:
        self._at_work[candidate.id] = candidate
        order = write_order(self._bench, candidate, argv, is_again=is_again)
        self._pool.submit(Task(candidate.id, work, order, limit_work(self._bench.settings)))

    def _take(self, finished: Finished) -> None:
        candidate, evidence = self._at_work.pop(finished.task.name), finished.evidence
        if evidence is None:
            reason = f"its worker was lost {LOSSES_ALONE} times, and nothing else ran then"
            self._close(end(self._bench, candidate, NO_EVIDENCE, reason))
            return
        try:
            if finished.task.function is make_proposal:
                self._go_on(take_in(self._bench, candidate, read_made(evidence)))
            else:
                self._weigh(replace(candidate, duration_s=candidate.duration_s + _read_seconds(evidence)), evidence)
        except AgentkitError as error:
            # It would be the same for all others: they wait for `resume`, and nothing is paid for them.
            give_back(self._bench, candidate, error.message)
            self.fault = self.fault or error

    def _go_on(self, result: Result) -> None:
        if result.candidate.step == DONE:
            self._close(result)
        else:
            self._admit(result.candidate)

    def _admit(self, candidate: Candidate) -> None:
        """Let a candidate with a commit be judged, unless that is a person's matter or known already."""
        result = refuse(self._bench, candidate) or self._twins.meet(candidate)
        if result is not None:
            self._close(result)
        elif not self._twins.waits(candidate):
            self._judging.append(candidate)

    def _weigh(self, candidate: Candidate, evidence: Record) -> None:
        cheap = evidence.get("cheap")
        if isinstance(cheap, dict):
            state = REJECTED if cheap["is_verdict"] else NO_EVIDENCE
            self._close(end(self._bench, candidate, state, cheap["trouble"]))
            return
        ruling = read_ruling(evidence)
        is_passing = ruling.status == Exit.TRY_LATER or ruling.status > Exit.SIGNAL_BASE
        if ruling.verdict is None and is_passing and self._asked[candidate.id] < MOST_ASKED:
            self._judging.append(candidate)
            return
        self._close(settle(self._bench, candidate, ruling, keeps=False))

    def _close(self, result: Result) -> None:
        """Tell what came of a candidate, and let its twins follow."""
        self._tell(result)
        if result.candidate.state == NO_EVIDENCE and result.candidate.reason == MOVED_ON:
            self._give_up()
            return
        if result.candidate.step not in (DONE, JUDGED):
            return  # it waits for `resume`, and its twins for it
        known, turn = self._twins.settle(result.candidate)
        for one in known:
            self._tell(one)
        if turn is not None:
            self._judging.append(turn)

    def _give_up(self) -> None:
        """End what has no verdict yet: others moved the branch, and none of it could be kept."""
        left = [*self._judging, *self._twins.drop_waiting(), *self._proposing]
        self._judging.clear()
        self._proposing.clear()
        for candidate in left:
            self._tell(end(self._bench, candidate, NO_EVIDENCE, MOVED_ON))


def _read_seconds(evidence: Record) -> float:
    spent = evidence.get("duration_s")
    return spent if isinstance(spent, float) else 0.0
