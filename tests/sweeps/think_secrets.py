"""Plant 10,000 values of a vault in findings, in all spellings: does one of them reach the provider?

python -m tests.sweeps.think_secrets [--values 10000] [--seed 7]
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.think.plantedwakes import wake_with_planted

AT_A_TIME = 100


def main() -> int:
    """Print each leak, and how many values were planted; return 1 where there was any."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--values", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    choices = random.Random(given.seed)
    values = questions = faults = 0
    while values < given.values:
        with tempfile.TemporaryDirectory(prefix="think-secrets-") as name:
            found = wake_with_planted(Path(name), choices, AT_A_TIME)
        values, questions = values + found.values, questions + found.questions
        told = [*found.faults, *(f"{spelling}: {len(piece)} letters of it" for spelling, piece in found.leaks)]
        faults += len(told)
        print(f"{values} planted, {questions} questions", *told, sep="\n  ", flush=True)
    print(f"{values} values in {questions} questions (seed {given.seed}), {faults} faults")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
