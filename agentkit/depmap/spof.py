"""Which things are on every way from an entry to something: single points of failure?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agentkit.core.errors import tell
from agentkit.depmap.answers import begin_record, draw_table, quote, quote_all, write_text
from agentkit.depmap.graph import NONE, Graph, find_components, find_dominators, load_graph
from agentkit.depmap.names import find_node
from agentkit.depmap.opening import open_map

COLUMNS = ("only through it", "node", "the next of them")
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """A node, how many others every entry reaches only through it, and those of them that come right behind it."""

    node: int
    count: int
    behind: tuple[int, ...]


def print_spof(environ: Mapping[str, str], entries: Sequence[str], *, as_json: bool, is_quiet: bool) -> None:
    """Print the nodes that every way from the entries to something goes through, the worst first."""
    with open_map(environ) as chart:
        graph = load_graph(chart)
        number_of = {node: number for number, node in enumerate(graph.nodes)}
        chosen = [number_of[find_node(chart, entry)] for entry in entries] or find_entries(graph)
        found = find_bottlenecks(graph, chosen)
        if as_json:
            beginning = begin_record("spof", chart.host)
            for one in found:
                behind = quote_all(graph.names[node] for node in one.behind)
                name = quote(graph.names[one.node])
                write_text(f'{beginning}"node": {name}, "count": {one.count}, "behind": {behind}}}\n')
        elif found:
            write_text(draw_table(COLUMNS, [_to_row(graph, one) for one in found]))
    if not found and not is_quiet:
        tell("agentkit: nothing is on every way from an entry to something else\n")


def find_entries(graph: Graph) -> list[int]:
    """Return the nodes that nothing depends on, and of a loop that nothing outside depends on all nodes."""
    part_of = [0] * len(graph.names)
    components = find_components(graph.needs)
    for part, component in enumerate(components):
        for node in component:
            part_of[node] = part
    is_needed = bytearray(len(components))
    for node in range(len(graph.names)):
        for head in graph.needs.of(node):
            if part_of[head] != part_of[node]:
                is_needed[part_of[head]] = 1
    return sorted(node for part, component in enumerate(components) if not is_needed[part] for node in component)


def find_bottlenecks(graph: Graph, entries: Iterable[int]) -> list[Bottleneck]:
    """Return the nodes, but for the entries, that dominate others; most first, then by name."""
    entries = list(entries)
    dominator = find_dominators(graph.needs, entries)
    behind: dict[int, list[int]] = {}
    for node, above in enumerate(dominator):
        if above != NONE:
            behind.setdefault(above, []).append(node)
    counts = _count_below(dominator, behind)
    own = set(entries)
    found = [Bottleneck(node, counts[node], tuple(nodes)) for node, nodes in behind.items() if node not in own]
    return sorted(found, key=lambda one: (-one.count, one.node))


def _count_below(dominator: Sequence[int], behind: Mapping[int, Sequence[int]]) -> dict[int, int]:
    """Return how many nodes each dominates, itself left out: leaves of the tree first."""
    waiting = {node: len(nodes) for node, nodes in behind.items()}
    counts = dict.fromkeys(behind, 0)
    done = [node for node, above in enumerate(dominator) if above != NONE and node not in behind]
    while done:
        node = done.pop()
        above = dominator[node]
        if above == NONE:
            continue
        counts[above] += 1 + counts.get(node, 0)
        waiting[above] -= 1
        if not waiting[above]:
            done.append(above)
    return counts


def _to_row(graph: Graph, one: Bottleneck) -> tuple[str, ...]:
    names = [graph.names[node] for node in one.behind]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return str(one.count), graph.names[one.node], ", ".join(names[:SHOWN]) + more
