"""How does a run of many candidates go from where it stands to its end, and how is that told?"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field

from agentkit.core.asides import warn
from agentkit.core.screen import ProgressLine, Styled, print_line
from agentkit.evolve.batch import Batch, leave_batch, read_candidates
from agentkit.evolve.candidate import DONE, JUDGED
from agentkit.evolve.keeping import keep_best
from agentkit.evolve.pool import Pool, make_local
from agentkit.evolve.sidebyside import SideBySide
from agentkit.evolve.telling import describe, name_the_way_on, tell_result
from agentkit.evolve.trying import Result
from agentkit.evolve.workbench import Workbench


@dataclass
class Teller:
    """What tells of a run: a line or a record for each candidate that ends, and on a terminal how far it is."""

    bench: Workbench
    batch: Batch
    line: ProgressLine
    as_json: bool
    is_quiet: bool
    counts: Counter[str] = field(default_factory=Counter)
    # Of those that have to wait for `resume`.
    waiting: list[int] = field(default_factory=list)

    def hear(self, result: Result) -> None:
        """Tell what came of a candidate."""
        self.line.clear()
        tell_result(self.bench, result, as_json=self.as_json, is_quiet=self.is_quiet)
        if result.candidate.step in (DONE, JUDGED):
            self.counts[result.candidate.state] += 1
        else:
            self.waiting.append(result.status)
        self.show()

    def show(self) -> None:
        """Show how far it is."""
        if self.is_quiet or not sys.stderr.isatty():
            return
        told = ", ".join(f"{count} {state}" for state, count in self.counts.items())
        self.line.show(told or "proposing", self.counts.total(), self.batch.count)

    def hear_of_choice(self, result: Result) -> None:
        """Tell whether the best one was kept."""
        self.line.clear()
        if result.candidate.kept and not self.as_json:
            if not self.is_quiet:
                print_line(Styled("kept", "ok"), describe(result.candidate))
        else:
            tell_result(self.bench, result, as_json=self.as_json, is_quiet=self.is_quiet)
        if result.candidate.step == JUDGED:
            warn(f"it waits for agentkit evolve resume: {result.candidate.reason}")


def carry_batch(bench: Workbench, batch: Batch, accepted: str, *, as_json: bool, is_quiet: bool) -> int:
    """Take a run of this process to its end, and return the status (see `keep_best`); `accepted` is where the branch
    stands now.

    Raises AgentkitError where something keeps all of its candidates from going on; they wait for `resume` then.
    """
    candidates = read_candidates(bench.store, batch)
    teller = Teller(bench, batch, ProgressLine(sys.stderr, bench.environ), as_json, is_quiet)
    teller.counts.update(one.state for one in candidates if one.step in (DONE, JUDGED))
    is_ended = False
    with name_the_way_on():
        try:
            with Pool(make_local, batch.jobs) as pool:
                teller.show()
                course = SideBySide(bench, batch, pool, teller.hear)
                course.run(candidates, accepted)
            if course.fault is not None:
                raise course.fault
            status = max(teller.waiting) if teller.waiting else keep_best(bench, batch, teller.hear_of_choice)
            is_ended = not teller.waiting
        finally:
            teller.line.clear()
            if not is_ended:
                leave_batch(bench.store, batch)
    if teller.waiting:
        count = len(teller.waiting)
        warn(f"{count} {'candidate waits' if count == 1 else 'candidates wait'} for agentkit evolve resume")
    return status
