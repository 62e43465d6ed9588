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
# Who computes for longer than this holds up nobody any more.
LONGEST_YOUTH_S = 0.5
DEEPEST_LOOK = 16


class Crowd:
    """The programs that were started a moment ago and compute yet."""

    def __init__(self) -> None:
        self._room = max(LEAST, AT_A_PROCESSOR * len(os.sched_getaffinity(0)))
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
    return running.wait_status is None and now - running.begun < LONGEST_YOUTH_S


def _computes(pid: int) -> bool:
    """Tell whether a process or one below it runs on a processor, or waits for one."""
    looked_at = [pid]
    for one in looked_at:
        stat = tree.read_stat(one)
        if stat and stat[0] == "R":
            return True
        if len(looked_at) < DEEPEST_LOOK:
            looked_at += tree.list_children(one)
    return False
