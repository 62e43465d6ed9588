"""Does a change that is killed at any instant look like what it is, and like no tampering?"""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentkit.vault.age import seal_value
from agentkit.vault.asker import Asker
from agentkit.vault.checks.checking import Checked, check_vault
from agentkit.vault.digest import hash_bytes
from agentkit.vault.keys import derive_recipients_keys, derive_row_keys, read_identities
from agentkit.vault.locked import LockedVault, lock_vault
from agentkit.vault.places import find_places
from agentkit.vault.recipients import read_recipients
from agentkit.vault.rows import read_row
from agentkit.vault.store import commit_pending, keep_pending
from tests.vault.tampering import LIMIT_S, build_environ, make_vault

# strace counts each call for itself.
CALLS = ("write", "pwrite64", "fsync", "fdatasync", "rename", "mkdir")
SAMPLE = int(os.environ.get("AGENTKIT_KILL_POINTS", "2"))
SHORT = 6
DEEDS = {
    "a new secret": ("set", "c/d", "--purpose", "for c"),
    "another value": ("set", "a"),
    "other words": ("set", "a", "--keep-value", "--owner", "me"),
    "a rotation": ("rotate", "b"),
    "a rotation of the identity": ("rotate", "--identity"),
}
EXPECTED = {"unfinished-change", "leftover-file"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a vault, to be copied."""
    folder = tmp_path_factory.mktemp("made")
    make_vault(folder)
    return folder


def run(folder: Path, words: tuple[str, ...], *before: str) -> int:
    argv = [*before, sys.executable, "-m", "agentkit", "vault", *words]
    environ = {**build_environ(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(argv, input=b"new", env=environ, capture_output=True, timeout=LIMIT_S, check=False)
    assert b"Traceback" not in ended.stderr, ended.stderr.decode()
    return ended.returncode


def check(folder: Path) -> Checked:
    environ = build_environ(folder)
    return check_vault(find_places(environ), environ, now=time.time(), host="web-1")


def list_points(made: Path, folder: Path, words: tuple[str, ...]) -> list[tuple[str, int]]:
    """Return the calls that the verb makes: which, and which one of these."""
    shutil.copytree(made, folder)
    table = folder / "table"
    assert run(folder, words, "strace", "-o", str(table), "-e", f"trace={','.join(CALLS)}") == 0
    rows = table.read_text(errors="replace").splitlines()
    counts = {call: sum(row.startswith(f"{call}(") for row in rows) for call in CALLS}
    return [(call, place) for call, count in counts.items() for place in range(1, count + 1)]


@pytest.mark.parametrize("deed", DEEDS)
def test_what_a_killed_change_leaves_is_unfinished_and_is_mended_by_the_next(
    deed: str, made: Path, tmp_path: Path, random_choices: random.Random
) -> None:
    words = DEEDS[deed]
    points = list_points(made, tmp_path / "listed", words)
    assert {"rename", "fsync", "fdatasync", "write"} <= {call for call, _ in points}
    renames = [point for point in points if point[0] == "rename"]
    # A rotation makes many; of a `set` each one is tried.
    is_short = len(renames) <= SHORT
    renames = renames if is_short else random_choices.sample(renames, SHORT // 2)
    seen = set()
    for call, place in sorted({*renames, *random_choices.sample(points, min(SAMPLE, len(points)))}):
        folder = tmp_path / f"{call}-{place}"
        shutil.copytree(made, folder)
        assert run(folder, words, "strace", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={place}") != 0
        checked = check(folder)
        assert {one.type for one in checked.sightings} <= EXPECTED, (call, place, checked.sightings)
        steps = [one.next_step for one in checked.sightings if one.type == "unfinished-change"]
        seen.update(steps)
        keeps_value = any(step.endswith("--keep-value") for step in steps)
        assert run(folder, ("set", words[1], "--keep-value") if keeps_value else words) == 0
        assert check(folder).sightings == (), (call, place)
    assert seen or not is_short


class Dying:
    """A vault whose process is killed where it would write the record of the end."""

    def __init__(self, vault: LockedVault) -> None:
        self.places = vault.places

    def record(self, *_: object) -> int:
        raise KeyboardInterrupt


def test_a_rotation_that_was_cut_off_before_its_last_record_is_no_version_without_a_record(
    made: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(made, folder)
    places = find_places(build_environ(folder))
    identities = read_identities(places.identity)
    recipients = read_recipients(places.recipients, derive_recipients_keys(identities))
    old = read_row(places.row("b"), "b")
    assert old is not None
    ciphertext = seal_value(b"made", [recipients.identity, recipients.recovery])
    fields = {**old.fields, "version": 2, "sha256": hash_bytes(ciphertext), "previous_sha256": old.sha256}
    del fields["mac"]
    asker = Asker(os.getuid(), os.getpid(), "", "agentkit", "00" * 32)
    for has_record in (False, True):
        with lock_vault(places, asker) as vault:
            if has_record:
                vault.record("rotate", "promote", "started", {"name": "b", "version": 1})
            else:
                keep_pending(places, "b", ciphertext)
                with pytest.raises(KeyboardInterrupt):
                    commit_pending(Dying(vault), old, fields, derive_row_keys(identities)[0], op="rotate")  # type: ignore[arg-type]
        [seen] = check(folder).sightings
        assert seen.type == ("unfinished-change" if has_record else "tampered")
    assert seen.next_step == "agentkit vault rotate b"
