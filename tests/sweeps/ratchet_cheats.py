"""Is any of the cheats accepted, or an honest change rejected? All of them, each in a copy of its own.

    python -m tests.sweeps.ratchet_cheats [WORD…]

Words choose those in whose names they are.
"""

import contextlib
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.ratchet.allcheats import ALL, find_fault
from tests.ratchet.honest import HONEST, find_wrong, set_up
from tests.ratchet.toy import Toys

AT_ONCE = max(2, os.cpu_count() or 1)
# Place, whether it is a cheat, what is wrong with the verdict, how long it took.
Tried = tuple[str, str | None, float]


def _try(work: tuple[Toys, Path, bool, int]) -> Tried:
    toys, folder, is_cheat, place = work
    name = ALL[place].name if is_cheat else HONEST[place].name
    began = time.monotonic()
    try:
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            if is_cheat:
                cheat = ALL[place]
                toy = toys.take(cheat.settings, folder / "toy")
                cheat.apply(toy)
                fault = find_fault(cheat, toy.judge().verdict)
            else:
                change = HONEST[place]
                toy = set_up(change, folder / "own") or toys.take("", folder / "toy")
                change.apply(toy)
                fault = find_wrong(change, toy.judge().verdict)
    except Exception as error:  # noqa: BLE001  # one that cannot be tried must not hide the others
        fault = f"{name}: {error!r}"
    return name, fault, time.monotonic() - began


def main(words: list[str]) -> int:
    """Print every fault and how many were tried; return 1 if there was one."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        toys = Toys(folder / "made")
        work = []
        for is_cheat, table in ((True, ALL), (False, HONEST)):
            for place, one in enumerate(table):
                if not words or any(word in one.name for word in words):
                    work.append((toys, folder / f"{is_cheat}{place}", is_cheat, place))
        for settings in {ALL[place].settings for _, _, is_cheat, place in work if is_cheat} | {""}:
            toys.take(settings, folder / "first")
            shutil.rmtree(folder / "first")
        faults = 0
        with multiprocessing.get_context("fork").Pool(AT_ONCE) as pool:
            for name, fault, took_s in pool.imap_unordered(_try, work):
                faults += fault is not None
                if fault is not None or words:
                    print(f"{took_s:.1f} s {fault or f'{name}: as it should be'}", flush=True)
    print(f"{len(work)} tried, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
