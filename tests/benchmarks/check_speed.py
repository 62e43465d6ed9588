"""How long does `heartbeat check` take over ten thousand jobs with ten million runs, as a whole process?

    python tests/benchmarks/check_speed.py [--jobs 10000] [--runs 1000] [--folder FOLDER]

Prints wall time, CPU and peak memory of three checks: the first one (it meets the crontabs), one without news, one in
which every job has a run to be judged by its learnt bounds. Beside them a bare Python and one that opens the ledger.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, ROOT)

from agentkit.core.ledger.opening import NAME
from agentkit.heartbeat.bounds import judge
from agentkit.heartbeat.learning import Learned
from agentkit.heartbeat.memory import encode_learned
from agentkit.heartbeat.oddity import Observation
from tests.benchmarks.make_ledger import make_ledger

LIMIT_S = 120.0
MAKING_LIMIT_S = 1800.0
BARE = ["-c", "pass"]
OPENED = ["-c", "import json, sqlite3; from agentkit import cli"]
CHECK = ["-m", "agentkit", "heartbeat", "check"]


def main() -> int:
    """Make the ledger, run the checks, print a line each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--folder", help="where to make the ledger (several GB; removed afterwards)")
    chosen = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="check-speed-", dir=chosen.folder)
    try:
        print(f"{chosen.jobs} jobs, {chosen.jobs * chosen.runs} runs, Python {sys.version.split()[0]}")
        now = time.time()
        # In a process of its own: what is measured below inherits our peak memory otherwise.
        maker = multiprocessing.get_context("spawn").Process(target=_make, args=(folder, chosen.jobs, chosen.runs, now))
        maker.start()
        maker.join(MAKING_LIMIT_S)
        size = os.path.getsize(os.path.join(folder, NAME))
        print(f"ledger of {size >> 20} MiB made in {time.time() - now:.0f} s")
        measure("bare python", BARE, folder)
        measure("python with the modules", OPENED, folder)
        measure(f"check with news of {chosen.jobs} jobs", CHECK, folder)
        for _ in range(5):
            measure("check without news", CHECK, folder)
    finally:
        shutil.rmtree(folder)
    return 0


def measure(name: str, words: list[str], folder: str) -> None:
    """Run Python with these words as a whole process and print what it took."""
    environ = {"PATH": os.environ["PATH"], "HOME": folder, "AGENTKIT_HOME": folder, "PYTHONPATH": ROOT}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, *words], env=environ, stdout=subprocess.DEVNULL)
    try:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        process.kill()
    wall_s = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"{name:<34} {wall_s:7.3f} s wall {cpu_s:7.3f} s CPU {used.ru_maxrss / 1024:6.1f} MiB"
        f"  status {process.returncode}"
    )


def _make(folder: str, jobs: int, runs: int, now: float) -> None:
    _teach(make_ledger(folder, jobs, runs, now=now, unjudged=jobs, is_lean=True))


def _teach(path: str) -> None:
    """Give every job a memory of forty runs, so that its next one is judged by learnt bounds."""
    learned = Learned()
    for turn in range(40):
        seen = Observation(
            duration_s=60 + turn % 7, cpu_s=3 + turn % 3, stdout_lines=100 + turn, stdout_bytes=5000 + turn,
            stderr_lines=0, stderr_bytes=0, blocks_out=800 + turn, max_rss_bytes=1e7 + turn,
        )  # fmt: skip
        learned = judge(learned, seen).learned
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE learned SET data = ?", (encode_learned(learned),))
        connection.execute(
            "UPDATE runs SET state = 'ok', duration_s = 62, cpu_s = 4, stdout_lines = 110, stdout_bytes = 5010, "
            "stderr_lines = 0, stderr_bytes = 0, blocks_out = 810, max_rss_bytes = 10000010 WHERE judged = 0"
        )
    connection.close()


if __name__ == "__main__":
    sys.exit(main())
