"""Does a probe name exactly the faults of a random graph of checks that depend on no other, as its roots?

python -m tests.sweeps.probe_graphs [--graphs 200] [--most 500] [--seed N]

Each graph has 10 to 500 checks and 1 to 3 faults: a thing that fails, hangs, or answers too late. Every second one has
loops. Each check is a real process; what depends on a fault would fail or hang as well, if it was asked.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.depmap.probed import probe
from tests.depmap.probegraphs import find_faults, make_scene

LIMIT_S = 600.0


def main() -> int:
    """Make the graphs, probe each, print a line for each one that was judged wrongly and the sum."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--graphs", type=int, default=200)
    parser.add_argument("--most", type=int, default=500)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    choices = random.Random(chosen.seed)
    checks = roots = wrong = 0
    started = time.monotonic()
    for number in range(chosen.graphs):
        with tempfile.TemporaryDirectory(prefix="probe-graphs-") as name:
            folder = Path(name)
            scene = make_scene(choices, folder, most=chosen.most, has_loops=bool(number % 2))
            environ = {**os.environ, "AGENTKIT_HOME": f"{name}/home"}
            faults = find_faults(scene, probe(lambda *words, environ=environ: _run(words, environ), scene.file))
        checks += scene.count
        roots += len(scene.roots) + len(scene.loops)
        wrong += bool(faults)
        for line in faults:
            print(f"graph {number}: {line}", flush=True)
        if (number + 1) % 20 == 0:
            print(f"{number + 1} graphs, {wrong} wrong, {time.monotonic() - started:.0f} s", flush=True)
    took_s = time.monotonic() - started
    print(f"{chosen.graphs} graphs with {checks} checks and {roots} roots: {wrong} wrong, in {took_s:.0f} s")
    return 1 if wrong else 0


def _run(words: tuple[str, ...], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "agentkit", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=LIMIT_S, check=False)


if __name__ == "__main__":
    sys.exit(main())
