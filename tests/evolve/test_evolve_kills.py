"""SIGKILL of `evolve try` in three ways: nothing of the person's is touched, nothing is lost, and `resume` goes on.

The whole is `python -m tests.sweeps.evolve_kills`.
"""

from __future__ import annotations

import random
from pathlib import Path

from tests.evolve.callstrikes import WAYS
from tests.evolve.killedtries import KEPT, Anvil


def test_a_try_that_is_killed_touches_nothing_loses_nothing_and_is_taken_up(
    random_choices: random.Random, tmp_path: Path
) -> None:
    anvil = Anvil(KEPT, tmp_path / KEPT)
    points = anvil.choose_points(random_choices, len(WAYS))
    assert [fault for point in points for fault in anvil.strike(point)] == []
    assert {point.way for point in points} == set(WAYS)
    # One of them may come after the last change of a try that had fewer.
    assert sum(count for end, count in anvil.ends.items() if "nobody was struck" not in end) >= len(WAYS) - 1
