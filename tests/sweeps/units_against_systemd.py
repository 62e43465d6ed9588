"""Is the map of units right on thousands of generated machines? Run by path, with the first seed and how many.

python tests/sweeps/units_against_systemd.py 0 1000
"""

import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.system.generated_units import build_generated, make_machine
from tests.unitdumps import hold_against_systemd


def main(first: int, count: int) -> int:
    """Print what differs, each with its seed, and the sums; return how many machines differ."""
    relations = commands = differing = 0
    for seed in range(first, first + count):
        with tempfile.TemporaryDirectory(prefix="agentkit-units-") as folder:
            root = build_generated(Path(folder) / "machine", make_machine(random.Random(seed)))
            differences, related, commanded = hold_against_systemd(str(root))
        relations, commands = relations + related, commands + commanded
        if differences:
            differing += 1
            print(f"seed {seed}: {differences}"[:2000])
    print(f"{count} machines, {relations} relations, {commands} command lines; {differing} machines differ")
    return differing


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])) > 0)
