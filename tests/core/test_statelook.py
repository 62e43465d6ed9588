"""Can what a command keeps be looked at where nothing can be written?"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from agentkit.core.ourselves import call_ourselves
from agentkit.evolve.store import open_store
from tests.evolve.planted import plant

LIMIT_S = 60
READ_ONLY = 'mount --bind "$1" "$1"\nmount -o remount,bind,ro "$1"\nshift\nexec "$@"'


def look(environ: dict[str, str], home: Path, *words: str) -> str:
    """Return what a verb prints with the state folder on a disk that is read-only."""
    ended = subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-ec", READ_ONLY, "sh", str(home), *call_ourselves(*words)],
        env=environ, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


@pytest.mark.parametrize("verb", ["log", "status", "show", "summary"])
def test_an_archive_that_is_read_only_is_shown(verb: str, environ: dict[str, str], home: Path) -> None:
    one = plant(environ, time.time())
    words = ("evolve", verb, one.id) if verb == "show" else ("evolve", verb)
    assert one.id[:16] in look(environ, home, *words)


def test_what_somebody_writes_just_now_is_shown_as_it_stands(environ: dict[str, str], home: Path) -> None:
    plant(environ, time.time() - 9)
    with open_store(environ) as writer:
        writer.first("SELECT 1 FROM candidates")
        one = plant(environ, time.time())
        assert (home / "evolve.db-wal").stat().st_size > 0
        assert one.id[:16] in look(environ, home, "evolve", "log")


def test_an_archive_in_which_nothing_was_ever_written_is_none(environ: dict[str, str], home: Path) -> None:
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "evolve.db").touch(mode=0o600)
    assert "nothing was tried yet" in look(environ, home, "evolve", "summary")
