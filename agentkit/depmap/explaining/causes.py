"""Of the things that are not well, which are roots and which are consequences, and by which way?

A thing that is not well and depends on nothing else that is not well is a root; every other one is a consequence of the
roots below it. What depends on each other in a loop counts as one: of several in one loop that are not well, the one
that was seen first is the root.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agentkit.depmap.graph import Arrows, find_components


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a node is not well: the nearest root, the nodes on a shortest way from there (both ends left out), the rest.

    `others` are the other roots that it depends on, in the order of their names.
    """

    root: int
    via: tuple[int, ...] = ()
    others: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Roots:
    """The roots, and of each node those that it depends on (a bit each, in the order of `nodes`)."""

    nodes: tuple[int, ...]
    below: Mapping[int, int]


def find_causes(needs: Arrows, unwell: Mapping[int, float]) -> dict[int, Cause]:
    """Return the cause of each node that is not well, given as {node: when that was seen first}."""
    roots = find_roots(needs, unwell)
    own = {node: bit for bit, node in enumerate(roots.nodes)}
    causes = {}
    for node in unwell:
        if node in own:
            causes[node] = Cause(node)
            continue
        mask = roots.below[node]
        way = _find_way(needs, node, roots, own)
        others = tuple(sorted(other for other, bit in own.items() if mask >> bit & 1 and other != way[-1]))
        causes[node] = Cause(way[-1], tuple(reversed(way[1:-1])), others)
    return causes


def find_roots(needs: Arrows, unwell: Mapping[int, float]) -> Roots:
    """Return the roots among the nodes that are not well, and which node depends on which of them."""
    found: list[int] = []
    below: dict[int, int] = {}
    for component in find_components(needs):
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
    return Roots(tuple(found), below)


def _find_way(needs: Arrows, node: int, roots: Roots, own: Mapping[int, int]) -> list[int]:
    """Return a shortest way from a node to a root that it depends on; of several that of the first names."""
    before: dict[int, int] = {node: node}
    level = [node]
    while True:
        following: list[int] = []
        for each in level:
            for head in sorted(needs.of(each)):
                if head in before or head not in roots.below:
                    continue
                before[head] = each
                if head in own:
                    return _trace_back(before, node, head)
                following.append(head)
        level = following


def _trace_back(before: Mapping[int, int], first: int, last: int) -> list[int]:
    way = [last]
    while way[-1] != first:
        way.append(before[way[-1]])
    return way[::-1]


def find_dependants(needed_by: Arrows, node: int) -> list[int]:
    """Return what falls with a node: nearest first, then by name."""
    seen = {node}
    level, found = [node], []
    while level:
        following = sorted({other for each in level for other in needed_by.of(each)} - seen)
        seen.update(following)
        found += following
        level = following
    return found


def find_suspects(needs: Arrows, jobs: Iterable[int], failing: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """Return of failing jobs what at least two of them depend on and no other job does: what most share comes first.

    Nobody said that these are not well; it is what the failing jobs have in common. Of things that depend on each other
    and are shared by the same jobs only the last on the way down are told.
    """
    wanted = list(failing)
    bits = {job: 1 << bit for bit, job in enumerate(dict.fromkeys((*wanted, *jobs)))}
    bad = (1 << len(wanted)) - 1
    users = find_users(needs, bits)
    part_of = {node: part for part, component in enumerate(find_components(needs)) for node in component}
    suspects: dict[int, list[int]] = {}
    for node, mask in enumerate(users):
        if node in bits or mask & ~bad or mask.bit_count() < 2:
            continue
        if any(users[head] == mask and part_of[head] != part_of[node] for head in needs.of(node)):
            continue
        for job in wanted:
            if mask & bits[job]:
                suspects.setdefault(job, []).append(node)
    return {
        job: tuple(sorted(nodes, key=lambda node: (-users[node].bit_count(), node))) for job, nodes in suspects.items()
    }


def find_users(needs: Arrows, bits: Mapping[int, int], *, nearest: bool = False) -> list[int]:
    """Return of each node which of the nodes with a bit depend on it, or are it: their bits together.

    With `nearest`, only those that do not depend on it by way of another one with a bit.
    """
    users = [0] * len(needs)
    # A component comes after all that it leads to: backwards, those that depend on something come before it.
    for component in reversed(find_components(needs)):
        own = above = 0
        for node in component:
            own |= bits.get(node, 0)
            above |= users[node]
        mask = own if nearest and own else own | above
        for node in component:
            users[node] = mask
            for head in needs.of(node) if mask else ():
                users[head] |= mask
    return users
