"""Are blast, why, cycles and spof what networkx says, on graphs that are declared at random?"""

import json
import random
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import pytest

from agentkit.depmap.opening import open_map
from tests.depmap.maps import make_map, records, values
from tests.depmap.oracle import declare, find_disagreements, make_graph

GRAPHS = 100


def test_every_answer_is_that_of_networkx(
    own_environ: dict[str, str], random_choices: random.Random, home: Path
) -> None:
    for _ in range(GRAPHS):
        graph = make_graph(random_choices)
        if not graph:
            continue
        make_map(own_environ, declare(graph, random_choices))
        with open_map(own_environ) as chart:
            assert find_disagreements(chart, graph, random_choices) == [], list(graph.edges)


@pytest.mark.parametrize("turn", range(3))
def test_so_it_is_through_the_command_line_with_declared_edges(
    agentkit: Callable[..., object], home: Path, random_choices: random.Random, turn: int
) -> None:
    graph = make_graph(random_choices)
    while graph.number_of_edges() < 5:
        graph = make_graph(random_choices)
    home.mkdir()
    tables = (f'[[depmap.declare]]\nfrom = "{a}"\nto = "{b}"\n' for a, b in graph.edges)
    (home / "agentkit.toml").write_text("\n".join(tables))
    (home / "agentkit.toml").chmod(0o600)
    for node in random_choices.sample(sorted(graph.nodes), 3):
        found = records(agentkit("depmap", "blast", "--json", "--quiet", node))  # type: ignore[arg-type]
        lengths = dict(nx.single_target_shortest_path_length(graph, node))
        truth = sorted((distance, name) for name, distance in lengths.items() if name != node)
        assert values(found, "distance", "node") == truth
        assert all(len(one["via"]) == one["distance"] - 1 and one["of"] == node for one in found)  # type: ignore[arg-type,operator]
    first, last = next(pair for pair in graph.edges if pair[0] != pair[1])
    found = records(agentkit("depmap", "why", "--json", first, last))  # type: ignore[arg-type]
    assert values(found, "nodes") == [[first, last]]
    cycles = values(records(agentkit("depmap", "cycles", "--json")), "nodes")  # type: ignore[arg-type]
    parts = [sorted(part) for part in nx.strongly_connected_components(graph) if len(part) > 1]
    assert sorted(map(json.dumps, cycles)) == sorted(map(json.dumps, parts))
    condensed = nx.condensation(graph)
    started = graph.copy()
    tops = [node for part in condensed if condensed.in_degree(part) == 0 for node in condensed.nodes[part]["members"]]
    started.add_edges_from(("(start)", node) for node in tops)
    dominators = nx.immediate_dominators(started, "(start)")
    behind: dict[str, list[str]] = {}
    for node, above in dominators.items():
        if above not in ("(start)", node, *tops) and node != "(start)":
            behind.setdefault(above, []).append(node)
    told = values(records(agentkit("depmap", "spof", "--json", "--quiet")), "node", "behind")  # type: ignore[arg-type]
    assert sorted(told) == sorted((node, sorted(nodes)) for node, nodes in behind.items())  # type: ignore[type-var]
