"""Which of the things that are not well are the roots, and by which way did it come to the others?

What depends on something that is not well is never asked, so whoever was asked and is not well is a root: all that it
depends on is well. Of things that depend on each other the worst one counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from agentkit.depmap.graph import turn_round
from agentkit.depmap.probing.network import Web
from agentkit.depmap.probing.rounds import FAILED, HANG, UNKILLABLE
from agentkit.depmap.probing.turns import Turns

# A hang takes its askers along; what failed has at least said so.
WORST_FIRST = (UNKILLABLE, HANG, FAILED)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something is not well, in numbers of the web: the nearest root, what lies between, the other roots.

    `confidence` is that of the weakest edge on the way; 1 for a root itself.
    """

    root: int
    via: tuple[int, ...]
    others: tuple[int, ...]
    confidence: float


class Blame:
    """What there is to say of the nodes that are not well; `states` are those of the checks that were asked.

    `roots` has the state of each root, the worst first and then by name: of a loop that is not well it is one node.
    """

    def __init__(self, web: Web, turns: Turns, places: Sequence[int], states: Mapping[int, str]) -> None:
        self._web = web
        self._turns = turns
        self.roots = _find_roots(turns, places, states)
        self._before = _spread(web, self.roots)
        self._all_roots = _gather(turns, self.roots) if len(self.roots) > 1 else {}

    def find_cause(self, node: int) -> Cause | None:
        """Return why that node is not well; None when it depends on nothing that is not."""
        if node not in self._before:
            return None
        way = [node]
        while (before := self._before[way[-1]]) is not None:
            way.append(before)
        root = way[-1]
        doubts = [self._web.doubts.get(pair, 1.0) for pair in pairwise(way)]
        mask = self._all_roots.get(self._turns.loop_of[node], 0)
        others = tuple(other for place, other in enumerate(self.roots) if mask >> place & 1 and other != root)
        return Cause(root, tuple(way[-2:0:-1]), others, min(doubts, default=1.0))


def _find_roots(turns: Turns, places: Sequence[int], states: Mapping[int, str]) -> dict[int, str]:
    worst: dict[int, tuple[int, int]] = {}
    for check, state in states.items():
        if state in WORST_FIRST:
            rank = (WORST_FIRST.index(state), places[check])
            loop = turns.loop_of[places[check]]
            worst[loop] = min(rank, worst.get(loop, rank))
    return {node: WORST_FIRST[rank] for rank, node in sorted(worst.values())}


def _spread(web: Web, roots: Iterable[int]) -> dict[int, int | None]:
    """Return {node: the one before it on a shortest way from a root} of all that falls; None for a root itself."""
    dependants = turn_round(web.needs)
    before: dict[int, int | None] = dict.fromkeys(roots)
    level = list(before)
    while level:
        following = []
        for node in level:
            for other in dependants.of(node):
                if other not in before:
                    before[other] = node
                    following.append(other)
        level = following
    return before


def _gather(turns: Turns, roots: Iterable[int]) -> dict[int, int]:
    """Return {loop: the places of all roots that it falls with, as bits}."""
    masks = {turns.loop_of[root]: 1 << place for place, root in enumerate(roots)}
    # A component comes after all that it leads to.
    for loop, needed in enumerate(turns.needs):
        mask = masks.get(loop, 0)
        for other in needed:
            mask |= masks.get(other, 0)
        if mask:
            masks[loop] = mask
    return masks
