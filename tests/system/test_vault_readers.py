"""Do age itself and a third implementation read every file that the vault writes, and is what they write refused?"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.setting import Particulars
from tests.vault.ownvault import OwnVault

LIMIT_S = 120
NODE = Path(__file__).parent / "node"
# One, one less and one more than a chunk of the payload (64 KiB), and nothing that is text.
VALUES = [b"x", b"two\nlines\n", bytes(range(256)), os.urandom(65535), os.urandom(65536), os.urandom(65537), b"\0" * 9]
NAME = "db/password"


@pytest.fixture(scope="session")
def reader() -> Path:
    """Return the script that opens age files with npm's age-encryption, installed as its lock file says."""
    key = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(NODE.iterdir()))).hexdigest()
    folder = Path(sys.prefix) / "node-readers"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder / key[:16]
        if not (made / "ready").exists():
            shutil.rmtree(made, ignore_errors=True)
            shutil.copytree(NODE, made)
            subprocess.run(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
                cwd=made, check=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            (made / "ready").touch()
    return made / "read.mjs"


def run(*words: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(words, input=stdin, capture_output=True, check=True, timeout=LIMIT_S).stdout


def identity_of(path: str | Path) -> str:
    return next(line for line in Path(path).read_text().splitlines() if line.startswith("AGE-SECRET-KEY-1"))


def recipient_of(path: str | Path) -> str:
    return str(pyrage.x25519.Identity.from_str(identity_of(path)).to_public())


def test_age_and_age_encryption_open_every_file_of_a_vault_with_either_key(tmp_path: Path, reader: Path) -> None:
    own = OwnVault(tmp_path / "own")
    for number, value in enumerate(VALUES):
        own.set(f"{NAME}-{number}", value)
    before = VALUES[0]
    for value in VALUES[1:]:
        own.set(f"{NAME}-0", value)
        for key in (own.places.identity, str(own.recovery)):
            for kept, path in (
                (value, own.places.current(f"{NAME}-0")),
                (before, f"{own.places.previous}/{NAME}-0.age"),
            ):
                assert run("age", "-d", "-i", key, path) == kept
        before = value
    files = sorted(Path(own.places.vault).rglob("*.age"))
    assert len(files) == len(VALUES) + 1
    for number, path in enumerate(files):
        key = (own.places.identity, str(own.recovery))[number % 2]
        by_node = run("node", str(reader), "decrypt", identity_of(key), stdin=path.read_bytes())
        assert by_node == run("age", "-d", "-i", key, str(path))
        for key in (own.places.identity, str(own.recovery)):
            opened = run("age", "-d", "-i", key, str(path))
            assert opened in VALUES
            assert path.parent.parent.name != "secrets" or opened == own.get(f"db/{path.stem}")


def test_a_value_of_ten_megabytes_is_one_for_all_three(tmp_path: Path, reader: Path) -> None:
    own = OwnVault(tmp_path / "own")
    value = os.urandom(10_000_000)
    own.set(NAME, value)
    raw = Path(own.places.current(NAME)).read_bytes()
    assert own.get(NAME) == value
    assert run("age", "-d", "-i", own.places.identity, stdin=raw) == value
    assert run("node", str(reader), "decrypt", identity_of(own.recovery), stdin=raw) == value


def test_what_others_sealed_for_the_right_recipients_is_refused_until_it_is_set(tmp_path: Path, reader: Path) -> None:
    own = OwnVault(tmp_path / "own")
    own.set(NAME, b"ours")
    path = Path(own.places.current(NAME))
    ours = path.read_bytes()
    theirs = (
        run("age", "-R", own.places.recipients, stdin=b"theirs"),
        run("age", "-r", recipient_of(own.places.identity), stdin=b"theirs"),
        run("node", str(reader), "encrypt", recipient_of(own.places.identity), stdin=b"theirs"),
    )
    for forged in theirs:
        path.write_bytes(forged)
        assert run("age", "-d", "-i", own.places.identity, str(path)) == b"theirs"
        with pytest.raises(AgentkitError, match="not the one that was set") as caught:
            own.get(NAME)
        assert caught.value.status == Exit.TAMPERED
    path.write_bytes(ours)
    assert own.get(NAME) == b"ours"
    own.set(NAME, b"theirs", Particulars())
    assert own.get(NAME) == b"theirs"


def test_age_finds_both_recipients_in_the_list_that_the_vault_keeps(tmp_path: Path) -> None:
    own = OwnVault(tmp_path / "own")
    sealed = run("age", "-R", own.places.recipients, stdin=b"x")
    for key in (own.places.identity, str(own.recovery)):
        assert run("age", "-d", "-i", key, stdin=sealed) == b"x"
        assert run("age-keygen", "-y", key).decode().strip() in Path(own.places.recipients).read_text()


def test_a_vault_may_be_founded_on_keys_that_age_made(tmp_path: Path) -> None:
    own = OwnVault(tmp_path / "own", is_founded=False)
    identity, recovery = Path(own.places.identity), tmp_path / "recovery"
    identity.parent.mkdir(parents=True)
    for path in (identity, recovery):
        run("age-keygen", "-o", str(path))
    done = own.run("init", "--recovery", run("age-keygen", "-y", str(recovery)).decode().strip())
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"was there, and is used" in done.stdout
    own.set(NAME, b"value")
    assert own.get(NAME) == b"value"
    for key in (identity, recovery):
        assert run("age", "-d", "-i", str(key), own.places.current(NAME)) == b"value"
