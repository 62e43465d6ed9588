"""Which of the things that are not well are the roots, and by which way did it come to the others?

What depends on something that is not well is never asked, so whoever was asked and is not well is a root: all that it
depends on is well. Of things that depend on each other the worst one counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agentkit.depmap.graph import turn_round
from agentkit.depmap.probing.network import Web
from agentkit.depmap.probing.rounds import FAILED, HANG, UNKILLABLE
from agentkit.depmap.probing.turns import Turns

# A hang takes its askers along; what failed has at least said so.
WORST_FIRST = (UNKILLABLE, HANG, FAILED)
LONGEST_VIA = 100


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something is not well, in numbers of the web: the nearest root, what lies between, the other roots.

    `between` is how many nodes lie between; of a way that is longer than `LONGEST_VIA` the part by the root is left out
    of `via`. `confidence` is that of the weakest edge on the way; 1 for a root itself.
    """

    root: int
    via: tuple[int, ...]
    between: int
    others: tuple[int, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class _Step:
    """How it came to a node: from which other one, from which root, after how many steps, and how sure that is."""

    before: int
    root: int
    distance: int
    confidence: float


class Blame:
    """What there is to say of the nodes that are not well; `states` are those of the checks that were asked.

    `roots` has the state of each root, the worst first and then by name: of a loop that is not well it is one node.
    """

    def __init__(self, web: Web, turns: Turns, places: Sequence[int], states: Mapping[int, str]) -> None:
        self._turns = turns
        self.roots = _find_roots(turns, places, states)
        self._steps = _spread(web, self.roots)
        self._all_roots = _gather(turns, self.roots) if len(self.roots) > 1 else {}

    def is_concerned(self, node: int) -> bool:
        """Tell whether a node is a root or depends on one."""
        return node in self._steps

    def find_confidence(self) -> float | None:
        """Return the confidence of the weakest edge on any way from a root; None where there is no root."""
        return min((step.confidence for step in self._steps.values()), default=None)

    def find_cause(self, node: int) -> Cause:
        """Return why that node is not well; it has to be concerned."""
        step = self._steps[node]
        via: list[int] = []
        spot = step
        while spot.distance > 1 and len(via) < LONGEST_VIA:
            via.append(spot.before)
            spot = self._steps[spot.before]
        mask = self._all_roots.get(self._turns.loop_of[node], 0)
        others = tuple(other for place, other in enumerate(self.roots) if mask >> place & 1 and other != step.root)
        return Cause(step.root, tuple(reversed(via)), max(0, step.distance - 1), others, step.confidence)


def _find_roots(turns: Turns, places: Sequence[int], states: Mapping[int, str]) -> dict[int, str]:
    worst: dict[int, tuple[int, int]] = {}
    for check, state in states.items():
        if state in WORST_FIRST:
            rank = (WORST_FIRST.index(state), places[check])
            loop = turns.loop_of[places[check]]
            worst[loop] = min(rank, worst.get(loop, rank))
    return {node: WORST_FIRST[rank] for rank, node in sorted(worst.values())}


def _spread(web: Web, roots: Iterable[int]) -> dict[int, _Step]:
    """Return {node: the last step on a shortest way from a root} of all that falls, the roots themselves too."""
    dependants = turn_round(web.needs)
    steps = {root: _Step(root, root, 0, 1.0) for root in roots}
    level = list(steps)
    while level:
        following = []
        for node in level:
            step = steps[node]
            for other in dependants.of(node):
                if other not in steps:
                    confidence = min(step.confidence, web.doubts.get((other, node), 1.0))
                    steps[other] = _Step(node, step.root, step.distance + 1, confidence)
                    following.append(other)
        level = following
    return steps


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
