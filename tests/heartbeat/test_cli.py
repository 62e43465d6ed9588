"""The verbs' words: two parsers of `run` that must agree, and answers that cannot be written."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from agentkit.core.errors import Exit
from agentkit.core.optionwords import FLAG, MANY
from agentkit.heartbeat import cli
from agentkit.heartbeat.options import WORDS, RunOptions, build_options, split_words
from tests.heartbeat.answers import Verb, read_records
from tests.heartbeat.machine import HOUR, Machine
from tests.hotwords import assert_both_refuse, parse_by_typer

pytest_plugins = ("tests.heartbeat.lived",)

HOURLY = {"expect": {"every_s": HOUR}}
SAMPLES = {
    "--every": "1h", "--cron": "*/5 * * * *", "--tz": "Europe/Berlin", "--grace": "5m", "--timeout": "10m",
    "--kill-after": "0s", "--overlap": "wait", "--retries": "3", "--retry-delay": "2s", "--expect-output": "done|fine",
    "--forbid-output": "^ERROR", "--expect-change": "/srv/x", "--expect-fresh": "/srv/db.gz=26h",
    "--expect-count": "items>=1", "--expect-duration": "1s..10m", "--watch": "/srv", "--success-status": "0,3",
    "--keep-output": "0",
}  # fmt: skip
GOOD = [
    ["x", "--", "true"],
    ["x", "true"],
    ["x", "true", "a", "-"],
    ["--", "x", "true"],
    ["--every", "1h", "x", "true"],
    ["x", "--every", "1h", "true", "--tee", "more"],
    ["x", "--", "--every", "1h"],
    ["x", "--", "--", "ls"],
    ["x", "--", "ls", "--help"],
    ["x", "--every", "1h", "--every", "2h", "--", "true"],
    ["x", "--retries", "1", "--retries=2", "--", "true"],
    ["x", "--watch", "/a", "--watch", "/b", "--watch=/a", "--", "true"],
    ["x", "--expect-output", "--tee", "--", "true"],
    ["x", "--expect-output", "--", "--", "true"],
    ["x", "--expect-output=a=b", "--", "true"],
    ["x", "--tee", "--quiet", "--tee", "--", "true"],
    ["x", "--", "\udcff", ""],
    *(["x", option, value, "--", "true"] for option, value in SAMPLES.items()),
    *(["x", f"{option}={value}", "--", "true"] for option, value in SAMPLES.items()),
]
BAD = [
    [],
    ["--"],
    ["x"],
    ["x", "--"],
    ["x", "--every", "1h", "--"],
    ["", "--", "true"],
    ["X", "--", "true"],
    ["../x", "--", "true"],
    ["x", "--nonsense", "--", "true"],
    ["x", "-e", "--", "true"],
    ["x", "ls", "-l"],
    ["x", "--ev", "1h", "--", "true"],
    ["x", "--tee=yes", "--", "true"],
    ["x", "--tee=", "--", "true"],
    ["x", "--every"],
    ["x", "--every", "1h", "--cron", "* * * * *", "--", "true"],
    *(["x", f"{option}=", "--", "true"] for option in SAMPLES if option not in ("--expect-output", "--forbid-output")),
    *(
        ["x", option, "\0", "--", "true"]
        for option in ("--every", "--cron", "--tz", "--watch", "--retries", "--overlap")
    ),
    ["x", "--retries", "-1", "--", "true"],
    ["x", "--expect-output", "(", "--", "true"],
    ["x", "--expect-duration", "9s..1s", "--", "true"],
    ["x", "--expect-count", "items", "--", "true"],
]


def describe(options: RunOptions) -> dict[str, object]:
    return {name: getattr(options, name) for name in RunOptions.__slots__}


def parse_hot(words: list[str]) -> dict[str, object]:
    return describe(build_options(*split_words(words)))


def parse_slow(words: list[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    work = "agentkit.heartbeat.run.run_job"
    return describe(parse_by_typer(cli.app, words, monkeypatch, verb="run", work=work, kind=RunOptions))


@pytest.mark.parametrize("words", GOOD, ids=" ".join)
def test_both_parsers_of_run_read_the_same(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_slow(words, monkeypatch) == parse_hot(words)


@pytest.mark.parametrize("words", BAD, ids=repr)
def test_both_parsers_of_run_refuse_the_same(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    hot, by_typer = assert_both_refuse(lambda: parse_hot(words), lambda: parse_slow(words, monkeypatch))
    if by_typer is not None:
        [wrong] = [word.partition("=")[0] for word in words if word.startswith("-") and word != "--"][:1]
        assert wrong in by_typer.format_message()
        assert wrong in hot.message


def test_run_declares_each_option_in_the_same_order_and_of_the_same_kind() -> None:
    parameters: list[Any] = typer.main.get_group(cli.app).commands["run"].params
    declared = {name: option for option in parameters for name in option.opts if name.startswith("--")}
    assert [name for name in declared if name != "--help"] == list(WORDS)
    for name, kind in WORDS.items():
        assert declared[name].multiple is (kind == MANY)
        assert declared[name].is_flag is (kind == FLAG)
        assert declared[name].help.endswith(" +") is (kind == MANY)
        assert not declared[name].secondary_opts


@pytest.mark.parametrize("words", [["items=1"], ["items=1", "--", "note=x y"], ["--", "a=b"]])
def test_mark_reads_the_same_words_by_either_way(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agentkit.heartbeat import marks

    monkeypatch.setenv("AGENTKIT_MARKS", str(tmp_path / "hot"))
    assert marks.main(list(words)) == 0
    monkeypatch.setenv("AGENTKIT_MARKS", str(tmp_path / "slow"))
    command = typer.main.get_group(cli.app).commands["mark"]
    with command.make_context("mark", list(words)) as context:
        assert command.invoke(context) == 0
    assert (tmp_path / "hot").read_text() == (tmp_path / "slow").read_text() != ""


def test_the_help_of_run_names_every_option_on_one_line_of_80_columns(agentkit: Verb) -> None:
    ended = agentkit("heartbeat", "run", "--help", more={"COLUMNS": "80"})
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert lines[0] == "Usage: agentkit heartbeat run NAME [OPTIONS] -- PROGRAM [ARGUMENT]..."
    start = lines.index("Options:") + 1
    assert [line.split()[0] for line in lines[start : start + len(WORDS)]] == list(WORDS)
    assert all(len(line) < 80 for line in lines[start:])


@pytest.mark.parametrize(
    ("verb_name", "usage"),
    [
        ("mark", "KEY=VALUE..."),
        ("check", "[OPTIONS]"),
        ("status", "[NAME]... [OPTIONS]"),
        ("history", "NAME [OPTIONS]"),
        ("show", "RUN [OPTIONS]"),
        ("accept", "NAME --reason TEXT [--dry-run]"),
        ("prune", "[OPTIONS]"),
        ("summary", "[OPTIONS]"),
        ("coverage", "[OPTIONS]"),
        ("adopt", "CRONTAB [--install|--undo] | --systemd UNIT"),
    ],
)
def test_every_verb_has_a_help(agentkit: Verb, verb_name: str, usage: str) -> None:
    ended = agentkit("heartbeat", verb_name, "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[0] == f"Usage: agentkit heartbeat {verb_name} {usage}"


def test_the_list_of_verbs_cuts_no_sentence(agentkit: Verb) -> None:
    shown = agentkit("heartbeat", "--help").stdout
    assert "..." not in shown.split("Commands:")[1]


def test_names_of_jobs_are_completed(environ: dict[str, str], lived: Machine) -> None:
    for name in ("backup", "bank", "other"):
        lived.end(name, **HOURLY)
    lived.check()

    def complete(line: str) -> set[str]:
        words = line.split(" ")
        more = {
            "AGENTKIT_HOME": str(lived.folder),
            "_AGENTKIT_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        }
        ended = subprocess.run(
            [sys.executable, "-m", "agentkit"],
            env={**environ, **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.stderr == ""
        return set(ended.stdout.split())

    assert complete("agentkit heartbeat history ba") == {"backup", "bank"}
    assert complete("agentkit heartbeat accept o") == {"other"}
    (lived.folder / "ledger.db").write_text("no ledger")
    assert complete("agentkit heartbeat history ba") == set()


ANSWERS = [
    ["status"], ["status", "--json"], ["history", "backup"], ["history", "backup", "--json"], ["show", "00"],
    ["summary"], ["summary", "--json"], ["check"], ["check", "--json"], ["accept", "backup", "--reason", "x"],
    ["prune", "--days", "1"],
]  # fmt: skip


@pytest.fixture
def troubled(lived: Machine) -> Machine:
    """Return a machine on which every verb has something to say."""
    lived.step(-3 * 24 * HOUR)
    for number in range(60):
        lived.end("old", boottime_s=1e6 + number, **HOURLY)
        lived.step(1)
    lived.check()
    lived.step(3 * 24 * HOUR - 60)
    lived.end(state="failed", status=1, run="0" * 26, **HOURLY)
    lived.check()
    return lived


@pytest.mark.parametrize("words", ANSWERS, ids=" ".join)
@pytest.mark.parametrize(
    ("shell", "told"), [('"$@" >/dev/full', "No space left on device"), ('"$@" >&-', "standard output is closed")]
)
def test_an_answer_that_cannot_be_written_is_one_line_and_73(
    environ: dict[str, str], troubled: Machine, words: list[str], shell: str, told: str
) -> None:
    ended = subprocess.run(
        ["sh", "-c", shell, "sh", sys.executable, "-m", "agentkit", "heartbeat", *words],
        env={**environ, "AGENTKIT_HOME": str(troubled.folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (Exit.CANNOT_WRITE, f"agentkit: error: cannot write: {told}\n")


@pytest.mark.parametrize("words", ANSWERS, ids=" ".join)
def test_a_reader_that_went_away_ends_it_as_sigpipe_would(
    environ: dict[str, str], troubled: Machine, words: list[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "agentkit", "heartbeat", *words],
        env={**environ, "AGENTKIT_HOME": str(troubled.folder)},
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (128 + signal.SIGPIPE, b"")


def test_a_check_says_what_it_found_and_ends_with_1(verb: Verb, lived: Machine) -> None:
    lived.end(state="failed", status=3, tail="no space\n", **HOURLY)
    ended = verb("check")
    assert (ended.returncode, ended.stderr) == (Exit.FINDINGS, "")
    assert ended.stdout.startswith("critical  backup failed with status 3 after 1s\n")
    [record] = read_records(verb("check", "--json").stdout, "finding")
    assert (record["type"], record["state"]) == ("failed", "firing")


def test_a_quiet_check_says_it_by_its_status(verb: Verb, lived: Machine) -> None:
    lived.end(state="failed", status=3, **HOURLY)
    ended = verb("check", "--quiet")
    assert (ended.returncode, ended.stdout, ended.stderr) == (Exit.FINDINGS, "", "")
    assert read_records(verb("check", "--quiet", "--json").stdout, "finding") != []


def test_a_check_of_what_is_well_prints_nothing(verb: Verb, lived: Machine) -> None:
    lived.end(**HOURLY)
    for words in (["check"], ["check", "--json"], ["check", "--quiet"]):
        ended = verb(*words)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_a_program_that_is_told_the_news_is_told_instead_of_cron(
    verb: Verb, look: Callable[..., Any], lived: Machine, tmp_path: Path
) -> None:
    lived.end(state="failed", status=3, **HOURLY)
    program = f"sh -c 'cat >> {tmp_path}/news'"
    ended = verb("check", "--notify", program)
    assert (ended.returncode, ended.stdout, ended.stderr) == (Exit.FINDINGS, "", "")
    [record] = read_records((tmp_path / "news").read_text(), "finding")
    assert record["type"] == "failed"
    status, shown = look("check", "--notify", program).finish()
    assert status == Exit.FINDINGS
    assert "backup failed with status 3" in shown


@pytest.mark.parametrize(
    "words", [["--notify", ""], ["--notify", "'"], ["--notify-as", "xml"], ["--ping", "example.org"], ["--ping", ""]]
)
def test_words_of_a_check_that_mean_nothing_are_refused_before_anything_is_done(
    verb: Verb, lived: Machine, words: list[str]
) -> None:
    ended = verb("check", *words)
    assert (ended.returncode, ended.stdout) == (Exit.USAGE, "")
    assert words[0] in ended.stderr
    assert not lived.folder.exists()
