"""Killed anywhere, given any error or a full disk, the vault loses no secret and releases none without its record."""

import itertools
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.vault.ownvault import OwnVault, count_granted, read_chain
from tests.vault.strikes import VERBS, Anvil, Verb, choose_errors, choose_kills, find_faults_of_errors, strike_once

LIMIT_S = 120
KILLS, EARLY_KILLS, ERRORS = 2, 1, 2


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.title)
def test_a_verb_struck_at_any_system_call_releases_nothing_unrecorded_and_loses_nothing(
    tmp_path: Path, random_choices: random.Random, verb: Verb
) -> None:
    anvil = Anvil(verb, tmp_path)
    faults, killed = [], 0
    for inject in choose_kills(anvil, random_choices, KILLS, EARLY_KILLS):
        found, ended = strike_once(anvil, inject)
        faults += found
        killed += ended.returncode == -9
    for inject in choose_errors(anvil, random_choices, ERRORS):
        faults += find_faults_of_errors(anvil, inject)[0]
    assert faults == []
    assert killed > 0


def on_small_disk(vault: OwnVault, script: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a script of sh in which the state folder lies on a disk of 64 KiB; `$A` is `agentkit vault`."""
    home = Path(vault.places.vault).parent
    home.mkdir(exist_ok=True)
    kept = vault.folder / "kept"
    # What lies on the small disk is gone with its mount: it is copied out at the end.
    whole = (
        f"mount --make-rprivate /\nmount -t tmpfs -o size=64k,mode=700 tmpfs {home}\nH={home}\n"
        "fill() { dd if=/dev/zero of=$H/filler bs=4096 count=64 2>/dev/null || true; }\n"
        "leave() { fill; truncate -s -$(($1 * 4096)) $H/filler; }\n"
        f"{script}\ncp -a {home} {kept}\n"
    )
    return subprocess.run(
        ["unshare", "-m", "sh", "-euc", whole], env={**vault.environ, "A": f"{sys.executable} -m agentkit vault"},
        capture_output=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip


def test_on_a_full_disk_nothing_is_released_and_nothing_is_lost(tmp_path: Path) -> None:
    own = OwnVault(tmp_path / "own", is_founded=False)
    done = on_small_disk(
        own,
        f"""
        $A init --new-recovery {own.recovery} >/dev/null
        printf first | $A set token --purpose x
        free=0
        while [ $free -le 4 ]; do
            # As long as it has room in its last page the log goes on.
            while leave 0; $A get token --reason x >{tmp_path}/out 2>{tmp_path}/err; do
                test "$(cat {tmp_path}/out)" = first
            done
            status=0; $A get token --reason x >{tmp_path}/out 2>{tmp_path}/err || status=$?
            echo "get $status $(wc -c <{tmp_path}/out) $(grep -c 'agentkit: error: ' {tmp_path}/err)"
            leave $free
            status=0; printf second | $A set token 2>{tmp_path}/err || status=$?
            echo "set $status $(grep -c Traceback {tmp_path}/err || true)"
            rm $H/filler
            value=$($A get token --reason x)
            echo "then $value"
            printf first | $A set token
            free=$((free + 2))
        done
        """,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    told = done.stdout.decode().splitlines()
    assert [line for line in told if line.startswith("get")] == ["get 73 0 1"] * 3
    sets = [(line, then) for line, then in itertools.pairwise(told) if line.startswith("set")]
    assert {line for line, _ in sets} <= {"set 0 0", "set 73 0"}
    assert ("set 73 0", "then first") in sets
    # Where it says that it is done it is; where it says that it is not, one of the two is there, whole.
    assert {then for line, then in sets if line == "set 0 0"} <= {"then second"}
    assert {then for _, then in sets} <= {"then first", "then second"}
    records = read_chain(tmp_path / "own" / "kept" / "vault" / "audit")
    assert count_granted(records) > 3
    left = [path.name for path in (tmp_path / "own" / "kept").rglob(".*")]
    assert left == []


@pytest.mark.parametrize("free", [0, 2, 4])
def test_on_a_full_disk_init_makes_a_vault_or_none(tmp_path: Path, free: int) -> None:
    own = OwnVault(tmp_path / "own", is_founded=False)
    done = on_small_disk(
        own,
        f"""
        leave {free}
        status=0; $A init --new-recovery {own.recovery} >/dev/null 2>{tmp_path}/err || status=$?
        echo "init $status $(grep -c 'agentkit: error: ' {tmp_path}/err || true) $(ls -A $H | grep -vc filler || true)"
        rm $H/filler
        test $status = 0 || $A init --new-recovery {own.recovery} >/dev/null
        printf value | $A set token --purpose x
        $A get token --reason x
        """,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    status, _, value = done.stdout.decode().partition("\n")
    assert (status, value) == (("init 0 0 1" if free > 3 else "init 73 1 0"), "value")


def test_on_a_disk_that_is_read_only_nothing_is_released(tmp_path: Path) -> None:
    own = OwnVault(tmp_path / "own")
    own.set("token", b"value")
    script = f"""
        mount --make-rprivate /
        mount --bind {own.places.vault} {own.places.vault}
        mount -o remount,ro,bind {own.places.vault}
        for words in 'get token --reason x' 'set token'; do
            status=0; printf new | {sys.executable} -m agentkit vault $words || status=$?; echo $status
        done
        """
    done = subprocess.run(
        ["unshare", "-m", "sh", "-euc", script],
        env=own.environ, capture_output=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert done.stdout.decode() == "73\n73\n"
    assert done.stderr.decode().count("agentkit: error: ") == 2
    assert b"Read-only file system" in done.stderr
    assert own.get("token") == b"value"
