"""How long does the map of all units of a machine take? Prints seconds of CPU, the best of several, side by side.

python tests/benchmarks/unitmap_speed.py [ROOT…]
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from agentkit.core.unitfiles import find_unit_files
from agentkit.core.units import read_unit
from agentkit.depmap.unitmap import map_units

TIMES = 7


def main(roots: list[str]) -> None:
    """Print a line a root: units, edges, the reading of all files alone, the whole map, and per 400 units."""
    for root in roots:
        reading = min(_time(_read_all, root) for _ in range(TIMES))
        whole = min(_time(map_units, root) for _ in range(TIMES))
        found = map_units(root)
        units = len({edge.source for edge in found.edges if edge.source.startswith("unit:")})
        print(
            f"{root}: {units} units, {len(found.edges)} edges, {len(found.commands)} commands; "
            f"files alone {reading:.3f} s, map {whole:.3f} s, {whole / units * 400:.3f} s for 400 units"
        )


def _read_all(root: str) -> None:
    files = find_unit_files(root)
    for name in files.places:
        read_unit(root, name, files)


def _time(work: Callable[[str], object], root: str) -> float:
    begin = time.process_time()
    work(root)
    return time.process_time() - begin


if __name__ == "__main__":
    main(sys.argv[1:] or ["/"])
