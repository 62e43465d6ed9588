"""What are the edges of the map, as they were written, now and at any instant of the last month?"""

# ruff: noqa: S608  # what is put into a statement here are words of this module
from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentkit.depmap.edge import Edge
from agentkit.depmap.store import Map, unpack

WRITTEN = "kind, file, line, function, rule, how, confidence, via, reason, since"
NOW = f"""
SELECT s.label, t.label, t.path, {WRITTEN}, s.identity, t.identity FROM edges
  JOIN nodes AS s ON s.id = source JOIN nodes AS t ON t.id = target"""
THEN = f"SELECT source, target, path, {WRITTEN}, NULL, NULL FROM gone WHERE since <= ?1 AND until > ?1"
SORTED = " ORDER BY file, line, s.label, t.label, kind"


@dataclass(frozen=True, slots=True)
class StoredEdge:
    """An edge, since when it has been there (seconds since the epoch), and the nodes that stand for its ends."""

    edge: Edge
    since: float
    source: int | None
    target: int | None


def read_edges(chart: Map) -> Iterator[StoredEdge]:
    """Yield all edges, by file and line."""
    return _read(chart, NOW + SORTED, ())


def read_unknowns(chart: Map) -> Iterator[StoredEdge]:
    """Yield the edges that could not be resolved, by file and line."""
    return _read(chart, f"{NOW} WHERE kind = 'unknown'{SORTED}", ())


def read_edges_by(chart: Map, how: str) -> Iterator[StoredEdge]:
    """Yield the edges that came into the map in one way (`static`, `seen`, `declared`), in no order."""
    return _read(chart, f"{NOW} WHERE how = ?1", (how,))


def read_edges_of(chart: Map, node: int) -> Iterator[StoredEdge]:
    """Yield the edges from and to a node under any of its names, by file and line."""
    return _read(chart, f"{NOW} WHERE s.identity = ?1 OR t.identity = ?1{SORTED}", (node,))


def read_edges_at(chart: Map, instant: float) -> Iterator[StoredEdge]:
    """Yield the edges that the map had at an instant."""
    yield from _read(chart, f"{NOW} WHERE since <= ?1", (instant,))
    yield from _read(chart, THEN, (instant,))


def _read(chart: Map, statement: str, values: Sequence[float | str]) -> Iterator[StoredEdge]:
    for row in chart.connection.execute(statement, values):
        yield _to_edge(row)


def _to_edge(row: sqlite3.Row) -> StoredEdge:
    source, target, path, kind, file, line, function, rule, how, confidence, via, reason, since, first, second = row
    edge = Edge(
        source=unpack(source),
        target=unpack(target),
        kind=kind,
        file=unpack(file),
        line=line,
        rule=rule,
        function=function and unpack(function),
        how=how,
        confidence=confidence,
        via=via and unpack(via),
        path=unpack(path) or None,
        reason=reason and unpack(reason),
    )
    return StoredEdge(edge, since, first, second)
