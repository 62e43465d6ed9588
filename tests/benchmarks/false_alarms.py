"""How often do learnt bounds cry wolf over healthy jobs, and how often do they name a bad run?

    python -m tests.benchmarks.false_alarms [--jobs 200] [--seed 20261122]

A job here shows everything that a real run shows (duration, CPU, lines, bytes, blocks, memory, a mark, a watched
folder, a last line that speaks of a count), each channel with its own noise. Findings are counted per judged run,
one for each channel, information included: no grouping flatters the figures.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log

from agentkit.heartbeat.bounds import Judgement, judge
from agentkit.heartbeat.learning import QUIET_RUNS, Learned
from agentkit.heartbeat.oddity import Observation

RUNS = 60
BAR_PER_1000 = 1.0


@dataclass(frozen=True, slots=True)
class Job:
    """The usual size of a job's runs and how much they spread (standard deviation of logs)."""

    spread: float
    duration_s: float
    cpu_s: float
    lines: float
    line_bytes: float
    blocks: float
    rss_bytes: float
    items: float
    stderr_lines: float
    page_faults: float
    written: float


def draw_job(chance: random.Random, spread: tuple[float, float] = (0.1, 0.4)) -> Job:
    """Return a job from 0.1 s to an hour, with 3 to 3,000 lines of output."""
    duration = exp(chance.uniform(log(0.1), log(3600)))
    return Job(
        chance.uniform(*spread),
        duration,
        duration * chance.uniform(0.05, 1.0),
        exp(chance.uniform(log(3), log(3000))),
        chance.uniform(20, 120),
        exp(chance.uniform(log(8), log(1e6))),
        exp(chance.uniform(log(3e6), log(5e8))),
        exp(chance.uniform(log(5), log(1e5))),
        chance.choice((0.0, 0.0, 4.0, 40.0)),
        exp(chance.uniform(log(150), log(1e6))),
        exp(chance.uniform(log(100), log(1e8))),
    )


def draw_run(chance: random.Random, job: Job, size: float = 1.0, *, only: str = "") -> Observation:
    """Return one run whose work is `size` times the usual; `only` restricts that to one channel."""

    def noisy(usual: float, channel: str) -> float:
        factor = size if only in ("", channel) else 1.0
        return usual * factor * exp(chance.gauss(0, job.spread))

    def counted(usual: float, channel: str) -> int:
        value = noisy(usual, channel)
        # A healthy run never says less than 1; a bad one may say nothing at all.
        return max(1, round(value)) if size >= 1 or only not in ("", channel) else round(value)

    lines, items = counted(job.lines, "lines"), counted(job.items, "items")
    duration = noisy(job.duration_s, "duration")
    stderr = counted(job.stderr_lines, "stderr") if job.stderr_lines else int(chance.random() < 0.02)
    clock = f"2026-11-{chance.randrange(1, 31):02d} {chance.randrange(24):02d}:{chance.randrange(60):02d}:00"
    return Observation(
        duration_s=duration,
        cpu_s=noisy(job.cpu_s, "cpu"),
        stdout_lines=lines,
        stdout_bytes=lines and round(lines * job.line_bytes * exp(chance.gauss(0, job.spread))) + 1,
        stderr_lines=stderr,
        stderr_bytes=stderr * 70,
        blocks_out=round(noisy(job.blocks, "blocks")),
        max_rss_bytes=noisy(job.rss_bytes, "rss"),
        # However little it does, to start a program takes some: 60 for dash.
        written_bytes=round(noisy(job.written, "written")),
        page_faults=60 + round(noisy(job.page_faults, "faults")),
        counters={"items": items},
        watched={"/srv/out": (items * 1000, items, f"{chance.getrandbits(64):016x}")},
        output_sha256=f"{chance.getrandbits(256):064x}",
        tail=f"{clock} started by 1000\n{clock} exported {items} rows in {duration:.0f}s, 0 errors\n" if lines else "",
    )


