"""What does a kill in the middle of `adopt` leave? Some points of tests/sweeps/kill_adopt.py, which tries all."""

import random
from pathlib import Path

import pytest

from tests.sweeps.kill_adopt import READING, Scene, list_points

SAMPLE = 5


@pytest.mark.parametrize("word", ["--install", "--undo"])
def test_a_kill_at_any_change_leaves_one_whole_crontab_and_a_way_back(
    word: str, tmp_path: Path, random_choices: random.Random
) -> None:
    scene = Scene(tmp_path)
    points = list_points(scene, word)
    assert {"rename", "fsync", "write"} <= {call for call, _ in points}
    changing = [point for point in points if point[0] not in READING]
    renames = [point for point in points if point[0] == "rename"]
    for call, place in {*renames, *random_choices.sample(changing, SAMPLE)}:
        assert scene.try_point(word, call, place) == []
