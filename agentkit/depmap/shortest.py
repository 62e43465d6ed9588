"""By which shortest ways does one node depend on another?

Breadth first from both ends at once, the smaller side first, so that a question about a large map reads little of it.
Imported by the hot verbs.
"""

# ruff: noqa: S608  # what is put into a statement here are numbers, and words of these modules
from __future__ import annotations

from collections.abc import Iterator, Mapping

from agentkit.depmap.falling import DEPENDANTS, DEPENDENCIES
from agentkit.depmap.names import in_lists
from agentkit.depmap.store import Map

# Edges that are read in a few milliseconds: which of two steps beyond that is the larger one is not worth a look.
HEAVY = 4000
Pairs = set[tuple[int, int]]
Steps = dict[int, set[int]]
"""{node: what it depends on}, of the shortest ways only."""


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
    forward, backward = {first}, {last}
    ahead: list[Pairs] = []
    behind: list[Pairs] = []
    front, rear = {first}, {last}
    met: set[int] = set()
    while front and rear and not met:
        if (_weigh(chart, DEPENDENCIES, front), len(front)) <= (_weigh(chart, DEPENDANTS, rear), len(rear)):
            ahead.append(_step(chart, DEPENDENCIES, front, forward))
            front = {head for _, head in ahead[-1]}
            forward |= front
        else:
            behind.append({(head, tail) for tail, head in _step(chart, DEPENDANTS, rear, backward)})
            rear = {tail for tail, _ in behind[-1]}
            backward |= rear
        met = front & rear
    # Here both sides met for the first time: every shortest way goes through one of these nodes.
    steps: Steps = {}
    wanted = met
    for level in reversed(ahead):
        kept = {(tail, head) for tail, head in level if head in wanted}
        for tail, head in kept:
            steps.setdefault(tail, set()).add(head)
        wanted = {tail for tail, _ in kept}
    wanted = met
    for level in reversed(behind):
        kept = {(tail, head) for tail, head in level if tail in wanted}
        for tail, head in kept:
            steps.setdefault(tail, set()).add(head)
        wanted = {head for _, head in kept}
    return steps


def _weigh(chart: Map, question: str, nodes: set[int]) -> int:
    """Return how many edges a step would read, as far as that matters: one program may have all scripts behind it."""
    weight = 0
    for listed in in_lists(nodes):
        statement = f"SELECT count(*) FROM ({question.format(listed)} LIMIT {HEAVY})"
        weight += chart.connection.execute(statement).fetchone()[0]
        if weight >= HEAVY:
            break
    return weight


def _step(chart: Map, question: str, nodes: set[int], seen: set[int]) -> Pairs:
    """Return (node, neighbour) of the neighbours that were not seen before."""
    found: Pairs = set()
    for listed in in_lists(nodes):
        rows = chart.connection.execute(question.format(listed))
        found.update((node, other) for node, other, _ in rows if other not in seen)
    return found
