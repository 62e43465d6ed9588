"""Is any record lost when 50 processes run 20 jobs each at once, with the ledger locked for 3 s in between?

    python tests/benchmarks/contention.py [--processes 50] [--runs 20]

Readers take the spool in all the while. Prints how many runs were started, how many the ledger holds, and the time.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
LIMIT_S = 600.0
LOCKED_S = 3.0


def main() -> int:
    """Run it all; 0 when nothing was lost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--processes", type=int, default=50)
    parser.add_argument("--runs", type=int, default=20)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="contention-") as folder:
        held = run_all(folder, chosen.processes, chosen.runs)
    wanted = chosen.processes * chosen.runs
    print(f"{wanted} runs, {held} in the ledger, {wanted - held} lost")
    return 0 if held == wanted else 1


def run_all(folder: str, processes: int, runs: int) -> int:
    """Run every process to its end beside a reader and a locked ledger; return how many whole runs the ledger holds."""
    environ = {"PATH": os.environ["PATH"], "HOME": folder, "AGENTKIT_HOME": folder, "PYTHONPATH": ROOT}
    agentkit = f"{sys.executable} -m agentkit heartbeat"
    subprocess.run([*agentkit.split(), "check"], env=environ, timeout=LIMIT_S, check=True)
    begun = time.monotonic()
    started = [
        subprocess.Popen(
            ["sh", "-c", f"for n in $(seq {runs}); do {agentkit} run job-{number} --every 1h -- true || exit 1; done"],
            env=environ,
        )
        for number in range(processes)
    ]
    locker = threading.Thread(target=_lock_ledger, args=(folder,))
    locker.start()
    while any(process.poll() is None for process in started) and time.monotonic() - begun < LIMIT_S:
        subprocess.run([*agentkit.split(), "check", "--quiet"], env=environ, timeout=LIMIT_S, check=False)
    for process in started:
        process.kill()
        process.wait(LIMIT_S)
    locker.join(LIMIT_S)
    print(f"{processes} processes ended after {time.monotonic() - begun:.1f} s")
    subprocess.run([*agentkit.split(), "check", "--quiet"], env=environ, timeout=LIMIT_S, check=False)
    with sqlite3.connect(f"{folder}/ledger.db") as ledger:
        return int(ledger.execute("SELECT count(*) FROM runs WHERE state = 'ok'").fetchone()[0])


def _lock_ledger(folder: str) -> None:
    with sqlite3.connect(f"{folder}/ledger.db", isolation_level=None, timeout=LIMIT_S) as ledger:
        ledger.execute("BEGIN EXCLUSIVE")
        time.sleep(LOCKED_S)
        ledger.execute("ROLLBACK")
    ledger.close()


if __name__ == "__main__":
    sys.exit(main())
