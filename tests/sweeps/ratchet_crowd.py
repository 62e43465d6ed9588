"""Fifty accept at once, and a thousand one after the other: is the history linear, and the repository sound?

python -m tests.sweeps.ratchet_crowd [AT_ONCE] [IN_A_ROW]
"""

import sys
import tempfile
import time
from pathlib import Path

from tests.ratchet.crowding import accept_at_once
from tests.ratchet.ownrepository import OwnRepository


def main(at_once: int, in_a_row: int) -> int:
    """Print what was found; return 1 where anything was wrong."""
    with tempfile.TemporaryDirectory() as name:
        own = OwnRepository(Path(name) / "crowd")
        own.found()
        begun = time.monotonic()
        faults = accept_at_once(own, at_once)
        faults += [] if own.is_clean() else ["git finds unsound objects"]
        print(f"{at_once} at once: {time.monotonic() - begun:.0f} s, {len(faults)} faults", *faults, sep="\n  ")
        row = OwnRepository(Path(name) / "row")
        row.found()
        begun = time.monotonic()
        for number in range(in_a_row):
            row.accept({"a.py": f"a = {number}\n"}, {f"t::{count}": "pass" for count in range(number + 1)})
        took_s = time.monotonic() - begun
        is_clean = row.is_clean() and row.state.number == in_a_row + 1 and not row.find_litter()
        print(f"{in_a_row} in a row: {took_s:.0f} s, git fsck --strict {'is clean' if is_clean else 'finds faults'}")
    return int(bool(faults) or not is_clean)


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*[*given, *(50, 1000)[len(given) :]]))
