"""What falls with each of many nodes: the first names, and how many in all?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import merge
from itertools import islice

from agentkit.depmap.graph import Arrows

MOST_IMPACT = 1000
# So many nodes are counted for at a time: a bit each of one number for every node above them.
COUNTED_AT_ONCE = 1024


def find_dependants(needed_by: Arrows, node: int, most: int) -> list[int]:
    """Return the first of what falls with a node: nearest first, then by name; one more than `most` if there are."""
    seen = {node}
    level, found = [node], list[int]()
    while level and len(found) <= most:
        # What a node leads to is sorted, so of a level with very many only the first are looked at.
        nodes = needed_by.of(level[0]) if len(level) == 1 else merge(*map(needed_by.of, level))
        level = list(islice(_pass_new(nodes, seen), most + 1 - len(found)))
        found += level
    return found


def _pass_new(nodes: Iterable[int], seen: set[int]) -> Iterable[int]:
    for node in nodes:
        if node not in seen:
            seen.add(node)
            yield node


def count_dependants(needs: Arrows, components: Sequence[Sequence[int]], nodes: Sequence[int]) -> dict[int, int]:
    """Return how many fall with each of these nodes."""
    counts: dict[int, int] = {}
    for start in range(0, len(nodes), COUNTED_AT_ONCE):
        part = nodes[start : start + COUNTED_AT_ONCE]
        counts.update(zip(part, _count_some(needs, components, part), strict=True))
    return counts


def _count_some(needs: Arrows, components: Sequence[Sequence[int]], nodes: Sequence[int]) -> list[int]:
    bits = {node: 1 << bit for bit, node in enumerate(nodes)}
    below: dict[int, int] = {}
    # The counts of all nodes at once, one number for each digit of them: bit n of digit d is digit d of count n.
    digits: list[int] = []
    for component in components:
        mask = 0
        for node in component:
            mask |= bits.get(node, 0)
            for head in needs.of(node):
                mask |= below.get(head, 0)
        if not mask:
            continue
        for node in component:
            below[node] = mask
            _add(digits, mask)
    # Each was counted as what depends on itself.
    return [sum((digit >> bit & 1) << place for place, digit in enumerate(digits)) - 1 for bit in range(len(nodes))]


def _add(digits: list[int], carry: int) -> None:
    """Add one to the count of each node whose bit is set."""
    for place, digit in enumerate(digits):
        if not carry:
            return
        digits[place] = digit ^ carry
        carry &= digit
    if carry:
        digits.append(carry)
