"""Run thousands of generated scripts under strace: does the map have what they started?

python -m tests.sweeps.edges_strace [COUNT [SEED]]
"""

import random
import sys

from tests.system.edgetruth import NAMED, PRECISION, RECALL, Figures, add_up
from tests.system.strace_runs import measure_generated

BATCH = 200


def main(count: int, seed: int) -> int:
    """Print the figures of all, and what is wrong; return 1 if a bar is missed."""
    parts: list[Figures] = []
    for begin in range(0, count, BATCH):
        numbers = range(begin, min(begin + BATCH, count))
        parts.append(measure_generated(f"{seed}-{number}" for number in numbers).by_function)
        print(f"{numbers.stop} scripts: {add_up(parts, by_function=True)}", flush=True)
    whole = add_up(parts, by_function=True)
    print(*whole.misses, *whole.lies, sep="\n")
    is_held = whole.recall >= RECALL and whole.precision >= PRECISION and whole.found_or_named >= NAMED
    return int(not is_held)


if __name__ == "__main__":
    arguments = [int(word) for word in sys.argv[1:]] or [3000]
    raise SystemExit(main(arguments[0], arguments[1] if arguments[1:] else random.SystemRandom().randrange(2**32)))
