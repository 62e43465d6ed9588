"""Is everything found that is not as it was set, and nothing else, and does `get` refuse it?"""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import jsonschema
import pytest

from agentkit.core.errors import Exit
from agentkit.core.schemas import read_schema
from agentkit.vault.checks.checking import check_vault
from agentkit.vault.places import Places, find_places
from tests.vault.conftest import Vault
from tests.vault.tampering import DEEDS, Deed, Hand, make_vault, name_subject, read_records

FLIPS = int(os.environ.get("AGENTKIT_FLIPS", "60"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a vault that holds `a`, version 2, and `b`, version 1; each test has a copy of it."""
    folder = tmp_path_factory.mktemp("made")
    make_vault(folder)
    return folder


@pytest.fixture
def places(made: Path, tmp_path: Path, environ: dict[str, str]) -> Places:
    """Return the paths of a copy of that vault, which `vault` runs commands on."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return find_places(environ)


@pytest.fixture
def hand(places: Places, tmp_path: Path) -> Hand:
    """Return a hand at that copy."""
    return Hand(places, tmp_path / "old")


def check(vault: Vault) -> tuple[int, list[dict[str, object]]]:
    """Return the status and the findings, each of which fits its schema."""
    ended = vault("check", "--json")
    assert ended.stderr == b""
    *findings, claim = read_records(ended.stdout)
    for record in findings:
        jsonschema.validate(record, read_schema("finding"))
    jsonschema.validate(claim, read_schema("claim"))
    return ended.returncode, findings


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
def test_what_a_hand_does_is_found_by_check_and_refused_by_get(
    deed: Deed, hand: Hand, vault: Vault, places: Places
) -> None:
    deed.do(hand)
    status, findings = check(vault)
    found = {(finding["type"], finding["subject"]) for finding in findings}
    assert (deed.found, name_subject(deed, places)) in found
    assert status == deed.check, found
    got = vault("get", "a", "--reason", "x")
    assert got.returncode == deed.get, got.stderr
    assert got.stdout == b"" or deed.get == 0


def test_a_vault_that_nobody_touched_is_well(hand: Hand, vault: Vault) -> None:
    assert check(vault) == (0, [])
    ended = vault("check", "--quiet")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
    ended = vault("check")
    assert ended.stdout.startswith(b"all 2 secrets are as they were set\nL0: ")


def test_a_flipped_bit_is_reported_wherever_it_is(
    places: Places, environ: dict[str, str], tmp_path: Path, random_choices: random.Random
) -> None:
    hand = Hand(places, tmp_path / "old")
    folders = ("secrets", "previous", "manifest", "audit", "recipients")
    files = [path for folder in folders for path in [hand.vault / folder, *(hand.vault / folder).rglob("*")]]
    # Which key a digest has been made with shows in no other thing.
    files = [path for path in files if path.is_file() and path.name != "key"]
    assert {path.suffix for path in files} == {".age", ".json", ".version", ".jsonl", ""}
    missed = []
    for _ in range(FLIPS):
        path = random_choices.choice(files)
        raw = path.read_bytes()
        place, bit = random_choices.randrange(len(raw)), random_choices.randrange(8)
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 1 << bit]) + raw[place + 1 :])
        checked = check_vault(places, environ, now=time.time(), host="web-1")
        # A mark is a number; which blank ends its line says nothing.
        is_blank = path.suffix == ".version" and path.read_bytes().strip() == raw.strip()
        if checked.status != Exit.TAMPERED and not is_blank:
            missed.append((str(path), place, bit))
        path.write_bytes(raw)
    assert missed == []
    assert check_vault(places, environ, now=time.time(), host="web-1").sightings == ()


def test_changes_that_go_on_meanwhile_are_no_findings(places: Places, environ: dict[str, str]) -> None:
    script = f"for n in 1 2 3 4 5 6 7 8 9 10; do echo $n | {sys.executable} -m agentkit vault set a || exit 1; done"
    checks = 0
    with subprocess.Popen(["sh", "-c", script], env=environ, stdout=subprocess.DEVNULL) as changing:
        while changing.poll() is None:
            checked = check_vault(places, environ, now=time.time(), host="web-1")
            assert checked.sightings == ()
            checks += 1
    assert changing.returncode == 0
    assert checks > 10


def test_a_check_opens_nothing_and_writes_nothing(hand: Hand, vault: Vault, places: Places) -> None:
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in hand.vault.rglob("*") if path.is_file()}
    check(vault)
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in hand.vault.rglob("*") if path.is_file()}
    assert after == before


def test_without_a_vault_there_is_one_clear_line(agentkit: Callable[..., "CompletedProcess[str]"]) -> None:
    ended = agentkit("vault", "check", "--json")
    assert (ended.returncode, ended.stdout) == (69, "")
    assert ended.stderr.startswith("agentkit: error: there is no vault")
