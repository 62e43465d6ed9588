"""When many accept at once, is the history linear, and is every one of them in it?"""

from pathlib import Path

from tests.ratchet.crowding import accept_at_once
from tests.ratchet.ownrepository import OwnRepository

COUNT = 12


def test_many_at_once_come_one_after_the_other(tmp_path: Path) -> None:
    own = OwnRepository(tmp_path / "own")
    own.found()
    assert accept_at_once(own, COUNT) == []
    assert own.is_clean()
