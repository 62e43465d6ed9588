"""Does a fault in a table of think name the file, the table, the key, what was expected and the next step?"""

from pathlib import Path

import pytest

from agentkit.core.values import TOKENS
from tests.core.thinkconfig import LOCAL, MATCHED, PROGRAM, RUNBOOK, SERVER, fault, read, told


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agentkit.toml"


@pytest.mark.parametrize(
    "written", ["0", "-1", "true", "1.5", '""', '"x"', '"3/"', '"3/x"', '"3/0s"', '"/1h"', '"0/1h"']
)
def test_no_other_number_of_runs_is_understood(file: Path, written: str) -> None:
    assert told(file, f"{MATCHED}at_most = {written}").startswith(
        "think.runbook #1.at_most: expected a number of times"
    )


@pytest.mark.parametrize(
    "digits", ['"' + "9" * 5000 + '"', '"' + "9" * 5000 + '/1h"', "0x" + "f" * 5000, "9" * 19 + "9"]
)
def test_a_number_of_thousands_of_digits_is_a_fault_and_no_crash(file: Path, digits: str) -> None:
    assert "think.runbook #1.at_most: expected" in told(file, f"{MATCHED}at_most = {digits}")
    assert "think.budget.usd_per_day: expected" in told(file, f"[think.budget]\nusd_per_day = {digits}")


