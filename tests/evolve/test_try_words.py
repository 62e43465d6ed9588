"""Do both parsers of `try` read the same words, and do they refuse the same?"""

import pytest

from agentkit.evolve import cli
from agentkit.evolve.tryverb import WORDS, Asked, read_words
from tests.hotwords import assert_both_refuse, list_options, parse_by_typer

GOOD = [
    [],
    ["--json", "--quiet"],
    ["--propose", "sed -i s/a/b/ job.sh"],
    ["--propose=--json", "--allow-protected", "a reason = a reason"],
    ["--patch", "-"],
    ["--rev=main", "--rev", "other"],
    ["--rev", "--quiet"],
    ["--allow-protected="],
]
BAD = [["main"], ["--nonsense"], ["--json=yes"], ["--rev"], ["--quiet", "--patch"], ["-q"], ["--propose"]]


def parse_slow(words: list[str], monkeypatch: pytest.MonkeyPatch) -> Asked:
    return parse_by_typer(cli.app, words, monkeypatch, verb="try", work="agentkit.evolve.tryverb.try_one", kind=Asked)


@pytest.mark.parametrize("words", GOOD, ids=" ".join)
def test_both_parsers_read_the_same(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_slow(words, monkeypatch) == read_words(words)


@pytest.mark.parametrize("words", BAD, ids=" ".join)
def test_both_parsers_refuse_the_same(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert_both_refuse(lambda: read_words(words), lambda: parse_slow(words, monkeypatch))


def test_help_and_completion_know_the_options_of_the_hot_path() -> None:
    assert list_options(cli.app, "try") == set(WORDS)