def draw_idle_run(chance: random.Random) -> Observation:
    """Return a run that found nothing to do."""
    return Observation(
        duration_s=chance.uniform(0.01, 0.02),
        cpu_s=0.01,
        stdout_lines=0,
        stdout_bytes=0,
        stderr_lines=0,
        stderr_bytes=0,
        blocks_out=0,
        max_rss_bytes=3e6,
        written_bytes=0,
        page_faults=64 + chance.randrange(4),
        counters={"items": 0},
    )


def draw_poisson(chance: random.Random, mean: float) -> int:
    """Return a count that is Poisson (Knuth's product of uniforms)."""
    limit, product, count = exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count


Draw = Callable[[random.Random, Job, int], Observation]


def _poisson(mean: float) -> Draw:
    def draw(chance: random.Random, _job: Job, _run: int) -> Observation:
        lines, rows = draw_poisson(chance, mean), draw_poisson(chance, mean)
        return Observation(
            duration_s=1.0 * exp(chance.gauss(0, 0.2)),
            stdout_lines=lines,
            stdout_bytes=lines * 40,
            counters={"items": draw_poisson(chance, mean)},
            tail=f"exported {rows} rows\n",
        )

    return draw


def _sized(size: Callable[[int], float]) -> Draw:
    return lambda chance, job, run: draw_run(chance, job, size(run))


def _often_idle(chance: random.Random, job: Job, _run: int) -> Observation:
    return draw_idle_run(chance) if chance.random() < 0.1 else draw_run(chance, job)


def _often_long(chance: random.Random, job: Job, _run: int) -> Observation:
    return draw_run(chance, job, 10.0 if chance.random() < 1 / 12 else 1.0)


# The bar holds over these: what healthy jobs do.
NATURAL: dict[str, Draw] = {
    "log-normal": _sized(lambda _: 1.0),
    "growing 2% a run": _sized(lambda run: 1.02**run),
    "shrinking 2% a run": _sized(lambda run: 100 * 0.98**run),
    "two kinds of days, 10 times": _sized(lambda run: 10.0 if run % 7 >= 5 else 1.0),
    "each twelfth long, 10 times": _sized(lambda run: 10.0 if run % 12 == 11 else 1.0),
    "lighter days, a tenth": _sized(lambda run: 0.1 if run % 7 >= 5 else 1.0),
    "weekly heavy, 30 times": _sized(lambda run: 30.0 if run % 7 == 3 else 1.0),
}
# And these are measured: rare or ragged by nature.
RAGGED: dict[str, Draw] = {
    "idle each tenth run": lambda chance, job, run: draw_idle_run(chance) if run % 10 == 9 else draw_run(chance, job),
    "idle one time in ten, by chance": _often_idle,
    "each twelfth short, a tenth": _sized(lambda run: 0.1 if run % 12 == 11 else 1.0),
    "long one time in twelve, by chance": _often_long,
    "Poisson 20": _poisson(20),
    "Poisson 3": _poisson(3),
    "daily job, heavy once in 28 days": _sized(lambda run: 10.0 if run % 28 == 27 else 1.0),
    "hourly job, weekends 10 times": _sized(lambda run: 10.0 if run % 168 >= 120 else 1.0),
}
LONGER = {"daily job, heavy once in 28 days": 10 * 28, "hourly job, weekends 10 times": 4 * 168}


@dataclass(slots=True)
class Count:
    """How many findings the judged runs of one kind of job gave."""

    judged: int = 0
    odd_runs: int = 0
    low: int = 0
    high: int = 0
    other: int = 0


