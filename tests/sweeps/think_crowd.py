"""Sixty-four wakes at once, again and again, some of them killed: does the provider ever count more than the cap?

python -m tests.sweeps.think_crowd [--processes 64] [--rounds 10] [--seed 7]
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from pathlib import Path

from tests.conftest import ROOT
from tests.think.crowd import run_crowd


def main() -> int:
    """Print each fault, and how many wakes there were; return 1 where there was any fault."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--processes", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    choices, total = random.Random(given.seed), 0
    for number in range(given.rounds):
        with tempfile.TemporaryDirectory(prefix="think-crowd-") as name:
            environ = {"PATH": os.environ["PATH"], "HOME": name, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
            cap, killed = choices.choice([0.005, 0.02, 0.1]), choices.choice([0.1, 0.3, 0.6])
            faults = run_crowd(Path(name), environ, choices, processes=given.processes, cap_usd=cap, killed=killed)
        total += len(faults)
        print(f"round {number + 1}: cap {cap} usd, {killed:.0%} killed: {len(faults)} faults", *faults, sep="\n  ")
    print(f"{given.rounds * given.processes} wakes (seed {given.seed}), {total} faults")
    return int(bool(total))


if __name__ == "__main__":
    sys.exit(main())
