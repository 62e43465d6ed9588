"""Is a secret that is not what this vault wrote told from one that is, and does a change of one lose nothing?"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.digest import hash_bytes
from agentkit.vault.keys import derive_row_keys, read_identities
from agentkit.vault.rows import read_row, write_row
from agentkit.vault.setting import Particulars
from tests.otherusers import NOBODY
from tests.vault.ownvault import OwnVault, count_granted

NAME, OTHER = "db/password", "db/other"
ONE, TWO = b"the first value", b"the second value"
HANG_S = 30.0
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


@pytest.fixture
def own(tmp_path: Path) -> OwnVault:
    """Return a vault with two secrets; one is in its second version."""
    vault = OwnVault(tmp_path / "own")
    vault.set(NAME, ONE)
    vault.set(OTHER, b"another")
    vault.set(NAME, TWO)
    return vault


def current(vault: OwnVault, name: str = NAME) -> Path:
    return Path(vault.places.current(name))


def row_of(vault: OwnVault, name: str = NAME) -> Path:
    return Path(vault.places.row(name))


def refuse(vault: OwnVault, status: int = Exit.TAMPERED) -> AgentkitError:
    """Return with which error a get ends; it releases nothing and leaves a record of how it ended."""
    with pytest.raises(AgentkitError) as caught:
        vault.get(NAME)
    assert caught.value.status == status, caught.value.message
    assert not any(value.decode() in str(caught.value) for value in (ONE, TWO))
    record = vault.records()[-1]
    assert record["op"] == "get"
    assert record["outcome"] in ("tampered", "refused", "failed")
    return caught.value


def bind(vault: OwnVault, ciphertext: bytes) -> None:
    """Put a ciphertext in place with a row that is ours and binds it: as if the row had not been looked at."""
    current(vault).write_bytes(ciphertext)
    row = read_row(str(row_of(vault)), NAME)
    assert row is not None
    fields = {key: value for key, value in row.fields.items() if key != "mac"}
    fields["sha256"] = hash_bytes(ciphertext)
    row_of(vault).write_bytes(write_row(fields, derive_row_keys(read_identities(vault.places.identity))[0]))


def seal(vault: OwnVault, value: bytes, *words: str) -> bytes:
    """Return the value sealed by Debian's age."""
    return subprocess.run(["age", *words], input=value, capture_output=True, check=True, timeout=60).stdout


def forge(vault: OwnVault) -> bytes:
    return seal(vault, b"forged", "-R", vault.places.recipients)


