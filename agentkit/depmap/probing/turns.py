"""Which checks may be run now, because everything that they depend on is well?

Nodes that depend on each other count as one: their checks run side by side, and all of them have to be well. A node
without a check is well when all that it depends on is.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

from agentkit.depmap.graph import find_components
from agentkit.depmap.probing.network import Web


class Turns:
    """Whose turn it is; `places` has the node (as a number of the web) of each check."""

    def __init__(self, web: Web, places: Sequence[int]) -> None:
        self.loops = find_components(web.needs)
        self.loop_of = array("l", bytes(array("l").itemsize * len(web.names)))
        for number, nodes in enumerate(self.loops):
            for node in nodes:
                self.loop_of[node] = number
        self.needs: list[set[int]] = [
            {self.loop_of[other] for node in nodes for other in web.needs.of(node)} - {number}
            for number, nodes in enumerate(self.loops)
        ]
        self._dependants: list[list[int]] = [[] for _ in self.loops]
        for number, needed in enumerate(self.needs):
            for other in sorted(needed):
                self._dependants[other].append(number)
        self._awaited = [len(needed) for needed in self.needs]
        self._places = places
        self._checks: list[list[int]] = [[] for _ in self.loops]
        for check, node in enumerate(places):
            self._checks[self.loop_of[node]].append(check)
        self._unsettled = [len(checks) for checks in self._checks]

    def begin(self) -> list[int]:
        """Return the checks that depend on nothing that has to be well first."""
        return sorted(self._open(number for number, awaited in enumerate(self._awaited) if awaited == 0))

    def pass_on(self, check: int) -> list[int]:
        """Take in that a check is well, and return those whose turn it is because of that."""
        loop = self.loop_of[self._places[check]]
        self._unsettled[loop] -= 1
        return [] if self._unsettled[loop] else self._open(self._release(loop))

    def _open(self, loops: Iterable[int]) -> list[int]:
        opened: list[int] = []
        waiting = list(loops)
        for loop in waiting:
            if self._checks[loop]:
                opened += self._checks[loop]
            else:
                waiting += self._release(loop)
        return opened

    def _release(self, loop: int) -> list[int]:
        free = []
        for other in self._dependants[loop]:
            self._awaited[other] -= 1
            if self._awaited[other] == 0:
                free.append(other)
        return free
