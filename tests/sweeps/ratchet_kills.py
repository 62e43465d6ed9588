"""Kill accept, rollback and a rejection at every system call that changes anything: is all consistent, and all there?

    python -m tests.sweeps.ratchet_kills [SEED] [every] [accept|work tree|rollback|reject]

Each kill is a SIGKILL that strace injects into a real process: into the program alone, into one git that it started,
or into both at once. After it everyone's work is looked at, the next start heals, and the move is made again. Of the
calls that change nothing a sample is taken; with `every` all are struck.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from tests.ratchet.moves import WORDS
from tests.ratchet.striking import Anvil, choose_points

OTHERS = 60


def main(seed: int, whats: tuple[str, ...], others: int | None) -> int:
    """Print how many strikes each move got and every fault; return 1 if there was one."""
    choices = random.Random(seed)
    total, faults = 0, []
    with tempfile.TemporaryDirectory() as name:
        for what in whats:
            begun = time.monotonic()
            anvil = Anvil(what, Path(name) / what.replace(" ", "-"))
            points = anvil.list_points()
            chosen = choose_points(points, choices, None, others)
            found = []
            for point in chosen:
                told = anvil.strike(point)
                print(*told, sep="\n", end="\n" if told else "", flush=True)
                found += told
            total += len(chosen)
            faults += found
            changing = sum(point.is_changing for point in chosen)
            ends = ", ".join(f"{count} ended with {status}" for status, count in sorted(anvil.ends.items()))
            print(
                f"{what:9} {len(chosen)} of {len(points)} points ({changing} change something): {ends}; "
                f"{len(found)} faults; slowest healing start {anvil.slowest_s:.2f} s "
                f"({time.monotonic() - begun:.0f} s)",
                flush=True,
            )
    print(f"{total} kills (seed {seed}), {len(faults)} faults", *faults, sep="\n  ")
    return int(bool(faults))


if __name__ == "__main__":
    given = sys.argv[1:]
    seeds = [int(word) for word in given if word.isdigit()] or [7]
    chosen_words = tuple(word for word in WORDS if word in given) or WORDS
    sys.exit(main(seeds[0], chosen_words, None if "every" in given else OTHERS))
