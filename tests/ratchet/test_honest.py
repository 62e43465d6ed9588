"""What honest people change has to be accepted."""

import random
from pathlib import Path

import pytest

from agentkit.ratchet.verdict import ACCEPT
from tests.ratchet.conftest import TakeToy
from tests.ratchet.honest import HONEST, find_wrong, set_up
from tests.ratchet.toy import Toy

# tests/sweeps/ratchet_cheats.py tries them all.
SAMPLED = 6


@pytest.mark.parametrize("turn", range(SAMPLED))
def test_an_honest_change_is_accepted(
    turn: int, take_toy: TakeToy, tmp_path: Path, random_choices: random.Random
) -> None:
    change = random_choices.sample(HONEST, SAMPLED)[turn]
    toy = set_up(change, tmp_path / "own") or take_toy("")
    change.apply(toy)
    assert find_wrong(change, toy.judge().verdict) is None


def test_there_are_many_of_them() -> None:
    assert len({change.name for change in HONEST}) == len(HONEST) >= 14


def test_what_was_accepted_is_the_measure_from_then_on(toy: Toy) -> None:
    toy.replace(
        "tests/test_price.py", "def test_label", "def test_more():\n    assert total([5]) == 5\n\n\ndef test_label"
    )
    first = toy.judge()
    assert first.verdict.answer == ACCEPT
    assert first.outcomes["tests.test_price::test_more"] == "pass"
