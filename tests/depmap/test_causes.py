import random
from collections.abc import Iterable, Mapping
from itertools import pairwise

import networkx as nx
import pytest

from agentkit.depmap.explaining.causes import Cause, Causes
from agentkit.depmap.explaining.impacts import count_dependants, find_dependants
from agentkit.depmap.explaining.suspects import SEVERAL, find_only_users, find_suspects
from agentkit.depmap.graph import NONE, Arrows, draw_arrows, find_components, turn_round
from tests.conftest import SEED


def draw(count: int, *pairs: tuple[int, int]) -> Arrows:
    return draw_arrows(count, pairs)


def find_causes(needs: Arrows, unwell: Mapping[int, float]) -> dict[int, Cause]:
    causes = Causes(needs, turn_round(needs), find_components(needs), unwell)
    return {node: causes.find(node) for node in unwell}


def explain_slowly(graph: "nx.DiGraph[int]", unwell: Iterable[int]) -> dict[int, set[int]]:
    """Return the roots of each node that is not well, from nothing but which node can be reached from which."""
    unwell = set(unwell)
    reached = {node: nx.descendants(graph, node) for node in graph}
    loops = {node: {other for other in reached[node] if node in reached[other]} | {node} for node in graph}
    # Of a loop the first one by number stands for all: all were seen at the same time.
    roots = {min(unwell & loops[node]) for node in unwell if not unwell & (reached[node] - loops[node])}
    return {node: roots & (reached[node] | loops[node]) for node in unwell}


@pytest.mark.parametrize("number", range(40))
def test_the_roots_and_the_way_to_the_nearest_are_those_of_networkx(number: int) -> None:
    chance = random.Random(f"{SEED}-{number}")
    count = chance.randint(2, 60)
    pairs = [(chance.randrange(count), chance.randrange(count)) for _ in range(chance.randint(0, 2 * count))]
    arrows = draw_arrows(count, [(tail, head) for tail, head in pairs if tail != head])
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from(pairs)
    unwell = chance.sample(range(count), chance.randint(1, count))
    expected = explain_slowly(graph, unwell)
    causes = find_causes(arrows, dict.fromkeys(unwell, 0.0))
    assert set(causes) == set(unwell)
    for node, cause in causes.items():
        assert {cause.root, *cause.others} == expected[node]
        way = [node, *reversed(cause.via), cause.root] if cause.root != node else [node]
        assert all(graph.has_edge(tail, head) for tail, head in pairwise(way))
        assert cause.between == len(cause.via)
        nearest = min(nx.shortest_path_length(graph, node, root) for root in expected[node])
        assert len(way) - 1 == (0 if node in expected[node] else nearest)


def test_of_a_loop_that_is_not_well_the_one_that_was_seen_first_is_the_root() -> None:
    loop = draw(4, (0, 1), (1, 2), (2, 0), (3, 0))
    assert find_causes(loop, {0: 30.0, 1: 20.0, 3: 10.0}) == {
        0: Cause(1),
        1: Cause(1),
        3: Cause(1, (0,), 1),
    }


def test_what_is_not_well_and_far_below_is_the_root_though_what_lies_between_is_well() -> None:
    chain = draw(4, (0, 1), (1, 2), (2, 3))
    assert find_causes(chain, {0: 0.0, 3: 0.0}) == {0: Cause(3, (2, 1), 2), 3: Cause(3)}


def test_of_a_long_way_the_part_by_the_root_is_counted_and_not_told() -> None:
    chain = draw(300, *pairwise(range(300)))
    causes = find_causes(chain, dict.fromkeys((0, 198, 199, 299), 0.0))
    assert causes[199] == Cause(299, tuple(range(298, 199, -1)), 99)
    assert causes[198] == Cause(299, tuple(range(298, 198, -1)), 100)
    assert causes[0] == Cause(299, tuple(range(100, 0, -1)), 298)


def test_dependants_come_nearest_first() -> None:
    needed_by = turn_round(draw(5, (4, 0), (1, 4), (2, 0), (3, 1), (0, 3)))
    assert find_dependants(needed_by, 0, 9) == [2, 4, 1, 3]
    assert find_dependants(needed_by, 0, 2) == [2, 4, 1]


def test_suspects_are_what_failing_jobs_share_and_no_other_job_uses() -> None:
    # Jobs 0 to 3; 4 is used by the failing 0 and 1 on the way to 5, 6 by all, 7 by 0 alone.
    needs = draw(8, (0, 4), (1, 4), (4, 5), (0, 6), (1, 6), (2, 6), (3, 6), (0, 7))
    assert find_suspects(needs, find_components(needs), range(4), [0, 1]) == {0: (5,), 1: (5,)}
    assert find_suspects(needs, find_components(needs), range(4), [0]) == {}


def test_a_loop_that_failing_jobs_share_is_a_suspect_as_a_whole() -> None:
    needs = draw(4, (0, 2), (1, 2), (2, 3), (3, 2))
    assert find_suspects(needs, find_components(needs), range(2), [0, 1]) == {0: (2, 3), 1: (2, 3)}


@pytest.mark.parametrize("number", range(20))
def test_what_falls_is_counted_and_listed_as_networkx_does(number: int) -> None:
    chance = random.Random(f"{SEED}-{number}")
    count = chance.randint(2, 60)
    pairs = [(chance.randrange(count), chance.randrange(count)) for _ in range(chance.randint(0, 3 * count))]
    needs = draw_arrows(count, [(tail, head) for tail, head in pairs if tail != head])
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from(pairs)
    counts = count_dependants(needs, find_components(needs), range(count))
    for node in range(count):
        distances = dict(nx.single_target_shortest_path_length(graph, node))
        expected = [other for _, other in sorted((steps, other) for other, steps in distances.items())][1:]
        assert counts[node] == len(expected)
        assert find_dependants(turn_round(needs), node, 5) == expected[:6]


def test_the_one_user_of_a_thing_is_the_nearest() -> None:
    # Job 0 runs job 1, which uses 3; 2 and 1 both use 4; 5 is used by none, 6 by itself in a loop with 7.
    needs = draw(8, (0, 1), (1, 3), (1, 4), (2, 4), (6, 7), (7, 6))
    assert find_only_users(needs, find_components(needs), range(3)) == [0, 1, 2, 1, SEVERAL, NONE, NONE, NONE]


def test_of_very_many_failing_jobs_each_is_told_few_suspects() -> None:
    jobs, things = range(200), range(200, 400)
    needs = draw(400, *((job, thing) for job in jobs for thing in things))
    suspects = find_suspects(needs, find_components(needs), jobs, jobs)
    assert suspects == dict.fromkeys(jobs, (200, 201, 202, 203, 204))
