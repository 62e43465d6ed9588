"""Kill the workers of a long run at random, and the run itself: has each candidate one verdict, is one judged twice?

    python -m tests.sweeps.evolve_pool [COUNT=200] [JOBS=2] [SHARE=0.05] [SEED=7]

SHARE of the candidates cost a worker its life (SIGKILL, while it works); for each fifty the whole of evolve is killed
once besides, and `resume` goes on. Until the best is kept the person's tree must be as it was, byte for byte.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.evolve.machine import JOB, Machine, make_machine
from tests.evolve.manyruns import (
    LIMIT_S,
    MIXED,
    end_by_id,
    find_busy,
    find_faults,
    find_workers,
    is_running,
    list_candidates,
    list_judged,
    start_run,
)

PAUSE_S = 0.02
AT_A_KILL_OF_ALL = 50
LONGEST_S = 4 * 3600.0


def main(count: int, jobs: int, share: float, seed: int) -> int:
    """Print the figures and each fault; return 1 where there was one."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="evolve-pool-") as name:
        machine = make_machine(Path(name) / "machine")
        # What the person did not commit stays as it is until there is something to keep.
        machine.write({"notes.txt": "not committed\n"})
        before = machine.look()
        begun = time.monotonic()
        told = _run(machine, chance, count, jobs, share)
        spent_s = time.monotonic() - begun
        faults = [*told.faults, *find_faults(machine, count)]
        faults += _look_at_tree(machine, before)
        states = Counter(str(one["state"]) for one in list_candidates(machine))
        verdicts = len(list_judged(machine)) - 1
        again = machine.call("evolve", "resume")
        if again != (0, "", ""):
            faults.append(f"something was left to resume: {again}")
    print(*faults, sep="\n", end="\n" if faults else "")
    print(
        f"{count} candidates on {jobs} workers in {spent_s:.0f} s ({spent_s / count:.2f} s each): "
        f"{told.workers} workers and {told.runs} times all of evolve killed (seed {seed}); "
        f"{', '.join(f'{number} {state}' for state, number in sorted(states.items()))}; "
        f"{verdicts} verdicts of the ratchet, {len(faults)} faults"
    )
    return int(bool(faults))


class Told:
    """What was done to a run, and what was wrong meanwhile."""

    def __init__(self) -> None:
        self.workers = 0
        self.runs = 0
        self.faults: list[str] = []


def _run(machine: Machine, chance: random.Random, count: int, jobs: int, share: float) -> Told:
    told, before = Told(), machine.look()
    due = sorted(chance.randrange(count) for _ in range(round(share * count)))
    ends = sorted(chance.randrange(count) for _ in range(count // AT_A_KILL_OF_ALL))
    longest = time.monotonic() + LONGEST_S
    words = ["run", "--count", str(count), "--jobs", str(jobs), "--propose", MIXED]
    evolve = start_run(machine, *words, is_heard=False)
    while evolve.poll() is None and time.monotonic() < longest:
        # It shows in its refs how far it is.
        done = len(machine.candidates())
        if ends and done > ends[0] and find_busy(evolve.pid):
            ends.pop(0)
            _kill_all(machine, evolve, told)
            if machine.look() != before and not any(one["kept"] for one in list_candidates(machine)):
                told.faults.append("the person's tree was changed by a run that was killed")
            evolve = start_run(machine, "resume", is_heard=False)
        elif due and done > due[0] and (busy := find_busy(evolve.pid)):
            due.pop(0)
            time.sleep(chance.random())
            victim = chance.choice(busy)
            told.workers += is_running(victim)
            end_by_id(victim, signal.SIGKILL)
        time.sleep(PAUSE_S)
    _, stderr = evolve.communicate(timeout=LIMIT_S)
    if evolve.returncode != 0:
        told.faults.append(f"the last one ended with {evolve.returncode}: {stderr.decode()}")
    return told


def _kill_all(machine: Machine, evolve: subprocess.Popen[bytes], told: Told) -> None:
    workers = find_workers(evolve.pid)
    evolve.kill()
    evolve.communicate(timeout=LIMIT_S)
    told.runs += 1
    longest = time.monotonic() + LIMIT_S
    while any(is_running(pid) for pid in workers):
        if time.monotonic() > longest:
            told.faults.append("workers outlived their run")
            return
        time.sleep(PAUSE_S)


def _look_at_tree(machine: Machine, before: dict[str, str]) -> list[str]:
    """Return what of the person's differs but for the one file that the kept change is of."""
    after = machine.look()
    moved = {"HEAD", "index", "refs", "job.sh"}
    faults = [
        name for name in before.keys() | after.keys() if name not in moved and before.get(name) != after.get(name)
    ]
    text = (machine.scripts / "job.sh").read_text()
    if not text.startswith(JOB) or machine.git("status", "--porcelain") != "?? notes.txt":
        faults.append("the tree is not that of the kept change")
    return [f"{name} was touched" for name in faults]


if __name__ == "__main__":
    given = [*sys.argv[1:], *("200", "2", "0.05", "7")[len(sys.argv) - 1 :]]
    sys.exit(main(int(given[0]), int(given[1]), float(given[2]), int(given[3])))
