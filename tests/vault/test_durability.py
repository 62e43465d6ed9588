"""Is a record on the disk before ciphertext and identity are opened, and a change before it is said to be done?"""

import os
import re
from pathlib import Path

import pytest

from tests.vault.ownvault import OwnVault

NAME = "db/password"
# Two that stand in no module that is read meanwhile.
VALUE, OTHER = os.urandom(12).hex().encode(), os.urandom(12).hex()
PATHS = re.compile(r"<([^<>]+)>")


@pytest.fixture
def own(tmp_path: Path) -> OwnVault:
    """Return a vault with one secret."""
    vault = OwnVault(tmp_path / "own")
    vault.set(NAME, VALUE)
    return vault


def trace(own: OwnVault, table: Path, *words: str, stdin: bytes = b"") -> list[str]:
    """Return the system calls of a verb, one a line, with the paths of their descriptors."""
    before = ("strace", "-f", "-y", "-s", "65536", "-o", str(table))
    done = own.run(*words, stdin=stdin, before=before)
    assert done.returncode == 0, done.stderr
    return [row.partition(" ")[2].strip() for row in table.read_text(errors="replace").splitlines()]


def find(calls: list[str], *pieces: str) -> list[int]:
    return [place for place, call in enumerate(calls) if all(piece in call for piece in pieces)]


def one(calls: list[str], *pieces: str) -> int:
    (place,) = find(calls, *pieces)
    return place


def test_a_get_makes_its_record_durable_before_it_opens_anything_secret(own: OwnVault, tmp_path: Path) -> None:
    calls = trace(own, tmp_path / "calls", "get", NAME, "--reason", "x")
    segment, ciphertext, identity = str(own.segment), own.places.current(NAME), own.places.identity
    locked = one(calls, "flock(", own.places.audit, "LOCK_EX")
    written = one(calls, "write(", f"<{segment}>", "granted")
    synced = one(calls, "fdatasync(", f"<{segment}>")
    opened = [one(calls, "openat(", f'"{path}"', "= ") for path in (ciphertext, identity)]
    released = one(calls, "write(1<", VALUE.decode())
    assert locked < written < synced < min(opened)
    assert max(opened) < released
    # Nor is one of them looked into before by another call than one that asks what it is.
    for path in (ciphertext, identity):
        assert all("newfstatat(" in calls[place] for place in find(calls[:synced], path))
    assert calls[written].endswith("= " + str(len(own.segment.read_bytes().splitlines()[-1]) + 1))
    # The value stands in no call but the one that gives it away.
    assert find(calls, VALUE.decode()) == [released]


def test_a_refusal_is_durable_too_and_opens_nothing_secret(own: OwnVault, tmp_path: Path) -> None:
    before = ("strace", "-f", "-y", "-o", str(tmp_path / "calls"))
    own.run("get", NAME, "--reason", "x", before=before, more={"CLAUDECODE": "1"})
    calls = (tmp_path / "calls").read_text(errors="replace").splitlines()
    assert one(calls, "write(", "jsonl>") < one(calls, "fdatasync(", "jsonl>") < one(calls, "write(2<")
    for path in (own.places.current(NAME), own.places.identity):
        assert find(calls, "openat(", f'"{path}"') == []


def test_a_set_says_so_before_and_after_and_each_step_is_durable_before_the_next(own: OwnVault, tmp_path: Path) -> None:
    calls = trace(own, tmp_path / "calls", "set", NAME, stdin=OTHER.encode())
    places = own.places
    intent = one(calls, "write(", "jsonl>", '\\"intent\\"')
    commit = one(calls, "write(", "jsonl>", '\\"commit\\"')
    syncs = find(calls, "fdatasync(", "jsonl>")
    assert len(syncs) == 2
    assert intent < syncs[0] < commit < syncs[1]
    steps = [
        f"{places.pending}/{NAME}.age",
        f"{places.previous}/{NAME}.age",
        places.row(NAME),
        places.current(NAME),
        places.newest(NAME),
    ]
    renamed = [one(calls, "rename(", f', "{path}"') for path in steps]
    assert renamed == sorted(renamed)
    assert syncs[0] < renamed[0]
    assert renamed[-1] < commit
    for path, place, following in zip(steps, renamed, [*renamed[1:], commit], strict=True):
        folder = str(Path(path).parent)
        # Its name is durable before the next step; its content was before it had that name.
        assert find(calls[place:following], "fsync(", f"<{folder}>")
        source = calls[place].split('"')[1]
        if not source.startswith(f"{places.pending}/{NAME}"):
            assert find(calls[:place], "fsync(", f"<{source}>")
    assert find(calls, OTHER) == [one(calls, "read(0<", OTHER)]


def test_a_vault_is_whole_before_it_has_its_name(tmp_path: Path) -> None:
    own = OwnVault(tmp_path / "own", is_founded=False)
    calls = trace(own, tmp_path / "calls", "init", "--new-recovery", str(own.recovery))
    named = one(calls, "rename(", f', "{own.places.vault}"')
    for file in ("recipients", "audit/key", "audit/head"):
        assert find(calls[:named], "rename(", f'/{file}"')
    assert find(calls[:named], "fdatasync(", "000001.jsonl>")
    for path in (own.places.identity, str(own.recovery)):
        (key_named,) = find(calls[:named], "rename(", f', "{path}"')
        assert find(calls[:key_named], "fsync(", calls[key_named].split('"')[1])
    assert find(calls[named:], "fsync(", f"<{Path(own.places.vault).parent}>")
    for path in (own.places.identity, str(own.recovery)):
        key = next(line for line in Path(path).read_text().splitlines() if line.startswith("AGE-SECRET-KEY-1"))
        # Only in the file of that key, or where it lies half made beside it.
        for place in find(calls, key):
            (where,) = PATHS.findall(calls[place].split(",")[0])
            assert where == path or Path(where).name.startswith(".agentkit-key-")
