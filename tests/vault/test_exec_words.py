"""Do both parsers of `exec` read the same words, and do they refuse the same?"""

from typing import Any

import pytest
import typer

from agentkit.core.errors import AgentkitError
from agentkit.core.optionwords import FLAG, MANY
from agentkit.vault import cli
from agentkit.vault.handover.executionwords import WORDS, Execution, build_execution, split_words
from tests.hotwords import assert_both_refuse, parse_by_typer

GOOD = [
    ["--fd", "3=a", "--", "true"],
    ["--fd", "3=a", "true"],
    ["--fd=3=a", "--fd", "4=db/password", "--reason", "x", "--", "true"],
    ["--stdin", "a", "--", "true", "--fd", "3=b"],
    ["--stdin=a", "true", "--mask", "-h"],
    ["--env", "PGPASSWORD=a", "--keep-env", "X", "--keep-env=Y", "--", "-x"],
    ["--fill", "3=/etc/app=1.conf", "--mask", "--", "--", "ls"],
    ["--fill=9=x", "--fd=10=x", "--env=A=x", "--stdin=x", "--reason=--mask", "-", "y"],
    ["--reason", "--", "--fd", "3=a", "--", "true"],
    ["--reason", "one", "--reason", "two", "--mask", "--mask", "--fd", "3=a", "true"],
    ["--fd", "3=a", "--", "\udcff", "", "two\nlines"],
    ["--fd", "3=a", ""],
]
BAD = [
    [],
    ["--"],
    ["true"],
    ["--", "true"],
    ["--mask", "--", "true"],
    ["--fd", "3=a"],
    ["--fd", "3=a", "--"],
    ["--fd", "3", "--", "true"],
    ["--fd", "=a", "--", "true"],
    ["--fd", "3=", "--", "true"],
    ["--fd", "3=A", "--", "true"],
    ["--fd", "3=../a", "--", "true"],
    ["--fd", "x=a", "--", "true"],
    ["--fd", "-3=a", "--", "true"],
    ["--fd", "3.0=a", "--", "true"],
    ["--fd", "\u0663=a", "--", "true"],
    ["--fd", "1234567890=a", "--", "true"],
    *(["--fd", f"{number}=a", "--", "true"] for number in (0, 1, 2, "00")),
    *(["--fill", f"{number}=/etc/hostname", "--", "true"] for number in (0, 1, 2)),
    ["--fd", "3=a", "--fd", "3=b", "--", "true"],
    ["--fd", "3=a", "--fd", "03=a", "--", "true"],
    ["--fd", "3=a", "--fill", "3=/x", "--", "true"],
    ["--stdin", "a", "--stdin", "a", "--", "true"],
    ["--stdin", "", "--", "true"],
    ["--env", "A=a", "--env", "A=b", "--", "true"],
    ["--env", "A=a", "--keep-env", "A", "--", "true"],
    ["--env", "A", "--", "true"],
    ["--env", "=a", "--", "true"],
    ["--env", "1A=a", "--", "true"],
    ["--env", "A-B=a", "--", "true"],
    ["--env", "\u00c4=a", "--", "true"],
    ["--fill", "3", "--", "true"],
    ["--fill", "3=", "--", "true"],
    ["--fill", "3=a\0b", "--", "true"],
    ["--stdin", "a", "--keep-env", "A=b", "--", "true"],
    ["--stdin", "a", "--keep-env", "", "--", "true"],
    ["--stdin", "a", "--", "true", "a\0b"],
    ["--stdin", "a", "--nonsense", "--", "true"],
    ["--stdin", "a", "-e", "--", "true"],
    ["--stdin", "a", "--mask=yes", "--", "true"],
    ["--stdin", "a", "--rea", "x", "--", "true"],
    ["--stdin"],
    ["--stdin", "a", "--reason"],
]


def describe(asked: Execution) -> dict[str, object]:
    return {name: getattr(asked, name) for name in Execution.__slots__}


def parse_hot(words: list[str]) -> dict[str, object]:
    return describe(build_execution(*split_words(words)))


def parse_slow(words: list[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    work = "agentkit.vault.handover.execution.run_program"
    return describe(parse_by_typer(cli.app, words, monkeypatch, verb="exec", work=work, kind=Execution))


@pytest.mark.parametrize("words", GOOD, ids=" ".join)
def test_both_parsers_read_the_same(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_slow(words, monkeypatch) == parse_hot(words)


@pytest.mark.parametrize("words", BAD, ids=repr)
def test_both_parsers_refuse_the_same(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    hot, by_typer = assert_both_refuse(lambda: parse_hot(words), lambda: parse_slow(words, monkeypatch))
    if by_typer is not None:
        wrong = [word.partition("=")[0] for word in words if word.startswith("-") and word != "--"][-1]
        assert wrong in by_typer.format_message()
        assert wrong in hot.message


@pytest.mark.parametrize("option", ["--fd", "--env", "--stdin", "--keep-env", "--tell"])
@pytest.mark.parametrize("shape", ["{}", "3={}", "A={}", "{}=a"])
def test_what_stands_in_the_wrong_place_may_be_a_value_and_is_not_repeated(
    option: str, shape: str, needle: str
) -> None:
    text = shape.format(f"Secret {needle}!")
    for words in ([option, text], [f"{option}={text}"]):
        with pytest.raises(AgentkitError) as told:
            parse_hot([*words, "--", "true"])
        assert needle not in told.value.lines()


def test_exec_declares_each_option_in_the_same_order_and_of_the_same_kind() -> None:
    parameters: list[Any] = typer.main.get_group(cli.app).commands["exec"].params
    declared = {name: option for option in parameters for name in option.opts if name.startswith("--")}
    assert [name for name in declared if name != "--help"] == list(WORDS)
    for name, kind in WORDS.items():
        assert declared[name].multiple is (kind == MANY)
        assert declared[name].is_flag is (kind == FLAG)
        assert not declared[name].secondary_opts
