"""Of the things that are not well, which are roots and which are consequences, and by which way?

A thing that is not well and depends on nothing else that is not well is a root; every other one is a consequence of the
roots below it. What depends on each other in a loop counts as one: of several in one loop that are not well, the one
that was seen first is the root.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from agentkit.depmap.graph import NONE, Arrows
from agentkit.depmap.probing.blame import LONGEST_VIA

MOST_OTHERS = 100


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a node is not well: the nearest root, the nodes on a shortest way from there (both ends left out), the rest.

    `between` is how many lie between: of more than LONGEST_VIA those by the root are left out of `via`. `others` are
    the other roots that it depends on, in the order of their names, MOST_OTHERS of them at most.
    """

    root: int
    via: tuple[int, ...] = ()
    between: int = 0
    others: tuple[int, ...] = ()


class Causes:
    """The cause of each node that is not well, given as {node: when that was seen first}.

    `components` are those of `needs`, as `find_components` returns them.
    """

    def __init__(
        self, needs: Arrows, needed_by: Arrows, components: Sequence[Sequence[int]], unwell: Mapping[int, float]
    ) -> None:
        self._needs = needs
        self.roots, self._below = _find_roots(needs, components, unwell)
        self._distance = _measure(needed_by, self.roots)
        self._nearest = {root: root for root in self.roots}
        self._others: dict[int, tuple[int, ...]] = {}

    def find(self, node: int) -> Cause:
        """Return the cause of a node that is not well."""
        if not self._distance[node]:
            return Cause(node)
        root, between = self._find_nearest(node), self._distance[node] - 1
        via = tuple(islice(self._go_down(node), min(between, LONGEST_VIA)))
        mask = self._below[node]
        if mask not in self._others:
            # One more than are told: the nearest may be among them.
            listed = sorted(self.roots[bit] for bit in list_bits(mask))
            self._others[mask] = tuple(listed[: MOST_OTHERS + 1])
        others = [other for other in self._others[mask] if other != root]
        return Cause(root, via[::-1], between, tuple(others[:MOST_OTHERS]))

    def _find_nearest(self, node: int) -> int:
        """Return the root at the end of a node's way; of what was found for one node all others on its way profit."""
        passed = [node]
        for following in self._go_down(node):
            if passed[-1] in self._nearest:
                break
            passed.append(following)
        root = self._nearest[passed[-1]]
        self._nearest.update(dict.fromkeys(passed, root))
        return root

    def _go_down(self, node: int) -> Iterator[int]:
        """Yield what lies on a shortest way from a node to a root, and the root; of several that of the first names."""
        distance = self._distance[node]
        while distance:
            distance -= 1
            node = min(head for head in self._needs.of(node) if self._distance[head] == distance)
            yield node


def _find_roots(
    needs: Arrows, components: Sequence[Sequence[int]], unwell: Mapping[int, float]
) -> tuple[list[int], dict[int, int]]:
    """Return the roots, and of each node that is not well those that it depends on (a bit each, in their order)."""
    found: list[int] = []
    below: dict[int, int] = {}
    for component in components:
        mask = 0
        for node in component:
            for head in needs.of(node):
                mask |= below.get(head, 0)
        if not mask:
            seen = [(unwell[node], node) for node in component if node in unwell]
            if not seen:
                continue
            mask = 1 << len(found)
            found.append(min(seen)[1])
        below.update(dict.fromkeys(component, mask))
    return found, {node: below[node] for node in unwell}


def _measure(needed_by: Arrows, roots: Sequence[int]) -> array[int]:
    """Return of each node how many steps away its nearest root is; NONE where it depends on none."""
    distance = array("l", [NONE]) * len(needed_by)
    for root in roots:
        distance[root] = 0
    level, steps = list(roots), 0
    while level:
        steps += 1
        following = []
        for node in level:
            for other in needed_by.of(node):
                if distance[other] == NONE:
                    distance[other] = steps
                    following.append(other)
        level = following
    return distance


def list_bits(mask: int) -> list[int]:
    """Return which bits of a number are set."""
    return [bit for bit, digit in enumerate(reversed(f"{mask:b}")) if digit == "1"]
