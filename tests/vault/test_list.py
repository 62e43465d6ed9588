"""Are all secrets listed and shown, with who used them, and never a value?"""

import re
import shutil
from pathlib import Path

import jsonschema
import pytest

from agentkit.core.schemas import read_schema
from agentkit.vault.places import Places
from tests.heartbeat.terminal import Terminal
from tests.vault.conftest import Vault
from tests.vault.tampering import Hand, read_records

LONG = "the password of the shop's database, which the nightly report and the export both use"


@pytest.fixture
def filled(vault: Vault, places: Places, needle: str) -> Vault:
    """Return the vault's commands, with two secrets in it, one of them used once."""
    options = ("--consumer", "/opt/report.sh", "--expires", "90d", "--rotate-every", "30d", "--reissue", "ask the bank")
    value = needle.encode()
    assert vault("set", "db/password", "--purpose", LONG, "--owner", "ops", *options, stdin=value).returncode == 0
    assert vault("set", "token", "--purpose", "the shop", stdin=value).returncode == 0
    assert vault("get", "token", "--reason", "nightly report").stdout == value
    return vault


def test_each_secret_is_a_line_with_what_it_is_for_and_who_used_it_last(filled: Vault, needle: str) -> None:
    ended = filled("list")
    assert (ended.returncode, ended.stderr) == (0, b"")
    head, first, second = ended.stdout.decode().splitlines()
    assert head.split() == ["name", "state", "purpose", "expires", "last", "used", "by", "uses"]
    assert first.split()[:2] == ["db/password", "ok"]
    assert LONG in first
    assert re.search(r"in (?:89|90)d", first)
    assert second.split()[0] == "token"
    assert second.split()[-1] == "1"
    assert needle not in ended.stdout.decode()


@pytest.mark.parametrize("words", [("list", "--json"), ("show", "token", "--json"), ("show", "db/password", "--json")])
def test_records_fit_their_schema_and_hold_no_value(words: tuple[str, ...], filled: Vault, needle: str) -> None:
    ended = filled(*words)
    records = read_records(ended.stdout)
    assert [record["name"] for record in records] == (["db/password", "token"] if words[0] == "list" else [words[1]])
    for record in records:
        jsonschema.validate(record, read_schema("secret"))
    assert needle.encode() not in ended.stdout


def test_the_last_use_says_who_when_and_why(filled: Vault, places: Places) -> None:
    [record] = read_records(filled("show", "token", "--json").stdout)
    use = record["last_use"]
    assert isinstance(use, dict)
    log = read_records(Path(places.audit, "000001.jsonl").read_bytes())
    assert {key: use[key] for key in ("seq", "at", "reason", "uid")} == {
        key: log[-1][key] for key in ("seq", "at", "reason", "uid")
    }
    assert use["parent"] == log[-1]["parent"]
    assert record["uses"] == 1
    assert record["used_by"] == [
        {"program": use["program"], "op": "get", "uid": use["uid"], "uses": 1, "last_at": use["at"]}
    ]


def test_show_tells_all_that_the_row_says(filled: Vault, needle: str) -> None:
    page = filled("show", "db/password").stdout.decode()
    for text in (LONG, "ops", "/opt/report.sh", "every 30d", "ask the bank", "never"):
        assert text in page
    assert needle not in page


def test_an_absent_one_is_unavailable_and_near_names_are_told(filled: Vault) -> None:
    ended = filled("show", "toke")
    assert (ended.returncode, ended.stdout) == (69, b"")
    assert b"did you mean token?" in ended.stderr


def test_an_empty_vault_says_the_next_step(vault: Vault) -> None:
    ended = vault("list")
    assert (ended.returncode, ended.stdout) == (0, b"")
    assert b"agentkit vault set NAME" in ended.stderr


def test_without_an_identity_all_is_listed_and_said_to_be_unverified(filled: Vault, places: Places) -> None:
    Path(places.identity).unlink()
    ended = filled("list", "--json")
    assert ended.returncode == 0
    assert [record["state"] for record in read_records(ended.stdout)] == ["unverified", "unverified"]
    assert b"was not verified" in ended.stderr


def test_a_row_that_is_not_ours_is_listed_as_that_and_the_status_tells(
    filled: Vault, places: Places, tmp_path: Path
) -> None:
    Hand(places, tmp_path).edit("manifest/token.json", b"the shop", b"my shop!")
    for words in (("list", "--json"), ("show", "token", "--json")):
        ended = filled(*words)
        assert ended.returncode == 76
        assert read_records(ended.stdout)[-1]["state"] == "tampered"
        assert b"token: its row was not written by this vault" in ended.stderr
    assert filled("show", "db/password").returncode == 0


def test_a_log_that_cannot_be_read_leaves_out_who_used_what(filled: Vault, places: Places) -> None:
    Path(places.audit, "000001.jsonl").unlink()
    ended = filled("list", "--json")
    assert [record["uses"] for record in read_records(ended.stdout)] == [None, None]
    assert b"000001.jsonl is missing" in ended.stderr


def test_neither_leaves_a_record(filled: Vault, places: Places) -> None:
    before = Path(places.audit, "000001.jsonl").read_bytes()
    filled("list")
    filled("show", "token")
    assert Path(places.audit, "000001.jsonl").read_bytes() == before


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int, filled: Vault, environ: dict[str, str]) -> None:
    for words in (["vault", "list"], ["vault", "show", "db/password"], ["vault", "check"]):
        terminal = Terminal(words, {**environ, "NO_COLOR": "1"}, width=width)
        try:
            status, page = terminal.finish()
        finally:
            terminal.close()
        assert status == 0
        if words[1] == "list":
            assert max(map(len, page.splitlines())) <= width
            assert "db/password" in page
        assert "\x1b[" not in page


def test_a_summary_fits_its_schema_with_and_without_a_vault(filled: Vault, places: Places, tmp_path: Path) -> None:
    [record] = read_records(filled("summary", "--json").stdout)
    jsonschema.validate(record, read_schema("summary"))
    assert record["title"] == "vault: all is as it was set"
    Hand(places, tmp_path).edit("manifest/token.json", b"the shop", b"my shop!")
    [record] = read_records(filled("summary", "--json").stdout)
    assert (record["title"], record["next"]) == ("vault: 1 finding", "agentkit vault check")
    shutil.rmtree(places.vault)
    ended = filled("summary", "--json")
    [record] = read_records(ended.stdout)
    jsonschema.validate(record, read_schema("summary"))
    assert (ended.returncode, record["title"], record["next"]) == (0, "vault: none", None)
