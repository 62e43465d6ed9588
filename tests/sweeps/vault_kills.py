"""Kill init, set and get at every system call of their work: is ever a value released without a record, or lost?

    python -m tests.sweeps.vault_kills [kills|errors] [SEED]

Each kill is a SIGKILL that strace injects into a real process; after it the log, the value and the verb once more are
looked at. Of the interpreter's start, where nothing of the vault is touched yet, a sample is taken. `errors`: each call
on a file of the vault gets each error from the kernel that it may get.
"""

import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.vault.strikes import VERBS, Anvil, choose_errors, choose_kills, find_faults_of_errors, strike_once

START_POINTS = 40


def main(what: str, seed: int) -> int:
    """Print how many strikes each verb got and every fault; return 1 if there was one."""
    choices = random.Random(seed)
    total = 0
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        for place, verb in enumerate(VERBS):
            began = time.monotonic()
            anvil = Anvil(verb, Path(name) / str(place))
            anvil.folder.mkdir()
            found: list[str] = []
            ends: Counter[int] = Counter()
            if what == "kills":
                points = choose_kills(anvil, choices, None, START_POINTS)
            else:
                points = choose_errors(anvil, choices, None)
            for inject in points:
                if what == "kills":
                    told, ended = strike_once(anvil, inject)
                    ends[ended.returncode] += 1
                else:
                    told, status = find_faults_of_errors(anvil, inject)
                    ends[status] += 1
                found += told
            total += len(points)
            faults += found
            took_s = time.monotonic() - began
            statuses = ", ".join(f"{count} ended with {status}" for status, count in sorted(ends.items()))
            print(f"{verb.title:26} {len(points)} {what}: {statuses}; {len(found)} faults ({took_s:.0f} s)", flush=True)
    print(f"{total} {what} (seed {seed}), {len(faults)} faults", *faults, sep="\n  ")
    return int(bool(faults))


if __name__ == "__main__":
    given = [*sys.argv[1:], *("kills", "11")[len(sys.argv) - 1 :]]
    sys.exit(main(given[0], int(given[1])))