TAMPERINGS: dict[str, Callable[[OwnVault], object]] = {
    "sealed by who knows the recipients": lambda own: current(own).write_bytes(forge(own)),
    "armored": lambda own: current(own).write_bytes(seal(own, TWO, "-a", "-R", own.places.recipients)),
    "swapped with another": lambda own: shutil.copy(current(own, OTHER), current(own)),
    "swapped with its row": lambda own: (
        shutil.copy(current(own, OTHER), current(own)),
        shutil.copy(row_of(own, OTHER), row_of(own)),
    ),
    "the one before": lambda own: shutil.copy(f"{own.places.previous}/{NAME}.age", current(own)),
    "cut off": lambda own: current(own).write_bytes(current(own).read_bytes()[:-1]),
    "empty": lambda own: current(own).write_bytes(b""),
    "with bytes behind it": lambda own: current(own).write_bytes(current(own).read_bytes() + b"x"),
    "gone": lambda own: current(own).unlink(),
    "without its row": lambda own: row_of(own).unlink(),
    "without what says its newest version": lambda own: os.unlink(own.places.newest(NAME)),
    "with a newest version that is none": lambda own: Path(own.places.newest(NAME)).write_bytes(b"two\n"),
    "with other recipients": lambda own: Path(own.places.recipients).write_bytes(
        Path(own.places.recipients).read_bytes().replace(b"# recovery", b"# Recovery")
    ),
    "with one recipient more": lambda own: Path(own.places.recipients).write_bytes(
        Path(own.places.recipients).read_bytes() + str(pyrage.x25519.Identity.generate().to_public()).encode() + b"\n"
    ),
    "without recipients": lambda own: os.unlink(own.places.recipients),
    "with recipients of nobody": lambda own: Path(own.places.recipients).write_bytes(b""),
    "with recipients whose mac is no ASCII": lambda own: Path(own.places.recipients).write_bytes(
        b"# agentkit vault recipients v1 mac=" + "\u00e9".encode() * 32 + b"\nage1\n"
    ),
    "with an empty row": lambda own: row_of(own).write_bytes(b""),
    "with a row whose mac is no ASCII": lambda own: row_of(own).write_bytes(
        b'{"mac": "' + "\u00e9".encode() * 32 + row_of(own).read_bytes()[73:]
    ),
    "with a row that is nested without end": lambda own: row_of(own).write_bytes(
        row_of(own).read_bytes()[:76] + b'"a": ' + b"[" * 60000 + b"}\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", TAMPERINGS)
def test_a_secret_that_was_tampered_with_is_refused_and_the_record_says_so(own: OwnVault, kind: str) -> None:
    TAMPERINGS[kind](own)
    refuse(own)
    assert own.records()[-1]["name"] == NAME


def test_an_older_version_put_back_with_its_row_is_refused(tmp_path: Path) -> None:
    own = OwnVault(tmp_path / "own")
    own.set(NAME, ONE)
    old = current(own).read_bytes(), row_of(own).read_bytes()
    own.set(NAME, TWO)
    current(own).write_bytes(old[0])
    row_of(own).write_bytes(old[1])
    assert "version 1 was put back" in refuse(own).message
    # Nor does a change of words alone make it the newest.
    with pytest.raises(AgentkitError, match="was put back"):
        own.set(NAME, None, Particulars(owner="somebody"))
    refuse(own)
    # Another value mends it, and no number is given twice.
    assert own.set(NAME, b"third") == 3
    assert own.get(NAME) == b"third"


def test_a_version_whose_newest_number_was_removed_is_not_blessed_by_a_change_of_words(own: OwnVault) -> None:
    os.unlink(own.places.newest(NAME))
    with pytest.raises(AgentkitError, match="set it again"):
        own.set(NAME, None, Particulars(owner="somebody"))
    assert own.set(NAME, ONE) == 3
    assert own.get(NAME) == ONE


def test_a_secret_whose_row_was_removed_begins_with_the_next_number(own: OwnVault) -> None:
    row_of(own).unlink()
    assert own.set(NAME, ONE) == 3
    assert own.get(NAME) == ONE


@pytest.mark.parametrize("kind", ["gone", "cut off", "swapped with another"])
def test_a_damaged_value_is_mended_by_a_new_one(own: OwnVault, kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    TAMPERINGS[kind](own)
    with pytest.raises(AgentkitError):
        own.set(NAME, None, Particulars(owner="somebody"))
    own.set(NAME, b"third")
    assert "the version before is not kept" in capfd.readouterr().err
    assert own.get(NAME) == b"third"


def test_every_edit_of_a_row_is_refused(own: OwnVault) -> None:
    raw = row_of(own).read_bytes()
    for place in range(len(raw)):
        row_of(own).write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        with pytest.raises(AgentkitError) as caught:
            own.get(NAME)
        assert caught.value.status == Exit.TAMPERED
    row_of(own).write_bytes(raw)
    assert own.get(NAME) == TWO
    assert count_granted(own.records()) >= 1


@pytest.mark.parametrize("version", [True, False, 0, -1, 2.0, 10**9 + 1, 10**4000, "2", None, [2], float("nan")])
def test_a_row_with_a_version_that_cannot_be_neither_spoils_the_log_nor_is_believed(
    own: OwnVault, version: object
) -> None:
    fields = json.loads(row_of(own).read_bytes()) | {"version": 12345}
    raw = json.dumps(fields).replace("12345", str(version) if isinstance(version, int) else json.dumps(version))
    row_of(own).write_bytes(raw.replace("True", "true").replace("False", "false").encode() + b"\n")
    refuse(own)


@pytest.mark.parametrize("change", ["link", "mode", "owner", "folder", "fifo", "device"])
@pytest.mark.parametrize("file", ["ciphertext", "row", "identity", "recipients", "newest", "folder of rows"])
def test_a_file_that_is_not_plainly_ours_is_refused_and_nothing_hangs(own: OwnVault, file: str, change: str) -> None:
    path = {
        "ciphertext": current(own), "row": row_of(own), "identity": Path(own.places.identity),
        "recipients": Path(own.places.recipients), "newest": Path(own.places.newest(NAME)),
        "folder of rows": row_of(own).parent,
    }[file]  # fmt: skip
    if change == "mode":
        path.chmod(0o644 if path.is_file() else 0o755)
    elif change == "owner":
        os.chown(path, NOBODY, NOBODY)
    else:
        path.rename(own.folder / "aside")
        if change == "link":
            path.symlink_to(own.folder / "aside")
        elif change == "folder":
            path.write_bytes(b"") if file == "folder of rows" else path.mkdir(mode=0o700)
        elif change == "fifo":
            os.mkfifo(path, 0o600)
        else:
            os.mknod(path, 0o020600, os.makedev(1, 5))
    found = own.run("get", NAME, "--reason", "x", limit_s=HANG_S)
    assert found.returncode in (Exit.REFUSED, Exit.TAMPERED), found.stderr
    assert found.stdout == b""
    assert found.stderr.count(b"agentkit: error:") == 1
    assert own.records()[-1]["outcome"] in ("refused", "tampered")


def test_an_identity_that_is_missing_is_unavailable(own: OwnVault) -> None:
    os.unlink(own.places.identity)
    refuse(own, Exit.UNAVAILABLE)


IDENTITIES = {
    "of the post-quantum kind": "AGE-SECRET-KEY-PQ-1" + "Q" * 60,
    "of a plugin": "AGE-PLUGIN-YUBIKEY-1" + "Q" * 40,
    "for ssh": "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
    "damaged": "AGE-SECRET-KEY-1" + "Q" * 58,
    "nothing": "# nothing\n",
    "a value": "hunter2",
    "no text": "\x00\xff",
    "sealed with a passphrase": "age-encryption.org/v1\n-> scrypt AAAA 18\nAAAA\n--- AAAA\n",
}


@pytest.mark.parametrize("kind", IDENTITIES)
def test_an_identity_that_cannot_be_used_is_said_without_a_letter_of_it(own: OwnVault, kind: str) -> None:
    Path(own.places.identity).write_text(IDENTITIES[kind] + "\n", encoding="latin-1")
    error = refuse(own, Exit.CONFIGURATION)
    told = f"{error.message} {error.hint}".replace("AGE-SECRET-KEY-1…", "")
    assert not any(piece in told for piece in ("QQQ", "hunter2", "AAAA"))
    assert "supported" in told or "no identity" in told or "damaged" in told


def test_another_identity_opens_nothing(own: OwnVault) -> None:
    Path(own.places.identity).write_text(f"{pyrage.x25519.Identity.generate()}\n")
    refuse(own)


def sealed_with_a_passphrase(work: int) -> bytes:
    """Return a file as `age -p` makes it, whose passphrase takes 2^work rounds to try."""
    header = f"age-encryption.org/v1\n-> scrypt bBjlhJVYZeE4aqUdmtRHfw {work}\n" + "A" * 43 + "\n--- " + "A" * 43 + "\n"
    return header.encode() + os.urandom(64)


def test_a_file_sealed_with_a_passphrase_is_refused_before_it_can_cost_anything(own: OwnVault) -> None:
    for work in (10, 18, 30, 63):
        current(own).write_bytes(sealed_with_a_passphrase(work))
        refuse(own)
        bind(own, sealed_with_a_passphrase(work))
        found = own.run("get", NAME, "--reason", "x", limit_s=HANG_S)
        assert (found.returncode, found.stdout) == (Exit.TAMPERED, b"")
        assert b"passphrase" in found.stderr


def bound_files(own: OwnVault) -> dict[str, bytes]:
    good = current(own).read_bytes()
    end = good.index(b"\n---") + 1
    stanza = b"-> X25519 " + b"A" * 43 + b"\n" + b"A" * 43 + b"\n"
    return {
        "a thousand stanzas": good[:end] + stanza * 1000 + good[end:],
        "five hundred stanzas": good[:end] + stanza * 500 + good[end:],
        "a header without end": good[:end] + stanza * 2000,
        "armored": seal(own, TWO, "-a", "-R", own.places.recipients),
        "for a plugin": good.replace(b"-> X25519", b"-> piv-p256", 1),
        "for ssh": good.replace(b"-> X25519", b"-> ssh-ed25519", 1),
        "hybrid": good.replace(b"-> X25519", b"-> mlkem768x25519", 1),
        "a stanza of no kind": good.replace(b"-> X25519 ", b"-> ", 1),
        "another version": good.replace(b"/v1\n", b"/v2\n", 1),
        "cut off": good[:-1],
        "cut off in its header": good[: end - 5],
        "with a byte behind it": good + b"x",
        "with another header": good.replace(b"--- ", b"--- A", 1),
        "a value": TWO,
        "empty": b"",
    }


@pytest.mark.parametrize(
    "kind",
    [
        "a thousand stanzas", "five hundred stanzas", "a header without end", "armored", "for a plugin", "for ssh",
        "hybrid", "a stanza of no kind", "another version", "cut off", "cut off in its header", "with a byte behind it",
        "with another header", "a value", "empty",
    ],
)  # fmt: skip
def test_a_file_that_is_no_plain_age_file_is_refused_even_where_its_row_fits(own: OwnVault, kind: str) -> None:
    bind(own, bound_files(own)[kind])
    found = own.run("get", NAME, "--reason", "x", limit_s=HANG_S)
    assert (found.returncode, found.stdout) == (Exit.TAMPERED, b""), found.stderr
    assert found.stderr.count(b"agentkit: error:") == 1
    assert own.records()[-1]["phase"] == "failed"


def test_a_file_sealed_for_many_is_refused_before_a_key_is_tried(
    own: OwnVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind(own, bound_files(own)["five hundred stanzas"])
    tried: list[bytes] = []
    monkeypatch.setattr(pyrage, "decrypt", lambda raw, _: tried.append(raw))
    assert "recipients, which this vault never does" in refuse(own).message
    bind(own, sealed_with_a_passphrase(18))
    assert "passphrase" in refuse(own).message
    assert tried == []


def test_a_file_with_grease_is_opened_where_its_row_fits(own: OwnVault) -> None:
    # age itself puts such a stanza, which means nothing, into some of its files.
    for _ in range(8):
        bind(own, forge(own))
        assert own.get(NAME) == b"forged"


def test_the_version_before_is_kept_and_a_change_of_words_keeps_both(own: OwnVault) -> None:
    previous = Path(f"{own.places.previous}/{NAME}.age")
    kept = previous.read_bytes(), current(own).read_bytes()
    assert own.set(NAME, None, Particulars(owner="somebody")) == 3
    assert (previous.read_bytes(), current(own).read_bytes()) == kept
    assert own.get(NAME) == TWO


def test_what_killed_changes_left_is_cleared_by_the_next(own: OwnVault) -> None:
    folders = [current(own).parent, row_of(own).parent, Path(own.places.newest(NAME)).parent]
    for folder in folders:
        (folder / ".new-abcdefgh").write_bytes(b"half")
    own.set(NAME, ONE)
    assert [list(folder.glob(".new-*")) for folder in folders] == [[], [], []]


def test_something_strange_where_a_change_waits_stops_no_get_and_hangs_nothing(own: OwnVault) -> None:
    pending = Path(f"{own.places.pending}/{NAME}.age")
    os.mkfifo(pending)
    assert own.get(NAME) == TWO
    found = own.run("set", NAME, stdin=ONE, limit_s=HANG_S)
    assert found.returncode in (0, Exit.REFUSED), found.stderr
    assert own.get(NAME) in (ONE, TWO)
    assert len(own.records()) > 0


def test_a_set_that_fails_says_so_on_the_log(own: OwnVault) -> None:
    row_of(own).write_bytes(b"{}\n")
    with pytest.raises(AgentkitError):
        own.set(NAME, ONE)
    record = own.records()[-1]
    assert (record["op"], record["phase"], record["outcome"], record["name"]) == ("set", "intent", "tampered", NAME)


def test_what_is_said_of_a_secret_can_be_too_long_and_the_secret_stays(own: OwnVault) -> None:
    for consumers in (("x" * 70_000,), tuple(f"/opt/consumer-{number}" for number in range(5000))):
        with pytest.raises(AgentkitError, match="too long") as caught:
            own.set(NAME, ONE, Particulars(consumers=consumers))
        assert caught.value.status == Exit.USAGE
    assert own.get(NAME) == TWO


def test_ten_thousand_secrets_are_as_ten(own: OwnVault, tmp_path: Path) -> None:
    """What a get does depends on no number of secrets: the same system calls, one by one."""

    def calls() -> list[str]:
        table = tmp_path / "calls"
        own.run("get", NAME, "--reason", "x", before=("strace", "-o", str(table)))
        rows = table.read_text(errors="replace").splitlines()
        start = next(place for place, row in enumerate(rows) if "PR_SET_DUMPABLE" in row)
        return [row.split("(")[0] for row in rows[start:]]

    calls()
    few = calls()
    for folder in (current(own).parent, row_of(own).parent, Path(own.places.newest(NAME)).parent):
        for number in range(10_000):
            os.mknod(f"{folder}/{number}.age")
    assert calls() == few
