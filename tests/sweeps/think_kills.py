"""Kill a wake at 500 of its system calls: is a finding lost, an effect done twice, a paid call not in the ledger?

python -m tests.sweeps.think_kills [--strikes 500] [--seed 7]
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from pathlib import Path

from tests.conftest import ROOT
from tests.think.scriptedmodel import scripted_model
from tests.think.wakestrikes import Scene, answer


def main() -> int:
    """Print each fault, and how many strikes there were; return 1 where there was any fault."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--strikes", type=int, default=500)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    total = 0
    with tempfile.TemporaryDirectory(prefix="think-kills-") as name, scripted_model(answer) as model:
        environ = {"PATH": os.environ["PATH"], "HOME": name, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
        scene = Scene(Path(name), environ, model)
        points = scene.list_points()
        chosen = scene.choose_points(random.Random(given.seed), given.strikes)
        for point in chosen:
            faults = scene.strike(*point)
            total += len(faults)
            print(*faults, sep="\n", end="\n" if faults else "", flush=True)
    print(f"{len(chosen)} of {len(points)} system calls (seed {given.seed}), {total} faults")
    return int(bool(total))


if __name__ == "__main__":
    sys.exit(main())
