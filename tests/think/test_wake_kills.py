"""Does a wake that is killed anywhere lose no finding, tell each decision, and do nothing twice?"""

from __future__ import annotations

import random
from pathlib import Path

from tests.think.scriptedmodel import scripted_model
from tests.think.wakestrikes import Scene, answer

STRIKES = 8


def test_a_wake_killed_at_a_system_call_loses_nothing_and_does_nothing_twice(
    tmp_path: Path, environ: dict[str, str], random_choices: random.Random
) -> None:
    with scripted_model(answer) as model:
        scene = Scene(tmp_path, environ, model)
        scene.list_points()
        faults = [fault for point in scene.choose_points(random_choices, STRIKES) for fault in scene.strike(*point)]
    assert faults == []
