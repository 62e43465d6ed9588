"""What falls with a node, nearest first, and by which way?

Breadth first over the stored edges along which a failure goes. Imported by the hot verbs: a question reads what it
answers with and no more of the map.
"""

# ruff: noqa: S608  # what is put into a statement here are numbers, and words of this module
from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from agentkit.depmap.answers import or_null, quote, tell_place
from agentkit.depmap.names import in_lists, read_names
from agentkit.depmap.store import Map, unpack

# (who falls, with what, edge), both ends as the nodes that stand for them. CROSS JOIN keeps SQLite to this order.
DEPENDANTS = """
SELECT n.identity, m.identity, e.id FROM nodes AS n CROSS JOIN edges AS e ON e.target = n.id AND e.falls = 1
  CROSS JOIN nodes AS m ON m.id = e.source WHERE n.identity IN ({0})
UNION ALL
SELECT n.identity, m.identity, e.id FROM nodes AS n CROSS JOIN edges AS e ON e.source = n.id AND e.falls = -1
  CROSS JOIN nodes AS m ON m.id = e.target WHERE n.identity IN ({0})"""
DEPENDENCIES = """
SELECT n.identity, m.identity, e.id FROM nodes AS n CROSS JOIN edges AS e ON e.source = n.id AND e.falls = 1
  CROSS JOIN nodes AS m ON m.id = e.target WHERE n.identity IN ({0})
UNION ALL
SELECT n.identity, m.identity, e.id FROM nodes AS n CROSS JOIN edges AS e ON e.target = n.id AND e.falls = -1
  CROSS JOIN nodes AS m ON m.id = e.source WHERE n.identity IN ({0})"""


Key = int | tuple[int, int]


class Fallen:
    """A node that falls: its name, how far it is, the one before it on the way, and the edges from that one."""

    __slots__ = ("asked", "before", "distance", "edges", "name", "node")

    def __init__(self, node: int, name: str, distance: int, before: Fallen | None, edges: list[int]) -> None:
        self.node = node
        self.name = name
        self.distance = distance
        self.before = before
        self.edges = edges
        self.asked: str = before.asked if before else name

    def way(self) -> list[Fallen]:
        """Return the nodes from the one that was asked for (first) to the one before this."""
        found, spot = [], self.before
        while spot is not None:
            found.append(spot)
            spot = spot.before
        return found[::-1]


class Place:
    """Where an edge stands, and of which kind it is."""

    __slots__ = ("file", "function", "kind", "line")

    def __init__(self, file: str, line: int | None, function: str | None, kind: str) -> None:
        self.file = file
        self.line = line
        self.function = function
        self.kind = kind

    def rank(self) -> tuple[str, int, str]:
        """Return what places are sorted by."""
        return self.file, self.line or 0, self.kind

    def told(self) -> str:
        """Return the place as a person reads it."""
        return tell_place(self.file, self.line, self.function)

    def record(self) -> str:
        """Return the keys of a JSON record."""
        return (
            f'"edge": {quote(self.kind)}, "file": {quote(self.file)}, "line": {or_null(self.line)}, '
            f'"function": {or_null(self.function)}'
        )


def find_fallen(chart: Map, asked: Iterable[int], *, depth: int | None = None) -> Iterator[list[Fallen]]:
    """Yield what falls with any of the nodes, one distance at a time, each list by name.

    Of several ways of the same length that one is told whose nodes come first by name, from the last one back.
    """
    names = read_names(chart, asked)
    level = sorted((Fallen(node, name, 0, None, []) for node, name in names.items()), key=_by_name)
    seen = set(names)
    distance = 0
    while level and (depth is None or distance < depth):
        distance += 1
        found = _find_next(chart, level, seen)
        seen.update(found)
        names = read_names(chart, found)
        level = sorted(
            (Fallen(node, names[node], distance, level[rank], edges) for node, (rank, edges) in found.items()),
            key=_by_name,
        )
        if level:
            yield level


def read_first_places(chart: Map, edges_of: Mapping[Key, Iterable[int]]) -> dict[Key, Place]:
    """Return {key: the first place, by file and line, of the edges under that key}."""
    stored: dict[int, Place] = {}
    for listed in in_lists({edge for edges in edges_of.values() for edge in edges}):
        rows = chart.connection.execute(f"SELECT id, file, line, function, kind FROM edges WHERE id IN ({listed})")
        for edge, file, line, function, kind in rows:
            stored[edge] = Place(unpack(file), line, function and unpack(function), kind)
    return {key: min((stored[edge] for edge in edges), key=Place.rank) for key, edges in edges_of.items()}


def _find_next(chart: Map, level: list[Fallen], seen: Collection[int]) -> dict[int, tuple[int, list[int]]]:
    """Return {node: (rank in `level` of the one it falls with, the edges between them)} of what was not seen yet."""
    ranks = {fallen.node: rank for rank, fallen in enumerate(level)}
    found: dict[int, tuple[int, list[int]]] = {}
    for listed in in_lists(ranks):
        for parent, child, edge in chart.connection.execute(DEPENDANTS.format(listed)):
            if child in seen:
                continue
            rank = ranks[parent]
            known = found.get(child)
            if known is None or rank < known[0]:
                found[child] = (rank, [edge])
            elif rank == known[0]:
                known[1].append(edge)
    return found


def _by_name(fallen: Fallen) -> str:
    return fallen.name
