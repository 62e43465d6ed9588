"""What is the map as a whole: who falls with what, as numbers in arrays, and which loops and bottlenecks does it have?

For questions that need every edge. Nodes are numbered from 0 in the order of their names, so that answers come out
sorted. Nothing here recurses: a map may be deeper than Python's stack.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agentkit.depmap.store import Map, unpack

PAIRS = """
SELECT a.identity, b.identity FROM edges
  JOIN nodes AS a ON a.id = iif(falls = 1, source, target) JOIN nodes AS b ON b.id = iif(falls = 1, target, source)
WHERE falls <> 0"""
NONE = -1


@dataclass(frozen=True, slots=True)
class Arrows:
    """For each node the nodes that it leads to: those of node n are `ends[starts[n]:starts[n + 1]]`."""

    starts: array[int]
    ends: array[int]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, node: int) -> array[int]:
        """Return where the arrows of a node lead."""
        return self.ends[self.starts[node] : self.starts[node + 1]]


@dataclass(frozen=True, slots=True)
class Graph:
    """The map in numbers: `names[n]` and `nodes[n]` (the number in the map) of node n, and what it depends on."""

    names: list[str]
    nodes: list[int]
    needs: Arrows


def load_graph(chart: Map) -> Graph:
    """Return every node of the map and what it falls with; a node that falls with itself is no arrow."""
    rows = chart.connection.execute("SELECT shown, id FROM nodes WHERE id = identity")
    sorted_rows = sorted((unpack(shown), node) for shown, node in rows)
    number_of = {node: number for number, (_, node) in enumerate(sorted_rows)}
    pairs = ((number_of[who], number_of[what]) for who, what in chart.connection.execute(PAIRS) if who != what)
    return Graph(
        [name for name, _ in sorted_rows], [node for _, node in sorted_rows], draw_arrows(len(number_of), pairs)
    )


def draw_arrows(count: int, pairs: Iterable[tuple[int, int]]) -> Arrows:
    """Return the arrows of so many nodes; each leads from the first of a pair to the second."""
    tails, heads = array("l"), array("l")
    starts = array("l", bytes(array("l").itemsize * (count + 1)))
    for tail, head in pairs:
        tails.append(tail)
        heads.append(head)
        starts[tail + 1] += 1
    for node in range(count):
        starts[node + 1] += starts[node]
    free = starts[:]
    ends = array("l", bytes(array("l").itemsize * len(heads)))
    for tail, head in zip(tails, heads, strict=True):
        ends[free[tail]] = head
        free[tail] += 1
    return Arrows(starts, ends)


def turn_round(arrows: Arrows) -> Arrows:
    """Return the same arrows, each the other way."""
    return draw_arrows(len(arrows), ((head, node) for node in range(len(arrows)) for head in arrows.of(node)))


def find_components(arrows: Arrows) -> list[list[int]]:
    """Return the strongly connected components: nodes that lead to each other, each list sorted.

    Tarjan, Depth-first search and linear graph algorithms (1972). A component comes after all that it leads to.
    """
    count = len(arrows)
    index_of = array("l", [NONE]) * count
    lowest = array("l", [0]) * count
    is_open = bytearray(count)
    spot = arrows.starts[:count]
    opened: list[int] = []
    found = []
    following = 0
    for root in range(count):
        if index_of[root] != NONE:
            continue
        path = [root]
        index_of[root] = lowest[root] = following
        following += 1
        opened.append(root)
        is_open[root] = 1
        while path:
            node = path[-1]
            if spot[node] < arrows.starts[node + 1]:
                head = arrows.ends[spot[node]]
                spot[node] += 1
                if index_of[head] == NONE:
                    index_of[head] = lowest[head] = following
                    following += 1
                    opened.append(head)
                    is_open[head] = 1
                    path.append(head)
                elif is_open[head]:
                    lowest[node] = min(lowest[node], index_of[head])
                continue
            path.pop()
            if path:
                lowest[path[-1]] = min(lowest[path[-1]], lowest[node])
            if lowest[node] == index_of[node]:
                component: list[int] = []
                while not component or component[-1] != node:
                    component.append(opened.pop())
                    is_open[component[-1]] = 0
                found.append(sorted(component))
    return found


def find_dominators(arrows: Arrows, entries: Sequence[int]) -> array[int]:
    """Return of each node the last other node that is on every way to it from any entry; NONE where there is none.

    Cooper, Harvey and Kennedy, A Simple, Fast Dominance Algorithm (2001), from a node before all entries.
    """
    count = len(arrows)
    order = list(_walk_after(arrows, entries))
    rank = array("l", [NONE]) * (count + 1)
    for position, node in enumerate(order):
        rank[node] = position
    # The node before all entries: it comes last, and is its own dominator.
    start = count
    rank[start] = len(order)
    before = turn_round(arrows)
    is_entry = bytearray(count)
    for entry in entries:
        is_entry[entry] = 1
    dominator = array("l", [NONE]) * (count + 1)
    dominator[start] = start
    is_settled = False
    while not is_settled:
        is_settled = True
        for node in reversed(order):
            best = start if is_entry[node] else NONE
            for other in before.of(node):
                if dominator[other] == NONE:
                    continue
                best = other if best == NONE else _meet(best, other, rank, dominator)
            if dominator[node] != best:
                dominator[node] = best
                is_settled = False
    return array("l", [NONE if dominator[node] == start else dominator[node] for node in range(count)])


def _meet(first: int, second: int, rank: array[int], dominator: array[int]) -> int:
    while first != second:
        while rank[first] < rank[second]:
            first = dominator[first]
        while rank[second] < rank[first]:
            second = dominator[second]
    return first


def _walk_after(arrows: Arrows, entries: Iterable[int]) -> Iterator[int]:
    """Yield each node that an entry leads to after everything that it leads to (depth first, in postorder)."""
    is_seen = bytearray(len(arrows))
    spot = arrows.starts[: len(arrows)]
    for entry in entries:
        if is_seen[entry]:
            continue
        is_seen[entry] = 1
        path = [entry]
        while path:
            node = path[-1]
            if spot[node] == arrows.starts[node + 1]:
                yield path.pop()
                continue
            head = arrows.ends[spot[node]]
            spot[node] += 1
            if not is_seen[head]:
                is_seen[head] = 1
                path.append(head)
