"""Kill `evolve try` at its system calls: is the person's tree as it was, is each candidate there, does resume go on?

    python -m tests.sweeps.evolve_kills [COUNT=260] [SEED=7]

Half of the tries make a change that is kept, half one that is rejected; side by side, and after all others (nice).
The kills are spread evenly over what all of its processes change, git, the room, the ratchet and its tests with them.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.evolve.killedtries import SCENES, Anvil

LONGEST_S = 3600.0
# Each so many the try after it goes through the ratchet as well.
JUDGED_EACH = 4


def main(count: int, seed: int) -> int:
    """Print how many strikes each scene got and every fault; return 1 if there was one."""
    os.nice(10)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="evolve-kills-") as name, ThreadPoolExecutor() as lanes:
        tasks = [lanes.submit(_sweep, scene, Path(name) / scene, count // len(SCENES), seed) for scene in SCENES]
        done = [task.result() for task in tasks]
    faults = [fault for _, found in done for fault in found]
    total = sum(kills for kills, _ in done)
    print(f"{total} kills (seed {seed}), {len(faults)} faults, {time.monotonic() - begun:.0f} s", *faults, sep="\n  ")
    return int(bool(faults))


def _sweep(scene: str, folder: Path, count: int, seed: int) -> tuple[int, list[str]]:
    begun = time.monotonic()
    anvil = Anvil(scene, folder)
    faults: list[str] = []
    kills = 0
    points = anvil.choose_points(random.Random(seed), count)
    for point in points:
        if time.monotonic() - begun > LONGEST_S:
            faults.append(f"{scene}: it took too long after {kills} kills")
            break
        found = anvil.strike(point, is_judged_later=kills % JUDGED_EACH == 0)
        print(*found, sep="\n", end="\n" if found else "", flush=True)
        faults += found
        kills += 1
    ends = ", ".join(f"{times} {end}" for end, times in sorted(anvil.ends.items()))
    more = f"{anvil.repeated} accepted twice, {anvil.littered} left something in TMPDIR"
    print(f"{scene:8} {kills} of {anvil.changes} changes: {ends}; {more}; {len(faults)} faults", flush=True)
    return kills, faults


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*[*given, *(260, 7)[len(given) :]]))
