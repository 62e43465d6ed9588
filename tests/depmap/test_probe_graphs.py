"""Are the roots of a random graph of checks exactly its faults that depend on no other?

A sample of `python -m tests.sweeps.probe_graphs`.
"""

import random
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.depmap.probed import probe
from tests.depmap.probegraphs import find_faults, make_scene


@pytest.mark.parametrize("has_loops", [False, True], ids=["no loops", "loops"])
@pytest.mark.parametrize("number", range(3))
def test_the_roots_are_exactly_the_faults(
    number: int, has_loops: bool, random_choices: random.Random, agentkit: Run, tmp_path: Path
) -> None:
    for _ in range(number):
        random_choices.random()
    scene = make_scene(random_choices, tmp_path, most=60, has_loops=has_loops)
    assert find_faults(scene, probe(agentkit, scene.file)) == []
