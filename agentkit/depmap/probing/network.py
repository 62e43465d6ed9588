"""What do the checked things depend on, and what falls with them: by the map, and by what is declared beside it?

Only what a question leads to is read: a map may have a million edges. A node of the map has its number there; one that
the map does not have has a number below 0.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from agentkit.core.errors import AgentkitError, Exit
from agentkit.depmap.graph import Arrows, draw_arrows
from agentkit.depmap.names import in_lists, look_up, read_names
from agentkit.depmap.store import Map

FULL_NAME = re.compile(r"[a-z]+:.", re.DOTALL)
SHOWN_NAMES = 5
# (one node, the other one, confidence): {0} depend on those, {0} have those depend on them.
_ENDS = """
SELECT n.identity, m.identity, e.confidence FROM nodes AS n
  CROSS JOIN edges AS e ON e.{near} = n.id AND e.falls = {falls}
  CROSS JOIN nodes AS m ON m.id = e.{far} WHERE n.identity IN ({{0}})"""
_AHEAD = (_ENDS.format(near="source", far="target", falls=1), _ENDS.format(near="target", far="source", falls=-1))
_BACK = (_ENDS.format(near="target", far="source", falls=1), _ENDS.format(near="source", far="target", falls=-1))
NEEDS, DEPENDANTS = " UNION ALL ".join(_AHEAD), " UNION ALL ".join(_BACK)


@dataclass(frozen=True, slots=True)
class Web:
    """Some nodes and everything that they depend on, numbered from 0 in the order of their names.

    `numbers` leads from a node to its number here; `doubts` has the confidence of each arrow that is below 1.
    """

    names: list[str]
    numbers: dict[int, int]
    needs: Arrows
    doubts: dict[tuple[int, int], float]


class Network:
    """The map with more edges beside it; also without a map."""

    def __init__(self, chart: Map | None) -> None:
        self._chart = chart
        self._literals: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._needs: dict[int, set[int]] = {}
        self._dependants: dict[int, set[int]] = {}

    def find(self, name: str, where: str) -> int:
        """Return the node that is meant; one that the map does not have stands for itself when its name is full.

        Raises AgentkitError (configuration) naming `where` the name stands.
        """
        # A check may well tell of a mount whose server is gone.
        found = look_up(self._chart, name, follows_links=False) if self._chart else set()
        if len(found) == 1:
            return found.pop()
        if found:
            assert self._chart is not None
            names = sorted(read_names(self._chart, found).values())
            more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
            raise AgentkitError(
                f"{where}: {name!r} may be any of {', '.join(names[:SHOWN_NAMES])}{more}",
                hint="write the one that is meant in full",
                status=Exit.CONFIGURATION,
            )
        if name not in self._literals and not FULL_NAME.match(name):
            raise AgentkitError(
                f"{where}: {name!r} is not in the map",
                hint='what the map does not know is written in full, such as "unit:nginx.service"',
                status=Exit.CONFIGURATION,
            )
        node = self._literals.setdefault(name, -1 - len(self._literals))
        self._names[node] = name
        return node

    def declare(self, source: int, target: int) -> None:
        """Add that one node falls with another."""
        self._needs.setdefault(source, set()).add(target)
        self._dependants.setdefault(target, set()).add(source)

    def knows(self, node: int) -> bool:
        """Tell whether the map has the node, or an edge that was declared leads to it or from it."""
        return node >= 0 or node in self._needs or node in self._dependants

    def name(self, nodes: Collection[int]) -> dict[int, str]:
        """Return {node: its name}."""
        if self._chart:
            self._names.update(read_names(self._chart, (node for node in nodes if node not in self._names)))
        return {node: self._names[node] for node in nodes}

    def reach(self, nodes: Iterable[int]) -> Web:
        """Return the nodes with everything that they depend on."""
        seen = set(nodes)
        level = list(seen)
        pairs: dict[tuple[int, int], float] = {}
        while level:
            following = []
            for node, other, confidence in self._read(level, NEEDS, self._needs):
                if node != other:
                    pairs[node, other] = max(confidence, pairs.get((node, other), 0.0))
                if other not in seen:
                    seen.add(other)
                    following.append(other)
            level = following
        names = self.name(seen)
        ordered = sorted(seen, key=names.__getitem__)
        numbers = {node: number for number, node in enumerate(ordered)}
        arrows = sorted((numbers[node], numbers[other]) for node, other in pairs)
        doubts = {(numbers[node], numbers[other]): one for (node, other), one in pairs.items() if one < 1}
        return Web([names[node] for node in ordered], numbers, draw_arrows(len(ordered), arrows), doubts)

    def find_fallen(self, node: int, most: int) -> tuple[list[str], int]:
        """Return the names of what falls with a node, nearest first and then by name, at most so many; and how many."""
        seen, level = {node}, [node]
        told: list[str] = []
        while level:
            level = list(dict.fromkeys(other for _, other, _ in self._read(level, DEPENDANTS, self._dependants)))
            level = [other for other in level if other not in seen]
            seen.update(level)
            if len(told) < most:
                told += sorted(self.name(level).values())
        return told[:most], len(seen) - 1

    def _read(
        self, nodes: Sequence[int], statement: str, declared: dict[int, set[int]]
    ) -> Iterable[tuple[int, int, float]]:
        if self._chart:
            for listed in in_lists(node for node in nodes if node >= 0):
                yield from self._chart.connection.execute(statement.format(listed))
        for node in nodes:
            for other in declared.get(node, ()):
                yield node, other, 1.0
