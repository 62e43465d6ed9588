"""What does networkx say of a graph that was declared at random, in the words of the map?"""

from __future__ import annotations

import random
from itertools import islice, pairwise

import networkx as nx

from agentkit.depmap.blast import find_fallen
from agentkit.depmap.cycles import find_cycles, find_loop
from agentkit.depmap.edge import DECLARED, KINDS, Edge
from agentkit.depmap.graph import NONE, find_components, find_dominators, load_graph
from agentkit.depmap.names import find_node, read_names
from agentkit.depmap.shortest import find_steps, list_ways
from agentkit.depmap.spof import find_bottlenecks, find_entries
from agentkit.depmap.store import Map

TYPES = ("job", "unit", "cmd", "file", "func", "port")
MOST_WAYS = 200
START = "(start)"


def make_graph(choices: random.Random) -> nx.DiGraph:
    """Return a small graph: sparse or dense, with loops or without, in pieces or whole, layered or a chain."""
    count = choices.randrange(1, 40)
    names = [f"{choices.choice(TYPES)}:n{number}" for number in range(count)]
    graph = nx.DiGraph()
    shape = choices.choice(["any", "any", "ordered", "chain", "layers", "dense"])
    if shape == "chain":
        pairs = list(pairwise(names))
        pairs += [tuple(choices.sample(names, 2)) for _ in range(count // 8) if count > 1]
    elif shape == "layers":
        pairs = [
            (names[a], names[b])
            for a in range(count)
            for b in range(count)
            if a // 5 + 1 == b // 5 and choices.random() < 0.6
        ]
    else:
        share = {"any": choices.choice([1, 1.5, 2.5]), "ordered": 2, "dense": count / 3}[shape]
        pairs = [(choices.choice(names), choices.choice(names)) for _ in range(int(count * share))]
        if shape == "ordered":
            pairs = [(min(pair), max(pair)) for pair in pairs]
    graph.add_edges_from(pairs)
    return graph


def declare(graph: nx.DiGraph, choices: random.Random) -> list[Edge]:
    """Return the edges of a graph as declared ones, of any kind, in any order, some of them twice."""
    pairs = list(graph.edges)
    pairs += [pair for pair in pairs if choices.random() < 0.1]
    choices.shuffle(pairs)
    kinds = sorted(KINDS)
    return [
        Edge(a, b, choices.choice(kinds), "/c", number, "declare", how=DECLARED)
        for number, (a, b) in enumerate(pairs, 1)
    ]


def find_disagreements(chart: Map, graph: nx.DiGraph, choices: random.Random) -> list[str]:
    """Return what the map answers otherwise than networkx does, a line each."""
    found = []
    nodes = sorted(graph.nodes)
    for node in nodes:
        told = {one.name: one.distance for level in find_fallen(chart, [find_node(chart, node)]) for one in level}
        lengths = dict(nx.single_target_shortest_path_length(graph, node))
        truth = {name: distance for name, distance in lengths.items() if name != node}
        if told != truth or set(told) != nx.ancestors(graph, node):
            found.append(f"blast {node}: {told} for {truth}")
        for level in find_fallen(chart, [find_node(chart, node)]):
            for one in level:
                way = [*(before.name for before in one.way()), one.name]
                if way[0] != node or len(way) != one.distance + 1 or not nx.is_path(graph, way[::-1]):
                    found.append(f"way of blast {node}: {way}")
                others = list(islice(nx.all_shortest_paths(graph, one.name, node), MOST_WAYS))
                if len(others) < MOST_WAYS and way[::-1] != min(others):
                    found.append(f"way of blast {node}: {way} for {min(others)}")
    for _ in range(min(len(nodes) ** 2, 60)):
        first, last = choices.choice(nodes), choices.choice(nodes)
        found += _compare_ways(chart, graph, first, last)
    whole = load_graph(chart)
    names = whole.names
    parts = {frozenset(names[node] for node in part) for part in find_components(whole.needs)}
    if parts != {frozenset(part) for part in nx.strongly_connected_components(graph)}:
        found.append(f"components: {parts}")
    cycles = find_cycles(whole)
    if {frozenset(names[node] for node in cycle) for cycle in cycles} != {part for part in parts if len(part) > 1}:
        found.append(f"cycles: {cycles}")
    for cycle in cycles:
        loop = [names[node] for node in find_loop(whole, cycle)]
        inside = graph.subgraph(names[node] for node in cycle)
        first = loop[0]
        shortest = min(
            nx.shortest_path_length(inside, other, first) for other in inside.successors(first) if other != first
        )
        if loop[-1] != first or not nx.is_path(graph, loop) or len(loop) != shortest + 2:
            found.append(f"loop: {loop}")
    found += _compare_dominators(whole, graph, choices)
    return found


def _compare_ways(chart: Map, graph: nx.DiGraph, first: str, last: str) -> list[str]:
    a, b = find_node(chart, first), find_node(chart, last)
    steps = find_steps(chart, a, b)
    names = read_names(chart, {a, b, *steps})
    told = [[names[node] for node in way] for way in islice(list_ways(steps, names, a, b), MOST_WAYS)]
    if not nx.has_path(graph, first, last):
        return [f"why {first} {last}: {told}"] if told else []
    truth = list(islice(nx.all_shortest_paths(graph, first, last), MOST_WAYS))
    if len(truth) < MOST_WAYS:
        return [] if told == sorted(truth) else [f"why {first} {last}: {told} for {sorted(truth)}"]
    fit = all(nx.is_path(graph, way) and len(way) == len(truth[0]) for way in told)
    return [] if fit and len(told) == MOST_WAYS else [f"why {first} {last}: {told}"]


def _compare_dominators(whole: object, graph: nx.DiGraph, choices: random.Random) -> list[str]:
    names = whole.names  # type: ignore[attr-defined]
    condensed = nx.condensation(graph)
    truth_entries = sorted(
        node for part in condensed if condensed.in_degree(part) == 0 for node in condensed.nodes[part]["members"]
    )
    entries = find_entries(whole)  # type: ignore[arg-type]
    found = [] if [names[one] for one in entries] == truth_entries else [f"entries: {entries}"]
    for chosen in (entries, choices.sample(range(len(names)), choices.randrange(1, len(names) + 1))):
        started = graph.copy()
        started.add_edges_from((START, names[one]) for one in chosen)
        truth = nx.immediate_dominators(started, START)
        told = find_dominators(whole.needs, chosen)  # type: ignore[attr-defined]
        for node, name in enumerate(names):
            above = truth.get(name)
            wanted = None if above in (None, START, name) else above
            if (None if told[node] == NONE else names[told[node]]) != wanted:
                found.append(f"dominator of {name}: {told[node]} for {wanted}")
        below = dict.fromkeys(names, 0)
        for name in names:
            above = truth.get(name)
            while above not in (None, START):
                if above != name:
                    below[above] += 1
                above = truth.get(above) if truth.get(above) != above else None
        wanted_list = sorted(((-count, name) for name, count in below.items() if count), key=lambda one: one)
        own = {names[one] for one in chosen}
        listed = [(-one.count, names[one.node]) for one in find_bottlenecks(whole, chosen)]  # type: ignore[arg-type]
        if listed != [one for one in wanted_list if one[1] not in own]:
            found.append(f"bottlenecks: {listed} for {wanted_list}")
    return found
