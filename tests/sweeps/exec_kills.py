"""Kill `vault exec` at every system call of its work, and give it every error: is ever a value out without a record?

    python -m tests.sweeps.exec_kills [COUNT]

COUNT points of each kind are enough for a look; without it all are tried.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from tests.vault.execstrikes import (
    EXEC,
    MASKED,
    NAME,
    VALUE,
    choose_errors,
    choose_kills,
    find_faults,
    list_calls,
    sample,
)
from tests.vault.ownvault import OwnVault


def main(count: int | None) -> int:
    """Print how many strikes each kind got and every fault; return 1 if there was one."""
    faults: list[str] = []
    total = 0
    with tempfile.TemporaryDirectory() as name:
        for title, words in (("exec", EXEC), ("exec --mask", MASKED)):
            for kind, choose in (("kills", choose_kills), ("errors", choose_errors)):
                began = time.monotonic()
                own = OwnVault(Path(name) / f"{title}-{kind}".replace(" ", ""))
                own.set(NAME, VALUE)
                points = sample(random.Random(11), choose(list_calls(own, words, Path(name) / "calls")), count)
                found = [fault for inject in points for fault in find_faults(own, words, inject)]
                print(
                    f"{title:12} {len(points)} {kind}, {len(found)} faults ({time.monotonic() - began:.0f} s)",
                    flush=True,
                )
                faults += found
                total += len(points)
    print(f"{total} strikes, {len(faults)} faults", *faults, sep="\n  ")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else None))
