"""A nightly export as it runs when all is well, for the stories in which it then does not."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from math import exp

from agentkit.heartbeat.bounds import NOTHING_DECLARED, Expectations, Judgement, judge
from agentkit.heartbeat.learning import Learned
from agentkit.heartbeat.oddity import Observation


def draw_healthy(chance: random.Random, seconds: float = 65.0) -> Observation:
    rows = chance.randrange(900, 1100)
    return Observation(
        duration_s=seconds * exp(chance.gauss(0, 0.1)),
        cpu_s=seconds / 4 * exp(chance.gauss(0, 0.1)),
        stdout_lines=12,
        stdout_bytes=600 + chance.randrange(-20, 20),
        stderr_lines=0,
        stderr_bytes=0,
        blocks_out=chance.randrange(4000, 5000),
        max_rss_bytes=chance.randrange(30_000_000, 31_000_000),
        counters={"items": rows},
        watched={"/srv/mirror": (rows * 1000, chance.randrange(198, 203), f"{chance.getrandbits(256):064x}")},
        output_sha256=f"{chance.getrandbits(256):064x}",
        tail=f"2026-11-22 03:00:00 start\nexported {rows} rows in {chance.randrange(0, 3)}s\n0 errors\n",
    )


def teach(runs: Iterable[Observation], learned: Learned | None = None) -> Learned:
    """Return the memory after these runs, each of which must be found healthy."""
    learned = learned or Learned()
    for run in runs:
        judgement = judge(learned, run)
        assert judgement.oddities == ()
        learned = judgement.learned
    return learned


def teach_healthy(count: int = 25, seed: int = 1, **changes: object) -> tuple[random.Random, Learned]:
    """Return the source of chance and the memory after `count` healthy runs, each changed in the same way."""
    chance = random.Random(seed)
    return chance, teach(replace(draw_healthy(chance), **changes) for _ in range(count))  # type: ignore[arg-type]


def judge_all(
    learned: Learned, runs: Iterable[Observation], expectations: Expectations = NOTHING_DECLARED
) -> list[Judgement]:
    judgements = []
    for run in runs:
        judgements.append(judge(learned, run, expectations=expectations))
        learned = judgements[-1].learned
    return judgements


def types_of(judgement: Judgement) -> set[str]:
    return {oddity.type for oddity in judgement.oddities}
