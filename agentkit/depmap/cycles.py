"""Which things fall with each other?"""

from __future__ import annotations

from collections.abc import Mapping

from agentkit.depmap.answers import begin_record, draw_table, quote_all, write_text
from agentkit.depmap.graph import Graph, find_components, load_graph
from agentkit.depmap.opening import open_map
from agentkit.depmap.steps import read_steps, to_step_records, to_step_rows

COLUMNS = ("cycle", "node", "by", "needs", "where")


def print_cycles(environ: Mapping[str, str], *, as_json: bool) -> None:
    """Print each set of nodes that all depend on each other, and one shortest loop through its first node."""
    with open_map(environ) as chart:
        graph = load_graph(chart)
        cycles = find_cycles(graph)
        loops = [[graph.nodes[node] for node in find_loop(graph, cycle)] for cycle in cycles]
        names = {graph.nodes[node]: graph.names[node] for cycle in cycles for node in cycle}
        places = read_steps(chart, loops)
        if as_json:
            beginning = begin_record("cycle", chart.host)
            for cycle, loop in zip(cycles, loops, strict=True):
                nodes = quote_all(graph.names[node] for node in cycle)
                write_text(f'{beginning}"nodes": {nodes}, "steps": {to_step_records(loop, names, places)}}}\n')
            return
        if loops:
            write_text(draw_table(COLUMNS, to_step_rows(loops, names, places)) + "\n")
        write_text(_count(cycles))


def find_cycles(graph: Graph) -> list[list[int]]:
    """Return the sets of nodes that depend on each other, the largest first; one that depends on itself is none."""
    found = [component for component in find_components(graph.needs) if len(component) > 1]
    return sorted(found, key=lambda component: (-len(component), component))


def find_loop(graph: Graph, cycle: list[int]) -> list[int]:
    """Return a shortest way from the first node of a cycle back to itself."""
    first, inside = cycle[0], set(cycle)
    before: dict[int, int] = {}
    level = [first]
    while first not in before:
        following = []
        for node in level:
            for head in sorted(graph.needs.of(node)):
                if head in inside and head not in before:
                    before[head] = node
                    following.append(head)
        level = following
    loop = [first, before[first]]
    while loop[-1] != first:
        loop.append(before[loop[-1]])
    return loop[::-1]


def _count(cycles: list[list[int]]) -> str:
    if not cycles:
        return "no cycle\n"
    told = f"{len(cycles)} cycles" if len(cycles) > 1 else "1 cycle"
    larger = [cycle for cycle in cycles if len(cycle) > 2]
    return f"{told}, {sum(map(len, cycles))} things in {'them' if len(cycles) > 1 else 'it'}" + (
        f"; the largest has {len(larger[0])}, and shown of each is a shortest loop\n" if larger else "\n"
    )
