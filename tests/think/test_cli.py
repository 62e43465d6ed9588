"""Do both parsers of `wake` read the same words, do all verbs explain themselves, and do records fit their schemas?"""

from __future__ import annotations

import json
from collections.abc import Callable

import jsonschema
import pytest
import typer
from typer._click import Command
from typer.core import TyperGroup

from agentkit.core.errors import Exit
from agentkit.core.schemas import read_schema
from agentkit.think import cli
from agentkit.think import wake as hot
from tests.conftest import Run
from tests.hotwords import assert_both_refuse, list_options
from tests.think.conftest import Wake, finding

GOOD = [
    [],
    ["-"],
    ["findings.jsonl"],
    ["--json"],
    ["findings.jsonl", "--quiet", "--json"],
    ["--quiet", "findings.jsonl"],
    ["--", "--json"],
    ["--json", "--json"],
]
BAD = [["a", "b"], ["--nonsense"], ["--quiet=yes"], ["-q"], ["--jsn", "a"]]
VERBS = [
    ["inbox", "--json"],
    ["budget", "--json"],
    ["providers", "--json"],
    ["providers", "test", "--json"],
    ["journal", "--json"],
    ["ask", "is it well?", "--json"],
    ["summary", "--json"],
]


def parse_slow(words: list[str]) -> object:
    command = typer.main.get_group(cli.app).commands["wake"]
    with command.make_context("wake", list(words)) as context:
        return command.invoke(context)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool, bool]]:
    """Return what `wake` is asked for, with the work itself left out."""
    asked: list[tuple[str, bool, bool]] = []

    def take(_: object, source: str, *, as_json: bool, is_quiet: bool) -> int:
        asked.append((source, as_json, is_quiet))
        return 7

    monkeypatch.setattr(hot, "wake", take)
    return asked


@pytest.mark.parametrize("words", GOOD, ids=" ".join)
def test_both_parsers_read_the_same(words: list[str], seen: list[tuple[str, bool, bool]]) -> None:
    assert hot.main(list(words)) == 7
    assert parse_slow(words) == 7
    first, second = seen
    assert first == second


@pytest.mark.parametrize("words", BAD, ids=" ".join)
def test_both_parsers_refuse_the_same(words: list[str], seen: list[tuple[str, bool, bool]]) -> None:
    assert_both_refuse(lambda: hot.main(list(words)), lambda: parse_slow(words))
    assert seen == []


def test_help_and_completion_know_the_options_of_the_hot_path() -> None:
    assert list_options(cli.app, "wake") == set(hot.OPTIONS)


def test_every_verb_and_every_option_says_what_it_is() -> None:
    silent = [name for name, command in walk(typer.main.get_group(cli.app)) if not command.help]
    silent += [
        f"{name} {spot.name}"
        for name, command in walk(typer.main.get_group(cli.app))
        for spot in command.params
        if not getattr(spot, "help", "")
    ]
    assert silent == []


@pytest.mark.parametrize("verb", ["wake", "inbox", "inbox drop", "journal", "journal show", "providers test"])
def test_help_is_plain_and_fits_a_narrow_terminal(agentkit: Run, verb: str) -> None:
    ended = agentkit("think", *verb.split(), "--help", more={"COLUMNS": "80"})
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"Usage: agentkit think {verb} ")
    assert max(map(len, ended.stdout.splitlines())) <= 80
    assert "..." not in ended.stdout.partition("Commands:")[2]


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_every_record_fits_its_schema(
    agentkit: Run, wake: Wake, configure: Callable[..., None], words: list[str]
) -> None:
    configure("[think.budget]\nusd_per_day = 1\ncalls_per_hour = 50")
    assert wake(finding())[0] == 0
    assert agentkit("think", "inbox", "add", "the report has no data").returncode == 0
    ended = agentkit("think", *words)
    assert ended.returncode in (Exit.OK, Exit.FINDINGS)
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    assert records
    for record in records:
        jsonschema.validate(record, read_schema(str(record["kind"])))


@pytest.mark.parametrize("provider", ["price = 0", 'price = 0\nanswer = "text"', ""])
def test_every_decision_fits_its_schema(wake: Wake, configure: Callable[..., None], provider: str) -> None:
    runbook = '[[think.runbook]]\nname = "r"\nmatch = { subject = "job:r" }\nrun = ["true"]'
    configure(runbook, provider)
    _, decisions, _ = wake(finding(), finding("job:r"), finding("job:c", "critical"))
    _, again, _ = wake()
    for record in decisions + again:
        jsonschema.validate(record, read_schema("decision"))
    assert {str(record["status"]) for record in decisions} >= {"runbook_only"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["inbox", "--json", "add", "x"], "--json is of the list, and add is no list"),
        (["journal", "--search", "x", "show", "y"], "--search is of the list, and show is no list"),
        (["journal", "--limit", "0"], "--limit: 0 is no whole number above 0"),
        (["inbox", "add", " "], "inbox add: the text is empty"),
        (["inbox", "add", "x", "--severity", "bad"], "--severity: 'bad' is none"),
        (["inbox", "add", "x", "--subject", "backup"], "--subject: 'backup' is none; expected TYPE:NAME"),
        (["inbox", "drop", "0123abcd"], "inbox drop: say why"),
        (["inbox", "drop", "--reason", "x"], "inbox drop: which ones?"),
        (["ask", ""], "ask: the question is empty"),
        (["inbox", "nonsense"], "no such command 'nonsense'"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_wrong_words_are_two_lines_and_2(agentkit: Run, words: list[str], told: str) -> None:
    ended = agentkit("think", *words)
    assert (ended.returncode, ended.stdout) == (Exit.USAGE, "")
    assert ended.stderr.startswith(f"agentkit: error: {told}")


@pytest.mark.parametrize("verb", ["budget", "providers", "journal", "summary"])
def test_a_wrong_configuration_is_told_by_what_reads_it(
    agentkit: Run, configure: Callable[..., None], verb: str
) -> None:
    configure("[think]\ndeadlin = '3s'")
    ended = agentkit("think", verb)
    assert (ended.returncode, ended.stdout) == (Exit.CONFIGURATION, "")
    assert "deadline" in ended.stderr


def test_what_waits_is_shown_whatever_the_configuration_is(
    agentkit: Run, wake: Wake, configure: Callable[..., None]
) -> None:
    wake(finding())
    configure("[think]\ndeadlin = '3s'")
    ended = agentkit("think", "inbox", "--json")
    assert (ended.returncode, len(ended.stdout.splitlines())) == (0, 1)


def walk(group: TyperGroup, before: str = "") -> list[tuple[str, Command]]:
    found: list[tuple[str, Command]] = []
    for name, command in group.commands.items():
        found.append((f"{before}{name}", command))
        if isinstance(command, TyperGroup):
            found += walk(command, f"{before}{name} ")
    return found
