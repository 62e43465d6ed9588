"""Where do the steps of a way stand, and how are they told?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from agentkit.depmap.answers import quote
from agentkit.depmap.falling import DEPENDENCIES, Key, Place, read_first_places
from agentkit.depmap.names import in_lists
from agentkit.depmap.store import Map

Step = tuple[int, int]


def read_steps(chart: Map, ways: Iterable[Sequence[int]]) -> dict[Key, Place]:
    """Return {(node, what it depends on): the first place that says so} of every step of the ways."""
    wanted = {step for way in ways for step in pairwise(way)}
    edges_of: dict[Key, list[int]] = {}
    for listed in in_lists({first for first, _ in wanted}):
        for first, second, edge in chart.connection.execute(DEPENDENCIES.format(listed)):
            if (first, second) in wanted:
                edges_of.setdefault((first, second), []).append(edge)
    return read_first_places(chart, edges_of)


def to_step_records(way: Sequence[int], names: Mapping[int, str], places: Mapping[Key, Place]) -> str:
    """Return the steps of a way as a JSON list."""
    told = []
    for step in pairwise(way):
        ends = f'"from": {quote(names[step[0]])}, "to": {quote(names[step[1]])}'
        told.append(f"{{{ends}, {places[step].record()}}}")
    return f"[{', '.join(told)}]"


def to_step_rows(
    ways: Iterable[Sequence[int]], names: Mapping[int, str], places: Mapping[Key, Place]
) -> list[tuple[str, ...]]:
    """Return a row a step, the number of its way first."""
    rows: list[tuple[str, ...]] = []
    for number, way in enumerate(ways, start=1):
        for step in pairwise(way):
            place = places[step]
            rows.append((str(number), names[step[0]], place.kind, names[step[1]], place.told()))
    return rows
