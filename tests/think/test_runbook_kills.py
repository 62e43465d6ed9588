"""Does a runbook run at most once for each episode, wherever what runs it is killed? A sample; all is in the sweep."""

import random
from pathlib import Path

from tests.think.runstrikes import KINDS, Scene

CALLS = 10
OTHERS = 2


def test_wherever_its_runner_is_killed_it_runs_once_at_most(
    tmp_path: Path, environ: dict[str, str], random_choices: random.Random
) -> None:
    scene = Scene(tmp_path / "scene", environ, random_choices)
    assert scene.list_points() > CALLS
    strikes = [("call", point) for point in scene.choose_points(CALLS)]
    strikes += [(kind, scene.points[0]) for kind in KINDS if kind != "call" for _ in range(OTHERS)]
    assert [fault for kind, point in strikes for fault in scene.strike(kind, point)] == []
    assert {"ok", "failed", "interrupted"} == set(scene.states)
