"""Is each check asked when all that it depends on is well, and only then, and who is asked again?"""

import random
from pathlib import Path

import networkx as nx
import pytest

from agentkit.depmap.probing.asked import Check
from agentkit.depmap.probing.network import Network
from agentkit.depmap.probing.rounds import HANG, OK, run_checks
from agentkit.depmap.probing.turns import Turns


def make_turns(graph: nx.DiGraph, checked: list[int]) -> Turns:
    """Return the turns of a graph of numbers; `checked` has the node of each check."""
    network = Network(None)
    nodes = {node: network.find(f"job:n{node:03}", "here") for node in graph}
    for source, target in graph.edges:
        network.declare(nodes[source], nodes[target])
    web = network.reach([nodes[node] for node in checked])
    return Turns(web, [web.numbers[nodes[node]] for node in checked])


def find_needs(graph: nx.DiGraph, node: int) -> set[int]:
    """Return what a node depends on and that does not depend on it."""
    return {other for other in nx.descendants(graph, node) if node not in nx.descendants(graph, other)}


@pytest.mark.parametrize("share_of_bad", [0.0, 0.05, 0.5])
def test_a_check_has_its_turn_when_all_that_it_depends_on_is_well(
    share_of_bad: float, random_choices: random.Random
) -> None:
    for _ in range(40):
        count = random_choices.randint(1, 40)
        graph = nx.gnp_random_graph(count, random_choices.choice((0.02, 0.06, 0.2)), random_choices, directed=True)
        checked = [node for node in graph for _ in range(random_choices.choice((0, 1, 1, 1, 2)))]
        bad = {check for check in range(len(checked)) if random_choices.random() < share_of_bad}
        turns = make_turns(graph, checked)
        well: set[int] = set()
        begun = turns.begin()
        asked = list(begun)
        while begun:
            check = begun.pop(random_choices.randrange(len(begun)))
            if check not in bad:
                well.add(check)
                following = turns.pass_on(check)
                asked += following
                begun += following
                for other in following:
                    needs = find_needs(graph, checked[other])
                    assert {one for one, node in enumerate(checked) if node in needs} <= well
        bad_nodes = {checked[check] for check in bad}
        assert sorted(asked) == [check for check, node in enumerate(checked) if not find_needs(graph, node) & bad_nodes]


def run(checks: list[Check], pairs: list[tuple[int, int]], limit_s: float = 60.0) -> dict[int, str]:
    graph = nx.DiGraph(pairs)
    graph.add_nodes_from(range(len(checks)))
    environ = {"PATH": "/usr/bin:/bin"}
    answers = run_checks(checks, make_turns(graph, list(graph)), stuck=(), environ=environ, limit_s=limit_s)
    return {number: answer.state for number, answer in answers.items()}


def make_check(script: str, limit_s: float = 60.0) -> Check:
    return Check("job:a", ("sh", "-c", script), limit_s, has_limit=True, file="", place="")


def test_a_hang_for_want_of_a_processor_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    once = make_check(f"[ -e {tmp_path}/x ] || {{ touch {tmp_path}/x; while :; do :; done; }}", 0.5)
    always = make_check(f"echo >> {tmp_path}/y; while :; do :; done", 0.5)
    monkeypatch.setattr("agentkit.core.tree.processor_time", lambda _: (490_000_000, 1_000_000))
    assert run([once, always], []) == {0: HANG, 1: HANG}
    (tmp_path / "x").unlink()

    # Of its half a second it waited for the processor for nearly all: so it stands in the kernel's figures.
    monkeypatch.setattr("agentkit.core.tree.processor_time", lambda _: (1_000_000, 490_000_000))
    assert run([once, always], []) == {0: OK, 1: HANG}
    assert (tmp_path / "y").read_text() == "\n\n\n"


def test_nobody_is_asked_again_when_the_time_is_over(tmp_path: Path) -> None:
    failing = make_check(f"echo >> {tmp_path}/y; exit 1")
    hanging = make_check("exec sleep 60")
    assert run([failing, hanging], [], 1.0) == {0: "failed"}
    assert (tmp_path / "y").read_text() == "\n"
