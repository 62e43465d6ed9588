"""Do both parsers of `check` read the same words, and do they refuse the same?"""

import pytest

from agentkit.ratchet import cli
from agentkit.ratchet.candidacy import Asked
from agentkit.ratchet.check import WORDS, read_words
from tests.hotwords import assert_both_refuse, list_options, parse_by_typer

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


def parse_slow(words: list[str], monkeypatch: pytest.MonkeyPatch) -> Asked:
    work = "agentkit.ratchet.candidacy.check_candidate"
    return parse_by_typer(cli.app, words, monkeypatch, verb="check", work=work, kind=Asked)


@pytest.mark.parametrize("words", GOOD, ids=" ".join)
def test_both_parsers_read_the_same(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_slow(words, monkeypatch) == read_words(words)


@pytest.mark.parametrize("words", BAD, ids=" ".join)
def test_both_parsers_refuse_the_same(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert_both_refuse(lambda: read_words(words), lambda: parse_slow(words, monkeypatch))


def test_help_and_completion_know_the_options_of_the_hot_path() -> None:
    assert list_options(cli.app, "check") == set(WORDS)
