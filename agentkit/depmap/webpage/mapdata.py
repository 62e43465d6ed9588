"""How is the map put into a page: as little JSON as a browser needs, a piece at a time, however large the map is?

Nodes are numbered from 0 in the order of their names, as in `depmap.graph`; edges come sorted by file and line. So the
page finds the same ways as `depmap.falling` does without comparing a text. What this module holds at once is a number
a node, the edges of one piece, and the few different rules and reasons that edges have.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator

from agentkit.core.times import format_instant
from agentkit.core.visible import make_visible
from agentkit.core.webpage import composing
from agentkit.core.webpage.composing import to_json
from agentkit.depmap.store import Map, Text, unpack

# UTF-8 sorts as Python sorts (by code point); a name that is no UTF-8 is stored as bytes, which SQLite puts last.
NODES = "SELECT id, shown FROM nodes WHERE id = identity ORDER BY CAST(shown AS BLOB), id"
NAMES = """
SELECT n.identity, n.label, n.path, m.shown FROM nodes AS n JOIN nodes AS m ON m.id = n.identity
  WHERE n.label <> m.shown OR n.path <> '' ORDER BY n.identity, n.label, n.path"""
PLACES = "SELECT DISTINCT identity, file, line FROM defined JOIN nodes ON nodes.id = node ORDER BY identity, file, line"
REMARKS = """
SELECT DISTINCT identity, remark FROM documents JOIN nodes ON label = 'file:' || documents.path
  WHERE remark IS NOT NULL ORDER BY identity, remark"""
EDGES = """
SELECT file, s.identity, t.identity, line, function, kind, falls, rule, how, confidence, via, reason FROM edges
  JOIN nodes AS s ON s.id = source JOIN nodes AS t ON t.id = target
  ORDER BY CAST(file AS BLOB), line, kind, source, target"""
EDGES_A_PIECE = 5000


def write_data(chart: Map) -> Iterator[str]:
    """Yield the map as one JSON object of plain ASCII that may stand inside <script>, a piece at a time.

    `edges` is a list of [file, functions, numbers]; five numbers are an edge: source, target, line (0: the file as a
    whole), function (0: none, else its place in `functions` + 1), place in `details`. A detail is [kind, falls, rule,
    how, confidence, via, reason], with `falls` as in `depmap.store`.
    """
    head = {
        "host": make_visible(chart.host),
        "built": _find_time_of_build(chart),
        "root": make_visible(str(chart.meta("root") or "/")),
    }
    yield to_json(head)[:-1]
    number_of = array("l")
    yield from _write_list("nodes", _read_nodes(chart, number_of))
    yield from _write_list("names", _read_names(chart, number_of))
    places = chart.connection.execute(PLACES)
    yield from _write_list("defined", ([number_of[node], show(file), line or 0] for node, file, line in places))
    remarks = chart.connection.execute(REMARKS)
    yield from _write_list("remarks", ([number_of[node], show(remark)] for node, remark in remarks))
    details: dict[tuple[object, ...], int] = {}
    yield from _write_list("edges", _read_pieces(chart, number_of, details))
    yield from _write_list("details", details)
    yield "}"


def show(value: Text) -> str:
    """Return a stored text as every table shows it, with what is no character of UTF-8 as an escape."""
    return composing.show(unpack(value))


def _write_list(key: str, items: Iterable[object]) -> Iterator[str]:
    yield f',\n"{key}":['
    before = ""
    for item in items:
        yield f"{before}{to_json(item)}"
        before = ","
    yield "]"


def _read_nodes(chart: Map, number_of: array[int]) -> Iterator[str]:
    """Yield the names; `number_of` grows to hold the number of each node by its id."""
    [(largest,)] = chart.connection.execute("SELECT coalesce(max(id), 0) FROM nodes")
    number_of.extend(array("l", [0]) * (largest + 1))
    for number, (node, shown) in enumerate(chart.connection.execute(NODES)):
        number_of[node] = number
        yield show(shown)


def _read_names(chart: Map, number_of: array[int]) -> Iterator[list[int | str]]:
    """Yield [node, other names…] of each node that has any: as it was written elsewhere, and its real path."""
    last, names, shown = -1, dict[str, None](), ""
    for node, label, path, name in chart.connection.execute(NAMES):
        if node != last:
            if names:
                yield [number_of[last], *names]
            last, names, shown = node, {}, show(name)
        for other in (show(label), show(path)):
            # The path of `file:/usr/bin/x` is in its name.
            if other and other != shown and not shown.endswith(f":{other}"):
                names[other] = None
    if names:
        yield [number_of[last], *names]


def _read_pieces(
    chart: Map, number_of: array[int], details: dict[tuple[object, ...], int]
) -> Iterator[tuple[str, list[str], list[int]]]:
    """Yield the edges of one file after the other; of a file with very many, several pieces."""
    current: Text | None = None
    functions: dict[str, int] = {}
    numbers: list[int] = []
    for file, source, target, line, function, *detail in chart.connection.execute(EDGES):
        if file != current or len(numbers) >= 5 * EDGES_A_PIECE:
            if current is not None:
                yield show(current), list(functions), numbers
            current, functions, numbers = file, {}, []
        spot = functions.setdefault(show(function), len(functions) + 1) if function else 0
        shown = tuple(show(one) if isinstance(one, (str, bytes)) else one for one in detail)
        kind_of_edge = details.setdefault(shown, len(details))
        numbers += (number_of[source], number_of[target], line or 0, spot, kind_of_edge)
    if current is not None:
        yield show(current), list(functions), numbers


def _find_time_of_build(chart: Map) -> str | None:
    """Return when a build last looked at everything; None where all there is was declared or seen."""
    if chart.meta("root") is None:
        return None
    try:
        return format_instant(os.stat(chart.path).st_mtime)
    except OSError:
        return None
