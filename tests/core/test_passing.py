"""Is what a crash left among the temporary files cleared away, and never what somebody needs?"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from agentkit.core.claims import name_this_process
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.passing import CLAIM, PREFIX, make_passing_folder

MAKE = "from agentkit.core.passing import make_passing_folder; print(make_passing_folder())"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def leave(temporary: Path) -> Path:
    """Return the folder of a process that went without a word."""
    words = [sys.executable, "-c", MAKE]
    made = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    folder = Path(made.stdout.strip())
    (folder / "deep" / "er").mkdir(parents=True)
    assert folder.parent == temporary
    return folder


def test_what_a_process_left_goes_when_the_next_one_comes(temporary: Path) -> None:
    left = leave(temporary)
    made = Path(make_passing_folder())
    assert not left.exists()
    assert made.stat().st_mode & 0o777 == 0o700


def test_what_a_living_process_needs_stays(temporary: Path) -> None:
    first, second = make_passing_folder(), make_passing_folder()
    assert first != second
    assert os.path.exists(first)


@pytest.mark.parametrize("place", [2, 3], ids=["boot", "container"])
def test_one_of_elsewhere_cannot_be_told_and_stays(place: int, temporary: Path) -> None:
    left = leave(temporary)
    words = name_this_process().split()
    words[0], words[place] = "999999999", "elsewhere"
    (left / CLAIM).write_text(" ".join(words))
    make_passing_folder()
    assert left.exists()


@pytest.mark.parametrize(
    "claim", [None, "", "1", "\udc80", "a b c d"], ids=["none", "empty", "short", "bytes", "words"]
)
def test_a_folder_with_another_claim_or_none_is_somebodys(claim: str | None, temporary: Path) -> None:
    folder = temporary / f"{PREFIX}of-somebody"
    folder.mkdir()
    if claim is not None:
        (folder / CLAIM).write_bytes(claim.encode("utf-8", "surrogateescape"))
    make_passing_folder()
    assert folder.exists()


def test_a_link_is_not_followed(temporary: Path) -> None:
    left = leave(temporary)
    kept = temporary / "kept"
    left.rename(kept)
    (temporary / f"{PREFIX}link").symlink_to(kept)
    make_passing_folder()
    assert (kept / CLAIM).exists()


def test_where_nothing_can_be_written_the_status_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(AgentkitError) as refused:
        make_passing_folder()
    assert refused.value.status == Exit.CANNOT_WRITE
