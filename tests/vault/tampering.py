"""What a hand can do to a vault that holds `a`, version 2, and `b`, version 1, without agentkit and without its key."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agentkit.vault.founding import found_vault
from agentkit.vault.places import Places, find_places
from tests.conftest import ROOT

LIMIT_S = 60


class Hand:
    """Somebody who can write where the vault lies; `old` is what its files were when `a` had version 1."""

    def __init__(self, places: Places, old: Path) -> None:
        self.places = places
        self.vault = Path(places.vault)
        self.old = old

    def put_back(self, *paths: str) -> None:
        """Put files of the vault back as they were."""
        for path in paths:
            shutil.copy2(self.old / path, self.vault / path)

    def forge(self, path: str, value: bytes) -> None:
        """Seal another value for the recipients of the vault, with age itself."""
        words = ["age", "-R", self.places.recipients, "-o", str(self.vault / path)]
        (self.vault / path).unlink()
        subprocess.run(words, input=value, check=True, capture_output=True, timeout=LIMIT_S)
        (self.vault / path).chmod(0o600)

    def edit(self, path: str, old: bytes, new: bytes) -> None:
        """Replace text in a file, at its first place."""
        raw = (self.vault / path).read_bytes()
        assert old in raw, (path, old)
        (self.vault / path).write_bytes(raw.replace(old, new, 1))

    def flip(self, path: str, place: int) -> None:
        """Flip a bit in the middle of a file."""
        raw = bytearray((self.vault / path).read_bytes())
        raw[place] ^= 1
        (self.vault / path).write_bytes(raw)

    def swap(self, one: str, other: str) -> None:
        """Swap two files."""
        between = self.vault / "between"
        (self.vault / one).rename(between)
        (self.vault / other).rename(self.vault / one)
        between.rename(self.vault / other)

    def link(self, path: str) -> None:
        """Move a file out of the vault, and leave a link to it."""
        outside = self.vault.parent / "outside"
        (self.vault / path).rename(outside)
        (self.vault / path).symlink_to(outside)

    def cut_log(self) -> None:
        """Drop the last record, and write a head that fits."""
        log = self.vault / "audit/000001.jsonl"
        lines = log.read_bytes().splitlines(keepends=True)
        log.write_bytes(b"".join(lines[:-1]))


@dataclass(frozen=True)
class Deed:
    """What was done, what `check` finds of it (type and subject), and the statuses of `check` and of `get a`."""

    name: str
    do: Callable[[Hand], object]
    found: str
    subject: str
    check: int = 76
    get: int = 76


A, ROW, MARK = "secrets/a.age", "manifest/a.json", "audit/versions/a.version"

DEEDS = (
    Deed("two ciphertexts swapped", lambda hand: hand.swap(A, "secrets/b.age"), "tampered", "secret:a"),
    Deed("a ciphertext forged with the public recipients", lambda hand: hand.forge(A, b"mine"), "tampered", "secret:a"),
    Deed("a bit of a ciphertext flipped", lambda hand: hand.flip(A, -3), "tampered", "secret:a"),
    Deed("a bit of the header of a ciphertext flipped", lambda hand: hand.flip(A, 30), "tampered", "secret:a"),
    Deed("a ciphertext removed", lambda hand: (hand.vault / A).unlink(), "tampered", "secret:a"),
    Deed("an older ciphertext put back", lambda hand: hand.put_back(A), "tampered", "secret:a"),
    Deed("row and ciphertext of an older version put back", lambda hand: hand.put_back(A, ROW), "tampered", "secret:a"),
    # `get` sees no log of a million records; docs/decisions/0013 says so.
    Deed(
        "row, ciphertext and mark of an older version put back",
        lambda hand: hand.put_back(A, ROW, MARK),
        "tampered",
        "secret:a",
        get=0,
    ),
    Deed("who may get it edited", lambda hand: hand.edit(ROW, b'["fd", ', b'["env", '), "tampered", "secret:a"),
    Deed("what it is for edited", lambda hand: hand.edit(ROW, b"for a", b"for x"), "tampered", "secret:a"),
    Deed("two rows swapped", lambda hand: hand.swap(ROW, "manifest/b.json"), "tampered", "secret:a"),
    Deed("a row emptied", lambda hand: (hand.vault / ROW).write_bytes(b""), "tampered", "secret:a"),
    Deed("a row removed", lambda hand: (hand.vault / ROW).unlink(), "tampered", "secret:a"),
    Deed("a secret removed", lambda hand: [(hand.vault / one).unlink() for one in (A, ROW)], "tampered", "secret:a"),
    # Then `get` sees no trace of it: there is no such secret.
    Deed(
        "every file of a secret removed",
        lambda hand: [(hand.vault / one).unlink() for one in (A, ROW, MARK)],
        "tampered",
        "secret:a",
        get=69,
    ),
    Deed("the mark of the newest version removed", lambda hand: (hand.vault / MARK).unlink(), "tampered", "secret:a"),
    Deed(
        "the mark of a newer version forged", lambda hand: (hand.vault / MARK).write_text("9\n"), "tampered", "secret:a"
    ),
    Deed("the mark of an older version put back", lambda hand: hand.put_back(MARK), "tampered", "secret:a", get=0),
    Deed("the mark made to say nothing", lambda hand: (hand.vault / MARK).write_text("x\n"), "tampered", "secret:a"),
    Deed(
        "the version before forged", lambda hand: hand.forge("previous/a.age", b"mine"), "tampered", "secret:a", get=0
    ),
    Deed(
        "a recipient added",
        lambda hand: hand.edit("recipients", b"# recovery\n", b"# recovery\nage1mine\n"),
        "recipients-changed",
        "file:RECIPIENTS",
    ),
    Deed(
        "the recipients replaced",
        lambda hand: (hand.vault / "recipients").write_text("age1mine\n"),
        "wrong-identity",
        "file:RECIPIENTS",
    ),
    Deed(
        "the recipients removed",
        lambda hand: (hand.vault / "recipients").unlink(),
        "recipients-changed",
        "file:RECIPIENTS",
    ),
    Deed(
        "a record edited",
        lambda hand: hand.edit("audit/000001.jsonl", b'"op": "set"', b'"op": "get"'),
        "tampered",
        "file:AUDIT",
        get=0,
    ),
    Deed("the last record dropped", Hand.cut_log, "tampered", "file:AUDIT"),
    Deed("the log removed", lambda hand: (hand.vault / "audit/000001.jsonl").unlink(), "tampered", "file:AUDIT"),
    Deed("the head of the log removed", lambda hand: (hand.vault / "audit/head").unlink(), "tampered", "file:AUDIT"),
    Deed(
        "the row open to others", lambda hand: (hand.vault / ROW).chmod(0o644), "wrong-mode", f"file:VAULT/{ROW}", 1, 77
    ),
    Deed(
        "the ciphertext open to others",
        lambda hand: (hand.vault / A).chmod(0o640),
        "wrong-mode",
        f"file:VAULT/{A}",
        1,
        77,
    ),
    Deed(
        "the identity open to others",
        lambda hand: Path(hand.places.identity).chmod(0o644),
        "identity-exposed",
        "file:IDENTITY",
        1,
        77,
    ),
    Deed(
        "the recipients open to others",
        lambda hand: (hand.vault / "recipients").chmod(0o666),
        "wrong-mode",
        "file:RECIPIENTS",
        1,
        77,
    ),
    Deed(
        "the manifest open to others",
        lambda hand: (hand.vault / "manifest").chmod(0o755),
        "wrong-mode",
        "file:VAULT/manifest",
        1,
        77,
    ),
    Deed("the vault open to others", lambda hand: hand.vault.chmod(0o755), "wrong-mode", "file:VAULT", 1, 77),
    Deed(
        "the log open to others",
        lambda hand: (hand.vault / "audit/000001.jsonl").chmod(0o644),
        "wrong-mode",
        "file:VAULT/audit/000001.jsonl",
        1,
    ),
    Deed(
        "a link in the place of the key of digests",
        lambda hand: hand.link("audit/key"),
        "wrong-mode",
        "file:VAULT/audit/key",
        1,
    ),
    Deed(
        "the key of digests removed",
        lambda hand: (hand.vault / "audit/key").unlink(),
        "tampered",
        "file:VAULT/audit/key",
    ),
    Deed(
        "a pipe in the vault",
        lambda hand: os.mkfifo(hand.vault / "retired/001.age", 0o600),
        "wrong-mode",
        "file:VAULT/retired/001.age",
        1,
        0,
    ),
    Deed("a link in the place of a row", lambda hand: hand.link(ROW), "wrong-mode", f"file:VAULT/{ROW}", 1, 77),
    Deed("a link in the place of a ciphertext", lambda hand: hand.link(A), "wrong-mode", f"file:VAULT/{A}", 1, 77),
    Deed(
        "another name for a ciphertext",
        lambda hand: os.link(hand.vault / A, hand.vault.parent / "x"),
        "wrong-mode",
        f"file:VAULT/{A}",
        1,
        0,
    ),
    Deed(
        "a file of somebody's left in the vault",
        lambda hand: (hand.vault / "secrets/plain.txt").write_text("x"),
        "unknown-file",
        "file:VAULT/secrets/plain.txt",
        1,
        0,
    ),
    Deed(
        "a ciphertext without a row",
        lambda hand: shutil.copy2(hand.vault / A, hand.vault / "secrets/c.age"),
        "orphan-secret",
        "secret:c",
        1,
        0,
    ),
    Deed(
        "the identity gone",
        lambda hand: Path(hand.places.identity).unlink(),
        "identity-missing",
        "file:IDENTITY",
        1,
        69,
    ),
)


def make_vault(folder: Path) -> None:
    """Make the vault in a folder that is HOME, and keep in `old` what its files were when `a` had version 1."""
    environ = build_environ(folder)
    found_vault(find_places(environ), ["agentkit"], recovery=None, new_recovery=str(folder / "recovery.key"))
    _run(environ, b"one", "set", "a", "--purpose", "for a")
    shutil.copytree(find_places(environ).vault, folder / "old")
    _run(environ, b"two", "set", "a")
    _run(environ, b"three", "set", "b", "--purpose", "for b", "--rotate-with", "token", "--setting", "adopt_within=0s")


def build_environ(folder: Path) -> dict[str, str]:
    """Return the environment of a vault in that folder."""
    return {
        "PATH": os.environ["PATH"], "HOME": str(folder), "AGENTKIT_HOME": str(folder / "agentkit-home"),
        "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "TERM": "dumb",
    }  # fmt: skip


def _run(environ: dict[str, str], value: bytes, *words: str) -> None:
    argv = [sys.executable, "-m", "agentkit", "vault", *words]
    subprocess.run(argv, input=value, env=environ, check=True, capture_output=True, timeout=LIMIT_S)


def name_subject(deed: Deed, places: Places) -> str:
    """Return the subject with the paths that it stands for."""
    text = deed.subject
    for word, path in (("VAULT", places.vault), ("AUDIT", places.audit), ("RECIPIENTS", places.recipients),
                       ("IDENTITY", places.identity)):  # fmt: skip
        text = text.replace(word, path)
    return text


def read_records(raw: bytes) -> list[dict[str, object]]:
    """Return the records of an answer."""
    return [json.loads(line) for line in raw.splitlines()]
