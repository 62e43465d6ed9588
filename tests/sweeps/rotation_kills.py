"""Kill a rotation at each system call that changes something, and at random moments: is a key ever lost, or left over?

python -m tests.sweeps.rotation_kills [SEED]
"""

import random
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.vault.killing import Victim
from tests.vault.rotating import STYLES

AT_ONCE = 4
MOMENTS = 100
LONGEST_RUN_S = 1.5
STEPS = ("create", "set", "test", "revoke", "prove", "list")
FAULTS = ("before", "after", "garbage", "leak", "no")

Point = tuple[str, str, str, float]


def list_points(style: str, choices: random.Random, folder: Path) -> list[Point]:
    """Return each call at which it is killed, some moments, and each way in which a step of the hook can fail."""
    counts = Victim(folder / f"counted-{style}", style).count_calls(folder / f"table-{style}")
    points: list[Point] = []
    for call, most in counts.items():
        points += [(style, "call", call, place) for place in range(1, most + 1)]
    points += [(style, "moment", "", choices.uniform(0.05, LONGEST_RUN_S)) for _ in range(MOMENTS)]
    return points + [(style, how, step, 1) for step in STEPS for how in FAULTS]


def try_point(point: Point) -> tuple[str, list[str]]:
    """Kill a rotation of its own there and return (what kind of point it was, what is wrong)."""
    style, kind, name, place = point
    with tempfile.TemporaryDirectory(prefix="agentkit-kill-") as folder:
        victim = Victim(Path(folder) / "victim", style)
        if kind == "call":
            victim.kill_at(name, int(place))
        elif kind == "moment":
            victim.kill_after(place)
        else:
            victim.shop.fault(name, kind)
            victim.run()
        return kind if kind in ("call", "moment") else "fault", [f"{point}: {fault}" for fault in victim.find_faults()]


def main() -> int:
    """Try all points; print how many there were and every fault; return 1 if there was one."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.SystemRandom().randrange(2**32)
    choices, counted, faults = random.Random(seed), Counter[str](), []
    print(f"seed {seed}")
    with tempfile.TemporaryDirectory() as folder:
        points = [point for style in STYLES for point in list_points(style, choices, Path(folder))]
    with ProcessPoolExecutor(AT_ONCE) as pool:
        for point, (kind, found) in zip(points, pool.map(try_point, points), strict=True):
            counted[f"{point[0]}, {kind}"] += 1
            faults += found
            for fault in found:
                print(fault, flush=True)
    print(*(f"{what}: {count}" for what, count in sorted(counted.items())), sep="\n")
    print(f"{len(points)} points, {len(faults)} faults")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
