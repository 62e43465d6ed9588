"""How much of what shell scripts were seen to touch does the map have of its own, and what would it need?

python -m tests.benchmarks.trace_recall [--generated 200] [--real 200] [--seed 7] [--show 0]
"""

from __future__ import annotations

import random

from tests.benchmarks.scriptoptions import read_options
from tests.system.traced_runs import Found, find_needed, measure_generated, measure_real


def main() -> int:
    """Print the figures, and with --show what was missed."""
    given = read_options(__doc__, generated=200, real=200)
    _print("generated", measure_generated([*given.seeds()]), given.show)
    _print("real", measure_real(given.real, random.Random(given.seed)), given.show)
    return 0


def _print(title: str, found: Found, show: int) -> None:
    print(f"{title}: {found.runs} scripts")
    for kind, recall in found.figures().items():
        if recall.seen:
            print(f"  {kind:<8} {recall.found} of {recall.seen}, {recall.told()}")
    for reason, count in found.needed().most_common(12):
        print(f"    {count:>4} {reason}")
    for one in [one for one in found.judged if one.found is None][:show]:
        print(f"      {one.seen.source} {one.seen.kind} {one.seen.target} by {one.seen.via}: {find_needed(one).text}")


if __name__ == "__main__":
    raise SystemExit(main())