def count_false_alarms(chance: random.Random, draw: Draw, jobs: int, runs: int = RUNS) -> Count:
    """Return what healthy jobs of one kind are accused of."""
    count = Count()
    for _ in range(jobs):
        job, learned = draw_job(chance), Learned()
        for run in range(runs):
            judgement = judge(learned, draw(chance, job, run))
            learned = judgement.learned
            if run < QUIET_RUNS:
                continue
            count.judged += 1
            count.odd_runs += bool(judgement.oddities)
            for oddity in judgement.oddities:
                if oddity.type in ("too-slow", "too-large"):
                    count.high += 1
                elif oddity.type in ("too-fast", "too-small"):
                    count.low += 1
                else:
                    count.other += 1
    return count


def count_named(chance: random.Random, jobs: int, spread: float, size: float, only: str) -> tuple[int, int]:
    """Return how many jobs have their bad 26th run named, and how many their 26th, 27th and 28th."""
    first = all_three = 0
    for _ in range(jobs):
        job, learned = draw_job(chance, (spread, spread)), Learned()
        for _ in range(25):
            learned = judge(learned, draw_run(chance, job)).learned
        named = []
        for _ in range(3):
            judgement: Judgement = judge(learned, draw_run(chance, job, size, only=only))
            learned = judgement.learned
            named.append(bool(judgement.oddities))
        first += named[0]
        all_three += all(named)
    return first, all_three


def _rate(part: int, whole: int) -> str:
    return f"{1000 * part / whole:8.2f}"


def main(arguments: list[str]) -> int:
    """Print the tables; status 1 when the bar over the natural kinds does not hold."""
    parser = argparse.ArgumentParser(description="false alarms and power of the learnt bounds")
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20261122)
    options = parser.parse_args(arguments)
    chance = random.Random(options.seed)
    began = time.process_time()
    print(f"seed {options.seed}, {options.jobs} jobs of {RUNS} runs of each kind; findings per 1,000 judged runs")
    print(f"{'kind':36}{'judged':>8}{'odd runs':>9}{'low':>8}{'high':>8}{'other':>8}")
    total = Count()
    for kinds in (NATURAL, RAGGED):
        for name, draw in kinds.items():
            count = count_false_alarms(chance, draw, options.jobs, LONGER.get(name, RUNS))
            shares = (count.odd_runs, count.low, count.high, count.other)
            print(f"{name:36}{count.judged:8}" + "".join(_rate(part, count.judged) for part in shares), flush=True)
            if kinds is NATURAL:
                total.judged += count.judged
                total.odd_runs += count.odd_runs
                total.low += count.low
                total.high += count.high
                total.other += count.other
        if kinds is NATURAL:
            shares = (total.odd_runs, total.low, total.high, total.other)
            print(f"{'ALL NATURAL KINDS':36}{total.judged:8}" + "".join(_rate(part, total.judged) for part in shares))
    bound = 1000 / (QUIET_RUNS + 1), 1000 / 41
    print(f"distribution-free bound per channel and side: {bound[0]:.1f} at n = 20, {bound[1]:.1f} at n = 40")
    print()
    print("share of bad 26th runs named (and of jobs with runs 26, 27 and 28 all named)")
    sizes = (0.0, 0.03, 0.1, 0.3)
    print(f"{'':36}" + "".join(f"size {size:.0%}".rjust(18) for size in sizes))
    for only in ("", "duration", "lines"):
        for spread in (0.1, 0.2, 0.4):
            cells = []
            for size in sizes:
                first, all_three = count_named(chance, options.jobs, spread, size, only)
                cells.append(f"{first / options.jobs:9.1%} ({all_three / options.jobs:5.0%})".rjust(18))
            name = f"{only or 'all channels'}, spread {spread}"
            print(f"{name:36}" + "".join(cells), flush=True)
    found = total.low + total.high + total.other
    held = found * 1000 <= BAR_PER_1000 * total.judged
    print()
    verdict = "holds" if held else "DOES NOT HOLD"
    print(f"{found} false findings in {total.judged} healthy runs of natural kinds: the bar of 1 in 1,000 {verdict}")
    print(f"{time.process_time() - began:.0f} s of CPU")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
