"""Is the record of an execution on the disk before anything secret is opened, and whenever it is struck?"""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.vault.execstrikes import EXEC, MASKED, NAME, VALUE, choose_errors, choose_kills, find_faults, list_calls
from tests.vault.ownvault import OwnVault
from tests.vault.test_badinput import HEAVY

POINTS = 12
TELLING = """
import os, sys
sys.path[:0] = sys.argv.pop(1).split(":")
from agentkit.__main__ import main

def become(*words):
    os.write(2, " ".join(sys.modules).encode())
    os._exit(0)

os.execve = become
main()
"""


@pytest.fixture
def own(tmp_path: Path) -> OwnVault:
    """Return a vault with one secret."""
    vault = OwnVault(tmp_path / "own")
    vault.set(NAME, VALUE)
    return vault


def test_the_record_is_durable_before_anything_secret_is_opened(own: OwnVault, tmp_path: Path) -> None:
    calls = [row for _, _, row in list_calls(own, EXEC, tmp_path / "calls")]

    def one(*pieces: str) -> int:
        [place] = [place for place, row in enumerate(calls) if all(piece in row for piece in pieces)]
        return place

    written = one("write(", str(own.segment))
    synced = one("fdatasync(", str(own.segment))
    opened = [one("openat(", f'"{path}"') for path in (own.places.current(NAME), own.places.identity)]
    handed = one("write(", VALUE.decode()[:20], "<pipe:")
    assert written < synced < min(opened) < max(opened) < handed < one("execve(")
    # No lock is held while the program starts, and nobody but it has the other end.
    assert [row for row in calls[handed:] if "close(" in row and own.places.audit in row]


def test_an_exec_loads_nothing_that_it_does_not_need(own: OwnVault) -> None:
    paths = ":".join(path for path in sys.path if path)
    words = [sys.executable, "-S", "-I", "-c", TELLING, paths, "vault", *EXEC]
    modules = set(
        subprocess.run(words, env=own.environ, capture_output=True, timeout=60, check=True).stderr.decode().split()
    )
    assert {"agentkit.vault.handover.execution", "agentkit.vault.log.chain", "pyrage"} <= modules
    assert (
        modules
        & (
            HEAVY
            | {"agentkit.vault.handover.template", "agentkit.vault.handover.reader", "agentkit.vault.handover.masking"}
        )
        == set()
    )


@pytest.mark.parametrize("words", [EXEC, MASKED], ids=["exec", "mask"])
@pytest.mark.parametrize("choose", [choose_kills, choose_errors])
def test_wherever_it_is_struck_nothing_is_released_without_a_record(
    own: OwnVault, tmp_path: Path, random_choices: random.Random, words: tuple[str, ...], choose: object
) -> None:
    assert callable(choose)
    points = choose(list_calls(own, words, tmp_path / "calls"))
    chosen = random_choices.sample(points, POINTS)
    assert [fault for inject in chosen for fault in find_faults(own, words, inject)] == []
