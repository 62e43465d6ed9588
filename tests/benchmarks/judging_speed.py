"""What does it cost to judge one run of each of 10,000 jobs?

    python -m tests.benchmarks.judging_speed [--jobs 10000]

Each job has 40 learnt runs with marks, a watched folder and lines that speak of counts; its memory is decoded, one
run is judged, and the memory is encoded again, as `check` does it.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from dataclasses import replace

from agentkit.heartbeat.bounds import judge
from agentkit.heartbeat.learning import Learned
from agentkit.heartbeat.memory import decode_learned, encode_learned
from agentkit.heartbeat.oddity import Observation
from tests.benchmarks.false_alarms import Job, draw_job, draw_run

DISTINCT = 50


def learn_job(chance: random.Random, *, plain: bool) -> tuple[Job, bytes]:
    """Return a job and its memory of 45 runs; a plain one sets no marks and watches nothing."""
    job, learned = draw_job(chance), Learned()
    for _ in range(45):
        run = draw_run(chance, job)
        learned = judge(learned, strip(run) if plain else run).learned
    return job, encode_learned(learned)


def strip(run: Observation) -> Observation:
    """Return the run without marks and watched paths."""
    return replace(run, counters={}, watched={})


def main(arguments: list[str]) -> int:
    """Print seconds of CPU, MiB and bytes a job."""
    parser = argparse.ArgumentParser(description="speed of decode, judge and encode")
    parser.add_argument("--jobs", type=int, default=10_000)
    options = parser.parse_args(arguments)
    for plain in (True, False):
        chance = random.Random(7)
        jobs = [learn_job(chance, plain=plain) for _ in range(DISTINCT)]
        runs = [draw_run(chance, job) for job, _ in jobs]
        if plain:
            runs = [strip(run) for run in runs]
        began = time.process_time()
        for index in range(options.jobs):
            memory, run = jobs[index % DISTINCT][1], runs[index % DISTINCT]
            encode_learned(judge(decode_learned(memory), run).learned)
        spent = time.process_time() - began
        size = sum(len(memory) for _, memory in jobs) / DISTINCT
        name = "plain jobs" if plain else "jobs with a mark and a watched folder"
        print(
            f"{options.jobs} {name}: {spent:.2f} s of CPU, {1e6 * spent / options.jobs:.0f} µs and {size:.0f} B a job"
        )
    print(f"most memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
