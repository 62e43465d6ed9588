"""What does `agentkit evolve run` do: many candidates from one base, of which the best is kept?"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from agentkit.core.crowd import count_processors
from agentkit.core.errors import AgentkitError, Exit
from agentkit.evolve.batch import begin_batch
from agentkit.evolve.carrying import carry_batch
from agentkit.evolve.forgetting import forget_when_due
from agentkit.evolve.proposing import demand_program, split_words
from agentkit.evolve.tryone import place_program
from agentkit.evolve.tryverb import demand_reason
from agentkit.evolve.workbench import Workbench, demand_base, open_workbench

MOST, MOST_JOBS = 10_000, 64
LOCAL = "local"


@dataclass(frozen=True)
class Asked:
    """The words of `run`; without `jobs` there is one for each processor, without `propose` the configuration says who
    proposes. `allowed` is a person's reason why protected paths may change.
    """

    count: int
    jobs: int | None = None
    executor: str = LOCAL
    propose: str | None = None
    allowed: str | None = None
    as_json: bool = False
    quiet: bool = False


def run_many(folder: str, environ: Mapping[str, str], asked: Asked) -> int:
    """Do what `agentkit evolve run` says, print what came of it, and return the status; raises AgentkitError."""
    jobs = min(count_processors(), MOST_JOBS) if asked.jobs is None else asked.jobs
    if not 1 <= asked.count <= MOST:
        raise AgentkitError(f"--count {asked.count}: expected 1 to {MOST}", status=Exit.USAGE)
    if not 1 <= jobs <= MOST_JOBS:
        raise AgentkitError(f"--jobs {jobs}: expected 1 to {MOST_JOBS}", status=Exit.USAGE)
    if asked.executor != LOCAL:
        raise AgentkitError(
            f"--executor {asked.executor!r} is not known", hint=f"--executor {LOCAL}", status=Exit.USAGE
        )
    demand_reason(asked.allowed)
    given = None if asked.propose is None else place_program(split_words(asked.propose), folder)
    with open_workbench(folder, environ, is_quiet=asked.quiet) as bench:
        argv = given or _find_proposer(bench)
        demand_program(argv, environ, bench.settings)
        standing = demand_base(bench)
        batch = begin_batch(
            bench, standing, argv, allowed=asked.allowed, count=asked.count, jobs=min(jobs, asked.count)
        )
        status = carry_batch(bench, batch, batch.base, as_json=asked.as_json, is_quiet=asked.quiet)
        forget_when_due(bench, time.time())
        return status


def _find_proposer(bench: Workbench) -> tuple[str, ...]:
    if not bench.settings.proposer:
        raise AgentkitError(
            "nobody is there to propose a change: neither --propose nor [evolve] proposer is given",
            hint="agentkit evolve run --count N --propose 'PROGRAM…'",
            status=Exit.CONFIGURATION,
        )
    return bench.settings.proposer
