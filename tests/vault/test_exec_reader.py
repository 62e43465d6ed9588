"""Does a caller without a vault of its own get its values from another user's, by the one command that it is told?"""

import json
import os
import sys
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError
from agentkit.vault.handover.reader import ask_reader, find_reader
from agentkit.vault.places import Places
from tests.conftest import ROOT
from tests.processes import find_by_words
from tests.vault.conftest import Vault

pytest_plugins = ("tests.vault.stored",)

MASKED = "{{vault:token}}"


@pytest.fixture
def elsewhere(stored: Places, tmp_path: Path) -> Places:
    """Move the vault to where only a command finds it, and tell the caller of that command."""
    os.rename(tmp_path / "agentkit-home", tmp_path / "theirs")
    (tmp_path / "agentkit-home").mkdir(mode=0o700)
    (tmp_path / "vault").write_text(
        f"#!/bin/sh\nexport AGENTKIT_HOME={tmp_path}/theirs PYTHONPATH={ROOT}\n"
        f'exec {sys.executable} -m agentkit vault "$@"\n'
    )
    (tmp_path / "vault").chmod(0o700)
    write_reader(tmp_path, f"/usr/bin/env -u PYTHONPATH  {tmp_path}/vault\n")
    return Places(f"{tmp_path}/theirs/vault", stored.identity)


def write_reader(tmp_path: Path, text: str, mode: int = 0o600) -> None:
    path = tmp_path / "agentkit-home" / "vault-reader"
    path.write_text(text)
    path.chmod(mode)


def read_log(places: Places) -> list[dict[str, object]]:
    with open(f"{places.audit}/000001.jsonl", encoding="ascii") as file:
        return [json.loads(line) for line in file]


def test_the_program_gets_what_the_reader_gives(vault: Vault, elsewhere: Places, tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("{{vault:db/password}}")
    words = ["--fd", "3=token", "--stdin", "token", "--fill", f"5={tmp_path}/conf", "--reason", "nightly"]
    ended = vault("exec", *words, "--", "sh", "-c", "cat; cat /dev/fd/3 /dev/fd/5; exit 4")
    assert (ended.returncode, ended.stdout, ended.stderr) == (4, b"t-o-k-e-nt-o-k-e-nhunter two", b"")
    told = [(record["op"], record["name"], record["reason"]) for record in read_log(elsewhere)[-3:]]
    assert told == [("get", "token", "nightly"), ("get", "token", "nightly"), ("get", "db/password", "nightly")]


def test_a_conversation_may_have_a_program_run(vault: Vault, elsewhere: Places) -> None:
    words = ["exec", "--mask", "--fd", "3=token", "--reason", "x", "--", "cat", "/dev/fd/3"]
    assert vault(*words, more={"CLAUDECODE": "1"}).stdout == MASKED.encode()


def test_where_the_reader_fails_its_status_is_ours(vault: Vault, elsewhere: Places) -> None:
    ended = vault("exec", "--fd", "3=token", "--fd", "4=absent", "--reason", "x", "--", "echo", "ran")
    assert (ended.returncode, ended.stdout) == (69, b"")
    assert b"there is no secret" in ended.stderr
    assert b"absent: /usr/bin/env ended with 69" in ended.stderr


def test_a_reader_that_is_killed_gives_nothing(vault: Vault, elsewhere: Places, tmp_path: Path) -> None:
    (tmp_path / "vault").write_text("#!/bin/sh\necho half\nkill -9 $$\n")
    ended = vault("exec", "--fd", "3=token", "--reason", "x", "--", "echo", "ran")
    assert (ended.returncode, ended.stdout) == (137, b"")


def test_what_may_be_a_variable_cannot_be_asked_there(vault: Vault, elsewhere: Places) -> None:
    before = read_log(elsewhere)
    ended = vault("exec", "--fd", "3=token", "--env", "A=token", "--reason", "x", "--", "echo", "ran")
    assert (ended.returncode, ended.stdout) == (77, b"")
    assert read_log(elsewhere) == before


def test_a_program_that_is_not_there_costs_no_reading(vault: Vault, elsewhere: Places) -> None:
    before = read_log(elsewhere)
    assert vault("exec", "--fd", "3=token", "--reason", "x", "--", "no-such-program").returncode == 127
    assert vault("exec", "--fd", "3=token", "--reason", "x", "--", "echo", MASKED).returncode == 77
    assert read_log(elsewhere) == before


def test_an_own_vault_is_asked_first(vault: Vault, stored: Places, tmp_path: Path) -> None:
    write_reader(tmp_path, "/bin/false\n")
    assert vault("exec", "--fd", "3=token", "--reason", "x", "--", "cat", "/dev/fd/3").stdout == b"t-o-k-e-n"


@pytest.mark.parametrize(
    ("text", "mode", "status"),
    [
        ("/bin/true\n", 0o640, 77),
        ("vault\n", 0o600, 78),
        ("", 0o600, 78),
        ("\n", 0o600, 78),
        ("/bin/true\n/bin/false\n", 0o600, 78),
        ("/bin/true a\0b\n", 0o600, 78),
        ("/" * 5000, 0o600, 77),
        ("/no/such/program\n", 0o600, 69),
        ("/etc/passwd\n", 0o600, 69),
    ],
)
@pytest.mark.usefixtures("elsewhere")
def test_a_reader_that_is_none_is_told(vault: Vault, tmp_path: Path, text: str, mode: int, status: int) -> None:
    write_reader(tmp_path, text, mode)
    ended = vault("exec", "--fd", "3=token", "--reason", "x", "--", "echo", "ran")
    assert (ended.returncode, ended.stdout, ended.stderr.count(b"error:")) == (status, b"", 1)


def test_a_link_is_no_reader(vault: Vault, elsewhere: Places, tmp_path: Path) -> None:
    os.rename(tmp_path / "agentkit-home" / "vault-reader", tmp_path / "real")
    (tmp_path / "agentkit-home" / "vault-reader").symlink_to(tmp_path / "real")
    assert vault("exec", "--fd", "3=token", "--reason", "x", "--", "echo", "ran").returncode == 77


def test_without_any_vault_that_is_said(vault: Vault, elsewhere: Places, tmp_path: Path) -> None:
    (tmp_path / "agentkit-home" / "vault-reader").unlink()
    ended = vault("exec", "--fd", "3=token", "--reason", "x", "--", "echo", "ran")
    assert (ended.returncode, ended.stdout) == (69, b"")
    assert b"there is no vault" in ended.stderr


@pytest.mark.parametrize("script", ["exec sleep 987", "exec >&-; exec sleep 987", "echo half; exec sleep 987"])
def test_a_reader_that_does_not_end_is_ended(environ: dict[str, str], tmp_path: Path, script: str) -> None:
    with pytest.raises(AgentkitError) as told:
        ask_reader(["/bin/sh", "-c", script, "sh"], "token", "x", environ, limit_s=0.5)
    assert told.value.status == 75
    assert find_by_words("sleep 987") == []


def test_a_reader_that_never_stops_giving_is_ended(environ: dict[str, str]) -> None:
    with pytest.raises(AgentkitError) as told:
        ask_reader(["/bin/sh", "-c", "exec cat /dev/zero", "sh"], "token", "x", environ, limit_s=20)
    assert told.value.status == 65


def test_no_reader_is_named_where_there_is_no_file(environ: dict[str, str]) -> None:
    assert find_reader(environ) is None
