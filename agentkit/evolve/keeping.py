"""How is the best of those that were accepted kept, and the next best where that one is rejected now?"""

from __future__ import annotations

from collections.abc import Callable

from agentkit.core.asides import warn
from agentkit.core.claims import name_this_process
from agentkit.core.errors import Exit
from agentkit.evolve.batch import Batch, end_batch, leave_batch, name_best, read_candidates
from agentkit.evolve.candidate import ACCEPTED, DONE, REJECTED, Candidate, change
from agentkit.evolve.choosing import rank
from agentkit.evolve.trying import Result, carry_on
from agentkit.evolve.twins import leave_out_twins
from agentkit.evolve.workbench import Workbench


def keep_best(bench: Workbench, batch: Batch, tell: Callable[[Result], None]) -> int:
    """Keep the best candidate of a run of which each has its verdict, and end the run; return the status.

    That is 0 where one was kept, 1 where none was accepted, 65 where there was no evidence for any, else that of the
    ratchet; the run waits for `resume` then. `tell` hears of each that is tried. Raises AgentkitError as `carry_on`
    does.
    """
    candidates = read_candidates(bench.store, batch)
    kept = next((one for one in candidates if one.kept), None)
    if kept is not None:
        # It was cut off right after that.
        end_batch(bench.store, batch, kept)
        tell(Result(kept, Exit.OK))
        return Exit.OK
    ranked = rank(candidates, bench.settings.score)
    _warn_of_unmeasured(bench, ranked)
    for candidate in leave_out_twins(bench.repository, ranked):
        name_best(bench.store, batch, candidate)
        result = carry_on(bench, change(bench.store, candidate, claim=name_this_process()), keeps=True)
        tell(result)
        if result.candidate.step != DONE:
            leave_batch(bench.store, batch)
            return result.status
        if result.candidate.state != REJECTED:
            end_batch(bench.store, batch, result.candidate if result.candidate.kept else None)
            return result.status
    end_batch(bench.store, batch, None)
    return Exit.FINDINGS if any(one.state in (ACCEPTED, REJECTED) for one in candidates) else Exit.BAD_DATA


def _warn_of_unmeasured(bench: Workbench, ranked: list[Candidate]) -> None:
    for name in bench.settings.score if ranked else ():
        if all(one.metrics.get(name) is None for one in ranked):
            warn(f"[evolve] score: the ratchet measured no {name}")
