"""Kill the wrapper 200 times at moments drawn at random: does it ever block the next run, or leave a run unwritten?

python -m tests.sweeps.kill_wrapper [COUNT [SEED]]
"""

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from agentkit.core import tree
from tests.heartbeat.jobs import LIMIT_S, ROOT, Job, wait_for

LONGEST_WAIT_S = 0.08


def main(count: int, seed: int) -> int:
    """Kill `count` wrappers; print how far each had come and every fault; return 1 if there was one."""
    choices = random.Random(seed)
    faults: list[str] = []
    came: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": folder,
            "AGENTKIT_HOME": f"{folder}/home",
        }
        job = Job(Path(folder), environ)
        for number in range(count):
            wait_s = choices.uniform(0, LONGEST_WAIT_S)
            came[_kill_one(job, wait_s, faults)] += 1
            if faults and faults[-1].endswith("?"):
                faults[-1] += f" (kill {number}, after {wait_s:.4f} s)"
    print(f"{count} kills (seed {seed}):", ", ".join(f"{times} {what}" for what, times in sorted(came.items())))
    print(f"{len(faults)} faults", *faults, sep="\n  ")
    return int(bool(faults))


def _kill_one(job: Job, wait_s: float, faults: list[str]) -> str:
    """Kill one wrapper after the wait; return how far it had come."""
    known = len(job.records())
    process = job.start("x", "--", "sleep", "300")
    time.sleep(wait_s)
    process.kill()
    process.wait(LIMIT_S)
    if process.stderr:
        process.stderr.close()
    job.started.remove(process)
    living = job.members()
    written = [record for record in job.records()[known:] if record["pid"] == process.pid]
    if living and not written:
        faults.append("a program ran of which nothing was written down?")
    status = job.run("x", "--", "true").returncode
    if status != (75 if living else 0):
        faults.append(f"the next run ended with {status} while {len(living)} programs lived?")
    for pid, start in living.items():
        tree.send_signal(pid, start, signal.SIGKILL)
    wait_for(lambda: not job.members())
    status = job.run("x", "--", "true").returncode
    if status != 0:
        faults.append(f"a run after it ended with {status}, and nothing lived?")
    if living:
        return "with its program running"
    return "with its start written" if written else "before its start was written"


if __name__ == "__main__":
    words = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*words, *(200, 11)[len(words) :]))
