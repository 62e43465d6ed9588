"""Random graphs of checks in which something is broken: how are they made, and what are their roots?

As in life, what depends on something broken fails or hangs as well: the check of each thing reads in a file how it is.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import networkx as nx

from tests.depmap.probed import Found, Record, check, write_checks

OK, FAIL, HANG, SLOW = "ok", "fail", "hang", "slow"
FAULTS = (FAIL, HANG, SLOW)
# What is well has the time that a busy machine takes; the others have to come to their limit.
LONG, SHORT = "60s", "0.5s"
TYPE_OF = {FAIL: "failed", HANG: "hang", SLOW: "hang"}
ASK = """read -r state < "${0%/*}/states/$1"
case $state in
ok) exit 0 ;;
fail) echo "$1 is broken" >&2; exit 1 ;;
slow) sleep 5 ;;
hang) exec sleep 600 ;;
esac
"""


@dataclass(frozen=True)
class Scene:
    """A file of checks and what a probe of it has to find.

    `roots` has the state of each root of a thing that depends on nothing that depends on it; of each loop that is
    broken exactly one of `loops` has to be a root.
    """

    file: Path
    count: int
    roots: dict[str, str]
    loops: list[set[str]]
    blocked: set[str]


def make_scene(choices: random.Random, folder: Path, *, most: int, has_loops: bool) -> Scene:
    """Make a graph of 10 to `most` checks with 1 to 3 faults."""
    count = choices.randint(10, most)
    graph = nx.DiGraph()
    graph.add_nodes_from(range(count))
    for node in range(1, count):
        for other in choices.sample(range(node), min(node, choices.choice((0, 1, 1, 2, 3, 5)))):
            graph.add_edge(node, other)
    if has_loops:
        for _ in range(choices.randint(1, 4)):
            low, high = sorted(choices.sample(range(count), 2))
            graph.add_edge(low, high)
    faults = {node: choices.choice(FAULTS) for node in choices.sample(range(count), choices.randint(1, 3))}
    # Some things are only passed through, and no check tells of them.
    silent = {node for node in range(count) if node not in faults and choices.random() < 0.1}
    names = [f"{choices.choice(('job', 'unit', 'cmd'))}:n{node}" for node in range(count)]
    states = _spread(graph, faults)
    _write_states(folder, states)
    tables: list[Record] = [
        check(names[node], "sh", str(folder / "ask"), str(node), limit=LONG if states[node] in (OK, FAIL) else SHORT)
        for node in choices.sample(range(count), count)
        if node not in silent
    ]
    pairs = [(names[node], names[other]) for node, other in graph.edges]
    choices.shuffle(pairs)
    file = write_checks(folder / "checks.json", tables, pairs)
    return _expect(graph, faults, states, silent, names, file)


def _spread(graph: nx.DiGraph, faults: dict[int, str]) -> dict[int, str]:
    """Return how each thing is: broken itself, or as the worst of what it depends on."""
    states = {}
    for node in graph:
        below = {faults.get(other, OK) for other in (node, *nx.descendants(graph, node))}
        own = faults.get(node)
        states[node] = own or next((state for state in (HANG, SLOW, FAIL) if state in below), OK)
    return states


def _write_states(folder: Path, states: dict[int, str]) -> None:
    (folder / "ask").write_text(ASK)
    (folder / "states").mkdir()
    for node, state in states.items():
        (folder / "states" / str(node)).write_text(f"{state}\n")


def _expect(  # noqa: PLR0917  # what the scene was made of
    graph: nx.DiGraph,
    faults: dict[int, str],
    states: dict[int, str],
    silent: set[int],
    names: list[str],
    file: Path,
) -> Scene:
    roots, loops, blocked = {}, [], set()
    loop_of = {node: loop for loop in nx.strongly_connected_components(graph) for node in loop}
    for node, state in states.items():
        if state == OK or node in silent:
            continue
        below = nx.descendants(graph, node) - loop_of[node]
        if any(other in faults for other in below):
            blocked.add(names[node])
        elif len(loop_of[node]) == 1:
            roots[names[node]] = TYPE_OF[faults[node]]
        else:
            loop = {names[other] for other in loop_of[node] if other not in silent}
            if loop not in loops:
                loops.append(loop)
    return Scene(file, len(states) - len(silent), roots, loops, blocked)


def find_faults(scene: Scene, found: Found) -> list[str]:
    """Return what a probe said wrongly of a scene."""
    types, faults = found.types(), []
    reported = found.record["roots"]
    assert isinstance(reported, list)
    roots = set(reported)
    of_loops = [roots & loop for loop in scene.loops]
    if any(len(some) != 1 for some in of_loops):
        faults.append(f"a loop has not one root: {of_loops}")
    alone = roots.difference(*scene.loops)
    if alone != set(scene.roots):
        faults.append(f"roots {sorted(alone)}, expected {sorted(scene.roots)}")
    wrong = {name: types.get(name) for name, type_ in scene.roots.items() if types.get(name) != type_}
    if wrong:
        faults.append(f"types {wrong}, expected {scene.roots}")
    blocked = {name for name, type_ in types.items() if type_ == "blocked"}
    if blocked != scene.blocked:
        faults.append(f"blocked {sorted(blocked ^ scene.blocked)} more or less")
    causes = {one["cause"]["root"] for one in found.findings if "cause" in one}  # type: ignore[index]
    if causes - roots:
        faults.append(f"causes that are no roots: {sorted(causes - roots)}")
    if found.record["checks"] != scene.count:
        faults.append(f"{found.record['checks']} checks of {scene.count}")
    return faults
