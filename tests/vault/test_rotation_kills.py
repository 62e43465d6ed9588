"""Is a rotation that is killed, anywhere, one that goes on: never without a key that works, and with none left over?"""

import random
from pathlib import Path

import pytest

from tests.vault.killing import Victim, choose_points
from tests.vault.rotating import STYLES

POINTS, MOMENTS = 4, 3
LONGEST_RUN_S = 1.2


@pytest.mark.parametrize("style", STYLES)
def test_a_rotation_killed_at_a_system_call_goes_on(style: str, tmp_path: Path, random_choices: random.Random) -> None:
    counts = Victim(tmp_path / "counted", style).count_calls(tmp_path / "table")
    for number, (call, place) in enumerate(choose_points(counts, POINTS, random_choices)):
        victim = Victim(tmp_path / str(number), style)
        victim.kill_at(call, place)
        assert victim.find_faults() == [], f"killed at {call} {place}"


@pytest.mark.parametrize("style", STYLES)
def test_a_rotation_killed_at_any_moment_goes_on(style: str, tmp_path: Path, random_choices: random.Random) -> None:
    for number in range(MOMENTS):
        moment = random_choices.uniform(0.1, LONGEST_RUN_S)
        victim = Victim(tmp_path / str(number), style)
        victim.kill_after(moment)
        assert victim.find_faults() == [], f"killed after {moment}s"
