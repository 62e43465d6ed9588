"""Is a file replaced whole or not at all, and is nothing left beside it?"""

import os
from pathlib import Path

import pytest

from agentkit.core.durable import replace_file


def test_a_file_is_made_and_replaced_with_the_mode_that_it_is_given(tmp_path: Path) -> None:
    path = tmp_path / "file"
    replace_file(str(path), b"one")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"one", 0o600)
    replace_file(str(path), b"two", prepare=lambda descriptor: os.fchmod(descriptor, 0o640))
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"two", 0o640)
    assert os.listdir(tmp_path) == ["file"]


def test_who_looks_last_may_keep_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def refuse() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_file(str(path), b"new", look=refuse)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]
