"""May one more program be started now, or do those that were started last still need the processors?

A hundred checks that are started at once on two processors take a hundred times as long, and are called hangs. Who
waits for something (a socket, a lock, a timer) costs nothing: of those any number may run.
"""

import os

from agentkit.core import tree
from agentkit.core.running import Running

# So many may compute at a time: some for each processor, for most wait for a disk now and then.
AT_A_PROCESSOR = 4
LEAST = 8
# Who has had the processor for this long, or has been there for so long, holds up nobody any more.
LONGEST_RUN_NS = 300_000_000
LONGEST_YOUTH_S = 3.0
MOST_LOOKED_AT = 16


def count_processors() -> int:
    """Return how many processors this process may run on."""
    return len(os.sched_getaffinity(0))


class Crowd:
    """The programs that were started a moment ago and compute yet; `room` is for how many of them at a time."""

    def __init__(self, room: int | None = None) -> None:
        self._room = max(LEAST, AT_A_PROCESSOR * count_processors()) if room is None else room
        self._young: list[Running] = []

    def add(self, running: Running) -> None:
        """Take in one that was started just now."""
        self._young.append(running)

    def is_full(self, now: float) -> bool:
        """Tell whether the next one should wait; `now` is of the monotonic clock."""
        if len(self._young) >= self._room:
            self._young = [young for young in self._young if _is_young(young, now) and _computes(young.pid)]
        return len(self._young) >= self._room


def _is_young(running: Running, now: float) -> bool:
    if running.wait_status is not None or now - running.begun >= LONGEST_YOUTH_S:
        return False
    # On a busy machine it may be there for long and have done little.
    return tree.processor_time(running.pid)[0] < LONGEST_RUN_NS


def _computes(pid: int) -> bool:
    """Tell whether a process or one below it runs on a processor, or waits for one."""
    looked_at = [pid]
    for one in looked_at:
        stat = tree.read_stat(one)
        if stat and stat[0] == "R":
            return True
        if len(looked_at) < MOST_LOOKED_AT:
            looked_at += tree.list_children(one)
    return False
