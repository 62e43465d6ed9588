"""How well do the edges of shell scripts agree with labelled cases, and with what runs under strace did?

python -m tests.benchmarks.edges_truth [--generated 300] [--real 1000] [--seed 7] [--show 0]
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from tests.benchmarks.scriptoptions import read_options
from tests.depmap.edgecases.reading import FORBIDDEN, judge, read_cases
from tests.depmap.mapped import map_cases
from tests.system.strace_runs import measure_cases, measure_generated, measure_real


def main() -> int:
    """Print the figures, and with --show what is wrong."""
    given = read_options(__doc__, generated=300, real=1000)
    cases = read_cases()
    with tempfile.TemporaryDirectory(prefix="edges-truth-") as folder:
        mapped = map_cases(cases, Path(folder))
        faults = {case.name: judge(case, *mapped[case.name]) for case in cases}
    right = sum(not wrong for wrong in faults.values())
    forbidden = sum(label.form == FORBIDDEN for case in cases for label in case.labels)
    claimed = sum(fault.startswith("forbidden") for wrong in faults.values() for fault in wrong)
    print(f"labelled cases: {right} of {len(cases)} right, {claimed} of {forbidden} forbidden edges claimed")
    for name, wrong in [found for found in faults.items() if found[1]][: given.show]:
        print(f"  {name}", *wrong, sep="\n    ")
    for title, result in (
        ("labelled cases under strace", measure_cases()),
        ("generated", measure_generated(given.seeds())),
        ("real", measure_real(given.real, random.Random(given.seed))),
    ):
        print(f"{title}: {result}")
        for line in [*result.by_function.misses[: given.show], *result.by_function.lies[: given.show]]:
            print(f"    {line}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
