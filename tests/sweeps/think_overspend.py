"""Ten thousand times: do 64 processes that spend at once, killed at any moment, ever spend above a cap?

    python -m tests.sweeps.think_overspend [--trials 10000] [--processes 64] [--seed 5]

Each trial is a process that reserves, calls and settles; six of ten are killed somewhere in it. What they called stands
in a file of a referee, who holds each hour, day and month of it against the caps.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.think.overspending import spend_at_once


def main(trials: int, processes: int, seed: int) -> int:
    """Print what became of the trials and how far each cap was used; return 1 where anything was wrong."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        found = spend_at_once(Path(name) / "home", trials, processes, seed)
    killed = ", ".join(f"{count} {stage}" for stage, count in found.killed.items())
    print(f"{found.trials} trials, {processes} at a time (seed {seed}): {time.monotonic() - begun:.0f} s")
    print(f"  {found.ended} ended, {found.over_budget} over budget, {found.busy} found it locked for too long")
    print(f"  {sum(found.killed.values())} killed: {killed}")
    print(f"  {found.calls} calls were made; the fullest of each window, by what was really spent:")
    print(*(f"  {name:17} {part:7.2%}" for name, part in found.use.items()), sep="\n")
    print(f"{len(found.faults)} faults", *found.faults[:50], sep="\n  ")
    return int(bool(found.faults))


if __name__ == "__main__":
    words = argparse.ArgumentParser()
    for option, value in (("--trials", 10_000), ("--processes", 64), ("--seed", 5)):
        words.add_argument(option, type=int, default=value)
    given = words.parse_args()
    sys.exit(main(given.trials, given.processes, given.seed))
