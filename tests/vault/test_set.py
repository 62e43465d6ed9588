"""Does every byte of a value come in, only by stdin or a descriptor, and what is said of it with it?"""

import json
import os
import pty
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.age import MOST_BYTES
from agentkit.vault.places import Places
from agentkit.vault.rows import read_row
from agentkit.vault.setting import Particulars
from tests.otherusers import NOBODY, open_to_others
from tests.vault.conftest import Vault
from tests.vault.ownvault import OwnVault

NAME = "db/password"


@pytest.fixture
def own(tmp_path: Path) -> OwnVault:
    """Return an empty vault."""
    return OwnVault(tmp_path / "own")


def row(own: OwnVault) -> dict[str, object]:
    fields: dict[str, object] = json.loads(Path(own.places.row(NAME)).read_bytes())
    return fields


def test_ten_megabytes_come_in_and_out_as_they_are(own: OwnVault) -> None:
    value = os.urandom(10_000_000)
    assert own.run("set", NAME, "--purpose", "x", stdin=value).returncode == 0
    assert own.run("get", NAME, "--reason", "x").stdout == value


def test_a_descriptor_is_read_to_its_end_and_stdin_is_left_alone(own: OwnVault) -> None:
    reading, writing = os.pipe()
    value = os.urandom(300_000)

    def write() -> None:
        with open(writing, "wb") as file:
            file.write(value)

    writer = threading.Thread(target=write)
    writer.start()
    words = ("set", NAME, "--purpose", "x", "--from-fd", str(reading))
    done = own.run(*words, pass_fds=(reading,), stdin=b"not this")
    os.close(reading)
    writer.join(60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert own.get(NAME) == value


@pytest.mark.parametrize("number", ["-1", "99", "1000000", "99999999999999999999", "x", ""])
def test_a_descriptor_that_is_none_is_said_in_one_line(own: OwnVault, number: str) -> None:
    done = own.run("set", NAME, "--purpose", "x", f"--from-fd={number}", stdin=b"value")
    assert done.returncode in (Exit.USAGE, Exit.BAD_DATA)
    assert done.stderr.count(b"agentkit: error:") == 1
    assert b"bug" not in done.stderr


def test_a_folder_or_a_closed_stdin_gives_no_value(own: OwnVault) -> None:
    done = own.run("set", NAME, "--purpose", "x")
    assert (done.returncode, done.stdout) == (Exit.BAD_DATA, b"")
    folder = os.open(own.folder, os.O_RDONLY)
    done = own.run("set", NAME, "--purpose", "x", "--from-fd", str(folder), pass_fds=(folder,))
    os.close(folder)
    assert done.returncode == Exit.BAD_DATA
    words = [
        "sh",
        "-c",
        'exec "$@" <&-',
        "sh",
        sys.executable,
        "-m",
        "agentkit",
        "vault",
        "set",
        NAME,
        "--purpose",
        "x",
    ]
    ended = subprocess.run(words, env=own.environ, capture_output=True, timeout=60, check=False)
    assert ended.returncode == Exit.BAD_DATA
    assert len(own.records()) == 1


def test_a_value_larger_than_is_kept_is_refused(own: OwnVault) -> None:
    with pytest.raises(AgentkitError, match="at most") as caught:
        own.set(NAME, b"\0" * (MOST_BYTES + 1))
    assert caught.value.status == Exit.BAD_DATA


def test_a_value_on_the_command_line_is_refused_and_told_how(own: OwnVault, needle: str) -> None:
    for words in (
        ["set", NAME, needle], ["set", NAME, needle, "--purpose", "x"], ["set", "--purpose", "x", "--", NAME, needle],
        ["set", needle, NAME, "--purpose", "x"], ["set", NAME, "two", needle],
    ):  # fmt: skip
        done = own.run(*words, stdin=b"not this")
        assert done.returncode == Exit.USAGE
        assert b"never taken from the command line" in done.stderr
        assert b"| agentkit vault set" in done.stderr
        assert needle.encode() not in done.stderr
    assert len(own.records()) == 1


def test_at_a_terminal_the_value_is_asked_for_and_not_shown(own: OwnVault, needle: str) -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "agentkit", "vault", "set", NAME, "--purpose", "x"]
    started = subprocess.Popen(["setsid", "-cw", *words], env=own.environ, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    due = time.monotonic() + 60
    while b"not shown" not in shown and time.monotonic() < due:
        shown += os.read(ours, 1000)
    os.write(ours, needle.encode() + b"\n")
    assert started.wait(60) == 0
    os.set_blocking(ours, False)
    try:
        shown += os.read(ours, 1000)
    except OSError:
        pass
    os.close(ours)
    assert needle.encode() not in shown
    assert own.get(NAME) == needle.encode()


def test_what_is_said_of_a_secret_stands_in_its_row_and_stays_until_it_is_said_anew(own: OwnVault) -> None:
    words = (
        "--purpose", "the shop's \u00fcber database", "--owner", "somebody", "--consumer", "/opt/report.sh",
        "--consumer", "/opt/other", "--deliver", "env", "--expires", "2027-06-30", "--rotate-every", "90d",
        "--rotate-with", "token", "--setting", "length=40", "--reissue", "ask the provider",
    )  # fmt: skip
    assert own.run("set", NAME, *words, stdin=b"one").returncode == 0
    said = {
        "v": 1, "name": NAME, "purpose": "the shop's \u00fcber database", "owner": "somebody",
        "consumers": ["/opt/report.sh", "/opt/other"], "deliver": ["env"], "expires_at": "2027-06-30T00:00:00.000Z",
        "rotate_every_s": 7776000.0, "rotate_with": "token", "rotate_settings": {"length": "40"},
        "reissue": "ask the provider",
    }  # fmt: skip
    first = row(own)
    assert {key: first[key] for key in said} == said
    own.set(NAME, b"two", Particulars())
    second = row(own)
    assert {key: second[key] for key in said} == said
    assert (first["version"], second["version"], second["previous_sha256"]) == (1, 2, first["sha256"])
    assert first["created_at"] == second["created_at"]
    assert own.run("set", NAME, "--keep-value", "--owner", "another", stdin=b"not this").returncode == 0
    third = row(own)
    assert {key: third[key] for key in said} == {**said, "owner": "another"}
    assert (third["version"], third["sha256"]) == (3, second["sha256"])
    assert own.get(NAME) == b"two"


def test_a_new_one_needs_a_purpose_and_a_value(own: OwnVault) -> None:
    for words, stdin in ((["set", NAME], b"x"), (["set", NAME, "--keep-value", "--purpose", "x"], b"")):
        done = own.run(*words, stdin=stdin)
        assert done.returncode == Exit.USAGE
        assert NAME.encode() not in done.stderr
    assert own.run("set", NAME, "--purpose", "x", stdin=b"").returncode == Exit.BAD_DATA
    assert len(own.records()) == 1


def test_without_a_vault_nothing_is_made(tmp_path: Path) -> None:
    own = OwnVault(tmp_path / "own", is_founded=False)
    for words in (("set", NAME, "--purpose", "x"), ("get", NAME, "--reason", "x")):
        done = own.run(*words, stdin=b"value")
        assert done.returncode == Exit.UNAVAILABLE
        assert b"agentkit vault init" in done.stderr
    assert not (own.folder / "home").exists()


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_whatever_the_umask_all_is_ours_and_closed_to_others(umask: int) -> None:
    """As a user who is not root: root is not stopped by a mode."""
    with open_to_others() as folder:
        demand_closed(OwnVault(folder / "own", is_founded=False), umask)


def demand_closed(own: OwnVault, umask: int) -> None:
    for folder in (own.folder, own.folder / "home", own.folder / ".config"):
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(folder, NOBODY, NOBODY)
    own.become_nobody()
    for words in (("init", "--new-recovery", str(own.recovery)), ("set", NAME, "--purpose", "x"), ("set", NAME)):
        done = own.run(*words, stdin=b"value", umask=umask, small=True)
        assert (done.returncode, done.stderr) == (0, b"")
    for _ in range(4):
        done = own.run("get", NAME, "--reason", "x", umask=umask, small=True)
        assert (done.returncode, done.stdout) == (0, b"value"), done.stderr
    found = [Path(own.places.vault), *Path(own.places.vault).rglob("*"), own.recovery, Path(own.places.identity)]
    for path in found:
        status = path.stat()
        assert (oct(status.st_mode & 0o7777), status.st_uid) == ("0o700" if path.is_dir() else "0o600", NOBODY), path
    assert len(list(own.audit.glob("*.jsonl"))) > 1


def test_words_about_a_secret_do_not_make_its_value_younger(vault: Vault, places: Places) -> None:
    vault("set", "token", "--purpose", "the shop", stdin=b"one two")
    before = read_row(places.row("token"), "token")
    assert vault("set", "token", "--keep-value", "--owner", "you").returncode == 0
    after = read_row(places.row("token"), "token")
    assert before is not None
    assert after is not None
    assert (after.fields["owner"], after.version) == ("you", 2)
    assert after.fields["set_at"] == before.fields["set_at"]
