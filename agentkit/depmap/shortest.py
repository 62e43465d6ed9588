"""By which shortest ways does one node depend on another?

Breadth first from both ends at once, the smaller side first, so that a question about a large map reads little of it.
Imported by the hot verbs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agentkit.depmap.falling import DEPENDANTS, DEPENDENCIES
from agentkit.depmap.names import in_lists
from agentkit.depmap.store import Map

Steps = dict[int, dict[int, list[int]]]
"""{node: {a node that it depends on: the edges that say so}}, of the shortest ways only."""


def list_ways(steps: Steps, names: Mapping[int, str], first: int, last: int) -> Iterator[list[int]]:
    """Yield all ways that the steps make, as nodes, sorted by names; from a node to itself the one without a step."""
    if first == last:
        yield [first]
    if not steps:
        return
    way = [first]
    choices = [iter(sorted(steps[first], key=names.__getitem__))]
    # Not by recursion: a way may be longer than Python's stack.
    while choices:
        node = next(choices[-1], None)
        if node is None:
            choices.pop()
            way.pop()
        elif node == last:
            yield [*way, node]
        else:
            way.append(node)
            choices.append(iter(sorted(steps[node], key=names.__getitem__)))


def find_steps(chart: Map, first: int, last: int) -> Steps:
    """Return the steps of which all shortest ways are made from a node to one that it depends on; none for no way."""
    if first == last:
        return {}
    forward: dict[int, int] = {first: 0}
    backward: dict[int, int] = {last: 0}
    ahead: list[dict[int, dict[int, list[int]]]] = []
    behind: list[dict[int, dict[int, list[int]]]] = []
    edge_of_ahead, edge_of_behind = {first}, {last}
    met: set[int] = set()
    while edge_of_ahead and edge_of_behind and not met:
        if len(edge_of_ahead) <= len(edge_of_behind):
            found = _step(chart, DEPENDENCIES, edge_of_ahead, forward)
            ahead.append(found)
            edge_of_ahead = {child for children in found.values() for child in children}
            forward.update(dict.fromkeys(edge_of_ahead, len(ahead)))
            met = edge_of_ahead & backward.keys()
        else:
            found = _step(chart, DEPENDANTS, edge_of_behind, backward)
            behind.append(found)
            edge_of_behind = {child for children in found.values() for child in children}
            backward.update(dict.fromkeys(edge_of_behind, len(behind)))
            met = edge_of_behind & forward.keys()
    # Both sides met for the first time, so every shortest way goes through one of these nodes, each at its distances.
    met = {node for node in met if forward[node] + backward[node] == len(ahead) + len(behind)}
    steps: Steps = {}
    wanted = set(met)
    for level in reversed(ahead):
        found_before = set()
        for parent, children in level.items():
            kept = {child: edges for child, edges in children.items() if child in wanted}
            if kept:
                steps.setdefault(parent, {}).update(kept)
                found_before.add(parent)
        wanted = found_before
    wanted = set(met)
    for level in reversed(behind):
        found_before = set()
        for parent, children in level.items():
            for child, edges in children.items():
                if child in wanted:
                    steps.setdefault(child, {})[parent] = edges
                    found_before.add(parent)
        wanted = found_before
    return steps


def _step(chart: Map, question: str, nodes: set[int], seen: dict[int, int]) -> dict[int, dict[int, list[int]]]:
    """Return {node: {its neighbour that was not seen before: edges}} one step on."""
    found: dict[int, dict[int, list[int]]] = {}
    for listed in in_lists(nodes):
        for parent, child, edge in chart.connection.execute(question.format(listed)):
            if child not in seen:
                found.setdefault(parent, {}).setdefault(child, []).append(edge)
    return found
