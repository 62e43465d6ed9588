"""Which processes does a test look for, and how long does it wait for them?"""

import time
from collections.abc import Callable
from pathlib import Path

from agentkit.core import tree

PATIENCE_S = 30.0


def find_by_words(words: str) -> list[int]:
    """Return the living processes whose whole command line is `words`, sorted."""
    wanted = words.replace(" ", "\0").encode() + b"\0"
    found = []
    for pid in sorted(tree.list_pids()):
        stat = tree.read_stat(pid)
        # The command line of a process in state D may be locked, and who reads it then waits as well.
        if stat and stat[0] != "D" and tree.runs(stat):
            try:
                command_line = Path(f"/proc/{pid}/cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended since it was listed
            if command_line == wanted:
                found.append(pid)
    return found


def wait_until(holds: Callable[[], object]) -> None:
    """Wait until `holds` does; fail after a time that only something broken needs."""
    due = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < due, "it never came to that"
        time.sleep(0.01)
