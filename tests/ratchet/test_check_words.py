"""Do both parsers of `check` read the same words, and do they refuse the same?"""

import pytest
import typer
from typer._click import ClickException

from agentkit.core.errors import AgentkitError, Exit
from agentkit.ratchet import cli
from agentkit.ratchet.candidacy import Asked
from agentkit.ratchet.check import FLAGS, VALUES, read_words

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


def parse_by_typer(words: list[str], monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Let the command that typer made of the declaration run, with the judging left out."""
    seen: list[Asked] = []

    def take(folder: str, environ: object, asked: Asked) -> int:
        seen.append(asked)
        return 7

    monkeypatch.setattr("agentkit.ratchet.candidacy.check_candidate", take)
    command = typer.main.get_group(cli.app).commands["check"]
    with command.make_context("check", list(words)) as context:
        assert command.invoke(context) == 7
    return seen[0]


@pytest.mark.parametrize("words", GOOD, ids=" ".join)
def test_both_parsers_read_the_same(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_by_typer(words, monkeypatch) == read_words(words)


@pytest.mark.parametrize("words", BAD, ids=" ".join)
def test_both_parsers_refuse_the_same(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AgentkitError) as hot:
        read_words(words)
    assert hot.value.status == Exit.USAGE
    with pytest.raises((AgentkitError, ClickException)) as slow:
        parse_by_typer(words, monkeypatch)
    if isinstance(slow.value, AgentkitError):
        assert slow.value.lines() == hot.value.lines()
    else:
        assert slow.value.exit_code == Exit.USAGE


def test_help_and_completion_know_the_options_of_the_hot_path() -> None:
    command = typer.main.get_group(cli.app).commands["check"]
    declared = {option for spot in command.params for option in spot.opts if option.startswith("--")}
    assert declared == {*FLAGS, *VALUES}
