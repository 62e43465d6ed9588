"""Kill what runs runbooks, at system calls and at any time: does a runbook ever run twice for one episode of a finding?

    python -m tests.sweeps.think_runbook_kills [COUNT] [SEED]

After each kill others go on and a new episode begins. What really ran is counted by a file to which each runbook
appends. Half of the strikes are at system calls of the runner, the others after a while, together with the runbook, by
the runbook itself, and in a crowd of runners.
"""

import os
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.conftest import ROOT
from tests.think.runstrikes import KINDS, Scene

COUNT = 500


def main(count: int, seed: int) -> int:
    """Print how many strikes each kind got and every fault; return 1 if there was one."""
    choices = random.Random(seed)
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        environ = {"PATH": os.environ["PATH"], "HOME": name, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
        scene = Scene(Path(name) / "scene", environ, choices)
        print(f"{scene.list_points()} system calls, {len(scene.changing)} of which do more than read", flush=True)
        others = [kind for kind in KINDS if kind != "call"]
        for kind in KINDS:
            begun, scene.states = time.monotonic(), {}
            strikes = count // 2 if kind == "call" else count // 2 // len(others)
            points = scene.choose_points(strikes) if kind == "call" else scene.points[:1] * strikes
            found = []
            for point in points:
                told = scene.strike(kind, point)
                print(*told, sep="\n", end="\n" if told else "", flush=True)
                found += told
            states = ", ".join(f"{times} {state}" for state, times in sorted(scene.states.items()))
            took_s = time.monotonic() - begun
            print(f"{kind:8} {len(points)} strikes, {len(found)} faults; runs: {states} ({took_s:.0f} s)", flush=True)
            faults += found
    print(f"{len(faults)} faults (seed {seed})", *faults, sep="\n  ")
    return int(bool(faults))


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    sys.exit(main(given[0] if given else COUNT, given[1] if len(given) > 1 else 7))