def test_a_number_that_python_does_not_read_makes_the_file_no_toml(file: Path) -> None:
    assert told(file, f"[think.budget]\ncalls_per_day = {'9' * 5000}").startswith("is no TOML: ")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("think = 3", "think: expected a table [think], found 3", None),
        ('[think]\ndedline = "1m"', "unknown key think.dedline", "did you mean think.deadline?"),
        ("[think.budgt]\nusd_per_day = 1", "unknown key think.budgt", "did you mean think.budget?"),
        ('[[think.providers]]\nname = "a"', "unknown key think.providers", "did you mean think.provider?"),
        ('[[think.runbok]]\nname = "a"', "unknown key think.runbok", "did you mean think.runbook?"),
        (
            "[think]\nxyzzy = 1",
            "unknown key think.xyzzy",
            "known keys: budget, deadline, group_by, group_interval, keep_days, provider, repeat_interval, runbook",
        ),
        ("[thinks]\nx = 1", "unknown key thinks", "did you mean think?"),
        ("[think]\ndeadline = 60", "think.deadline: expected a duration", None),
        ('[think]\ndeadline = "0s"', "think.deadline: expected a duration", None),
        ('[think]\nrepeat_interval = "0s"', "think.repeat_interval: expected a duration", None),
        ('[think]\ngroup_by = "source"', "think.group_by: expected a list, each once, of host, source", None),
        ('[think]\ngroup_by = ["source", "sevrity"]', "think.group_by: expected a list", "did you mean severity?"),
        ('[think]\ngroup_by = ["host", "host"]', "think.group_by: expected a list, each once", None),
        ("[think]\nbudget = 3", "think.budget: expected a table [think.budget], found 3", None),
        (
            "[think.budget]\nusd_per_days = 1",
            "unknown key think.budget.usd_per_days",
            "did you mean think.budget.usd_per_day?",
        ),
        ("[think.budget]\nusd_per_day = -0.01", "think.budget.usd_per_day: expected a number of dollars", None),
        ("[think.budget]\nusd_per_day = inf", "think.budget.usd_per_day: expected a number of dollars", None),
        ("[think.budget]\nusd_per_day = nan", "think.budget.usd_per_day: expected a number of dollars", None),
        ("[think.budget]\nusd_per_day = true", "think.budget.usd_per_day: expected a number of dollars", None),
        ('[think.budget]\nusd_per_day = "5"', "think.budget.usd_per_day: expected a number of dollars", None),
        ("[think.budget]\nusd_per_day = 1000001", "think.budget.usd_per_day: expected a number of dollars", None),
        ("[think.budget]\ncalls_per_day = -1", "think.budget.calls_per_day: expected a whole number, 0 or above", None),
        ("[think.budget]\ncalls_per_day = 1.5", "think.budget.calls_per_day: expected a whole number", None),
        ("[think.budget]\ncalls_per_day = false", "think.budget.calls_per_day: expected a whole number", None),
        ("[think.provider]\nname = 'a'", "think.provider: expected tables [[think.provider]], with two brackets", None),
        ("[think]\nprovider = [3]", "think.provider #1: expected a table", None),
        (f'{LOCAL}modell = "m"', "unknown key think.provider #1.modell", "did you mean think.provider #1.model?"),
        ('[[think.provider]]\nkind = "openai"', "think.provider #1: name is missing; expected a name", None),
        ('[[think.provider]]\nname = "a"', "think.provider #1: kind is missing; expected one of openai,", None),
        (
            '[[think.provider]]\nname = "a"\nkind = "opena"',
            "think.provider #1.kind: expected one of openai, anthropic, command, found 'opena'",
            "did you mean openai?",
        ),
        ('[[think.provider]]\nname = "A"', "think.provider #1.name: expected a name", None),
        ('[[think.provider]]\nname = ".a"', "think.provider #1.name: expected a name", None),
        (f'[[think.provider]]\nname = "{"a" * 65}"', "think.provider #1.name: expected a name", None),
        (f"{LOCAL}max_output_tokens = 0", "think.provider #1.max_output_tokens: expected a whole number from 1", None),
        (
            f"{LOCAL}max_output_tokens = 1000001",
            f"think.provider #1.max_output_tokens: expected {TOKENS.expected}",
            None,
        ),
        (f'{LOCAL}answer = "json"', "think.provider #1.answer: expected one of json_schema, json_object, text", None),
        (f"{LOCAL}price = -1", "think.provider #1.price: expected a number of dollars", None),
        (f"{LOCAL}price_in = 1", "think.provider #1: price_out is missing beside the other price", None),
        (f"{LOCAL}price_out = 1", "think.provider #1: price_in is missing beside the other price", None),
        (f"{LOCAL}price = 0\nprice_in = 1", "think.provider #1: price beside price_in or price_out", "price alone"),
        (f'{LOCAL}run = ["llm"]', "think.provider #1.run: a provider of kind openai runs no program", "kind = "),
        (
            LOCAL.replace('model = "m"\n', ""),
            "think.provider #1: model is missing; expected the name by which the server knows it",
            None,
        ),
        (
            SERVER,
            "think.provider #1: url and key are missing; https://api.openai.com/v1 answers nobody without a key",
            "key = ",
        ),
        (
            LOCAL.replace('"openai"', '"anthropic"') + 'answer = "text"',
            "think.provider #1.answer: only a provider of kind openai is asked in more than one way",
            None,
        ),
        (PROGRAM, "think.provider #1: run is missing; a provider of kind command is a program", "run = ["),
        (f"{PROGRAM}run = []", "think.provider #1: run is empty; a provider of kind command is a program", "run = ["),
        (f'{PROGRAM}run = "llm"', "think.provider #1.run: expected a program and its words", None),
        (
            f'{PROGRAM}run = ["llm"]\nurl = "http://localhost/"',
            "think.provider #1.url: a provider of kind command has none; it is a program",
            "give the program",
        ),
        (
            f'{PROGRAM}run = ["llm"]\nkey = "secret:a"',
            "think.provider #1.key: a provider of kind command has none",
            None,
        ),
        (
            f'{PROGRAM}run = ["llm"]\nanswer = "text"',
            "think.provider #1.answer: a provider of kind command has none",
            None,
        ),
        ("[think.runbook]\nname = 'a'", "think.runbook: expected tables [[think.runbook]], with two brackets", None),
        ('[[think.runbook]]\nname = "a"', "think.runbook #1: match is missing; expected patterns", None),
        (
            '[[think.runbook]]\nname = "a"\nmatch = { source = "*" }',
            "think.runbook #1: run is missing; expected a program",
            None,
        ),
        (MATCHED.replace('["true"]', "[]"), "think.runbook #1: run is empty; expected a program", None),
        (f"{RUNBOOK}match = {{}}", "think.runbook #1.match: is empty, and would fit every finding", 'source = "*"'),
        (f'{RUNBOOK}match = "*"', "think.runbook #1.match: expected patterns such as", None),
        (
            f'{RUNBOOK}match = {{ sourc = "*" }}',
            "unknown key think.runbook #1.match.sourc",
            "did you mean think.runbook #1.match.source?",
        ),
        (f"{RUNBOOK}match = {{ source = 3 }}", "think.runbook #1.match.source: expected a pattern", None),
        (f'{RUNBOOK}match = {{ source = "" }}', "think.runbook #1.match.source: expected a pattern", None),
        (
            f'{RUNBOOK}match = {{ severity = "critcal" }}',
            "think.runbook #1.match.severity: expected a pattern",
            "did you mean critical?",
        ),
        # A runbook of it would never be run.
        (
            f'{RUNBOOK}match = {{ severity = "critica?" }}',
            "think.runbook #1.match.severity: expected a pattern",
            "did you mean critical?",
        ),
        (f'{MATCHED}limit = "0s"', "think.runbook #1.limit: expected a duration", None),
        (f'{MATCHED}offered = "no"', "think.runbook #1.offered: expected true or false", None),
        (
            f'{MATCHED}[[think.runbook]]\nname = "b"\nrun = ["true"]\n',
            "think.runbook #2: match is missing",
            None,
        ),
    ],
)
def test_a_fault_names_table_key_and_the_next_step(file: Path, text: str, message: str, hint: str | None) -> None:
    error = fault(file, text)
    assert error.message.removeprefix(f"{file}: ").startswith(message)
    assert hint is None or (error.hint or "").startswith(hint)


@pytest.mark.parametrize(("table", "text"), [("provider", LOCAL), ("runbook", MATCHED)])
def test_a_name_is_given_once(file: Path, table: str, text: str) -> None:
    other = text.replace('name = "a"', 'name = "b"')
    wanted = f"think.{table} #3.name: 'a' is the name of think.{table} #1 too"
    assert told(file, text + other + text) == wanted
    read(file, LOCAL + MATCHED)  # a provider and a runbook may share one
