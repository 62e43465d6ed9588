"""Do both parsers of `check`, `accept` and `status` read the same words, and do they refuse the same?"""

import pytest

from agentkit.ratchet import cli, status
from agentkit.ratchet.candidacy import Asked
from agentkit.ratchet.check import WORDS, read_words
from tests.hotwords import assert_both_refuse, list_options, parse_by_typer

WORKS = {"check": "check_candidate", "accept": "accept_if_good"}
GOOD = [
    [],
    ["--quiet"],
    ["--json", "--work-tree"],
    ["--rev", "HEAD~1"],
    ["--rev=main", "--rev", "other"],
    ["--rev", "--json"],
    ["--rev="],
    ["--patch", "-", "--quiet", "--judge-changed", "a reason = a reason"],
]
BAD = [["main"], ["--nonsense"], ["--quiet=yes"], ["--rev"], ["--json", "--patch"], ["-q"], ["--rev", "a", "--patch=b"]]


def parse_slow(verb: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> Asked:
    work = f"agentkit.ratchet.candidacy.{WORKS[verb]}"
    return parse_by_typer(cli.app, words, monkeypatch, verb=verb, work=work, kind=Asked)


@pytest.mark.parametrize("verb", WORKS)
@pytest.mark.parametrize("words", GOOD, ids=" ".join)
def test_both_parsers_read_the_same(verb: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_slow(verb, words, monkeypatch) == read_words(f"ratchet {verb}", words)


@pytest.mark.parametrize("verb", WORKS)
@pytest.mark.parametrize("words", BAD, ids=" ".join)
def test_both_parsers_refuse_the_same(verb: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert_both_refuse(lambda: read_words(f"ratchet {verb}", words), lambda: parse_slow(verb, words, monkeypatch))


@pytest.mark.parametrize("verb", WORKS)
def test_help_and_completion_know_the_options_of_the_hot_path(verb: str) -> None:
    assert list_options(cli.app, verb) == set(WORDS)


@pytest.mark.parametrize("words", [["main"], ["--nonsense"], ["--json=yes"], ["-j"]], ids=" ".join)
def test_both_parsers_of_status_refuse_the_same(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    work = "agentkit.ratchet.status.print_status"
    assert_both_refuse(
        lambda: status.read_words(words),
        lambda: parse_by_typer(cli.app, words, monkeypatch, verb="status", work=work, kind=bool),
    )


def test_status_knows_one_option() -> None:
    assert list_options(cli.app, "status") == set(status.WORDS)
    assert (status.read_words([]), status.read_words(["--json"])) == (False, True)
