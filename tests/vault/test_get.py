"""Is the value given byte for byte, only after its record, and never to a screen or a conversation?"""

import json
import os
import pty
import subprocess
import sys

import pytest

from agentkit.vault.conversation import AGENTS
from agentkit.vault.places import Places
from tests.vault.conftest import Vault


def read_log(places: Places) -> list[dict[str, object]]:
    with open(f"{places.audit}/000001.jsonl", encoding="ascii") as file:
        return [json.loads(line) for line in file]


@pytest.mark.parametrize("value", [b"plain", b"two\nlines\n", bytes(range(256)), b"\0", b"x" * 200_000])
def test_what_was_set_comes_out_byte_for_byte(vault: Vault, value: bytes) -> None:
    assert vault("set", "db/password", "--purpose", "the shop", stdin=value).returncode == 0
    ended = vault("get", "db/password", "--reason", "nightly report")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, value, b"")


def test_each_get_leaves_one_record_that_says_who_and_why(vault: Vault, places: Places) -> None:
    vault("set", "token", "--purpose", "the shop", stdin=b"one two")
    before = len(read_log(places))
    vault("get", "token", "--reason", "nightly 'report' \u00fc")
    (record,) = read_log(places)[before:]
    told = {key: record[key] for key in ("op", "phase", "outcome", "name", "version", "uid", "delivery", "reason")}
    assert told == {
        "op": "get", "phase": "release", "outcome": "granted", "name": "token", "version": 1, "uid": os.getuid(),
        "delivery": "stdout", "reason": "nightly 'report' \u00fc",
    }  # fmt: skip


def test_a_secret_that_is_not_there_is_unavailable_and_that_is_recorded(vault: Vault, places: Places) -> None:
    ended = vault("get", "absent", "--reason", "x")
    assert (ended.returncode, ended.stdout) == (69, b"")
    assert read_log(places)[-1]["outcome"] == "missing"


@pytest.mark.parametrize("variable", AGENTS)
def test_a_conversation_gets_nothing_unless_it_is_said(vault: Vault, places: Places, variable: str) -> None:
    vault("set", "token", "--purpose", "the shop", stdin=b"one two")
    refused = vault("get", "token", "--reason", "x", more={variable: "1"})
    assert (refused.returncode, refused.stdout) == (77, b"")
    assert read_log(places)[-1]["outcome"] == "refused"
    assert vault("get", "token", "--reason", "x", "--reveal", more={variable: "1"}).stdout == b"one two"


def test_a_terminal_gets_nothing(vault: Vault, environ: dict[str, str], needle: str) -> None:
    vault("set", "token", "--purpose", "the shop", stdin=needle.encode())
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "agentkit", "vault", "get", "token", "--reason", "x"]
    ended = subprocess.run(words, env=environ, stdout=theirs, stderr=subprocess.PIPE, timeout=60, check=False)
    os.set_blocking(ours, False)
    os.close(theirs)
    with pytest.raises(OSError, match="Input/output"):  # nothing was written, and nobody is left to write
        os.read(ours, 100)
    os.close(ours)
    assert ended.returncode == 77
    assert needle.encode() not in ended.stderr


@pytest.mark.parametrize("words", [[], ["--reason"], ["--reason", ""], ["--reason", "x" * 501], ["--no"], ["more"]])
def test_without_a_reason_or_with_other_words_there_is_one_clear_line(vault: Vault, words: list[str]) -> None:
    vault("set", "token", "--purpose", "the shop", stdin=b"one two")
    ended = vault("get", "token", *words)
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert ended.stderr.count(b"error:") == 1


@pytest.mark.parametrize(
    "name",
    ["..", "a/../b", "/a", "a/", "a//b", "./a", "A", "\u00fc", "a\nb", "", ".a", "-a", "a" * 201, "a.age/b", "a/.."],
)
def test_a_name_that_is_none_is_refused_and_nothing_is_written(vault: Vault, places: Places, name: str) -> None:
    before = read_log(places)
    for words in (["get", "--reason", "x"], ["set", "--purpose", "x"]):
        ended = vault(*words, "--", name, stdin=b"one two") if words[0] == "set" else vault(*words, name)
        assert (ended.returncode, ended.stdout) == (2, b"")
    assert read_log(places) == before
