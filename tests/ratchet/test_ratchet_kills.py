"""Is a move that is killed, anywhere, one that was made or was not: nobody's work lost, and the next start heals?"""

import random
from pathlib import Path

import pytest

from tests.ratchet.moves import WORDS
from tests.ratchet.striking import Anvil, choose_points

CHANGING, OTHERS = 6, 1


@pytest.mark.parametrize("what", WORDS)
def test_wherever_a_move_is_struck_it_was_made_or_it_was_not(
    what: str, tmp_path: Path, random_choices: random.Random
) -> None:
    anvil = Anvil(what, tmp_path / "anvil")
    points = choose_points(anvil.list_points(), random_choices, CHANGING, OTHERS)
    assert [fault for point in points for fault in anvil.strike(point)] == []
