import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit import __version__, cli
from agentkit.core.errors import EXIT_TABLE, Exit

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def shell_environ(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Return an environment in which a shell finds `agentkit` on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "agentkit"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m agentkit "$@"\n')
    script.chmod(0o755)
    return {**environ, "PATH": f"{folder}:{environ['PATH']}"}


def complete_in_bash(environ: dict[str, str], line: str) -> list[str]:
    """Return what a real bash offers behind that line, by the script that agentkit itself prints."""
    script = f"""
        eval "$(agentkit --show-completion bash)"
        COMP_WORDS=({line} '')
        [[ {line!r} == *' ' ]] || COMP_WORDS=({line})
        COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
        _agentkit_completion agentkit
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    ended = subprocess.run(
        ["bash", "--norc", "-c", script], env=environ, capture_output=True, text=True, timeout=120, check=True
    )
    assert ended.stderr == ""
    return ended.stdout.split()


def test_help_is_complete_without_opening_a_door(agentkit: Run) -> None:
    ended = agentkit("--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    # A promise is kept whole, on as many lines as it takes.
    told = " ".join(ended.stdout.split())
    for command, promise in cli.DOORS.items():
        assert f"\n  {command} " in ended.stdout
        assert f" {command} {promise} " in told
    for command in ("checkup", "schema"):
        assert f"  {command} " in ended.stdout
    for status, name, meaning in EXIT_TABLE:
        assert f"{status:<5}  {name:<14}  {meaning}\n" in ended.stdout
    assert "\x1b" not in ended.stdout


def test_help_loads_neither_a_command_nor_rich(environ: dict[str, str]) -> None:
    script = "import sys\nfrom agentkit import cli\nstatus = cli.main(['--help'])\nprint(status, *sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-S", "-c", f"import site; site.main()\n{script}"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    status, *modules = ended.stdout.splitlines()[-1].split()
    assert status == "0"
    assert {"agentkit.heartbeat", "agentkit.heartbeat.cli", "rich", "pydantic", "git"} & set(modules) == set()


@pytest.mark.parametrize("words", [["-h"], ["heartbeat", "-h"], ["heartbeat", "--help"], ["schema", "-h"]])
def test_every_help_is_plain_and_on_stdout(agentkit: Run, words: list[str]) -> None:
    ended = agentkit(*words)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("Usage: agentkit")


@pytest.mark.parametrize("words", [[], ["heartbeat"]])
def test_too_few_words_get_the_help_on_stderr(agentkit: Run, words: list[str]) -> None:
    ended = agentkit(*words)
    assert (ended.returncode, ended.stdout) == (Exit.USAGE, "")
    assert ended.stderr.startswith("Usage: agentkit")


@pytest.mark.parametrize(
    ("words", "told", "hint"),
    [
        (["--nonsense"], "no such option: --nonsense", "agentkit --help"),
        (["hertbeat"], "no such command 'hertbeat'. Did you mean 'heartbeat'?", "agentkit --help"),
        (["heartbeat", "nonsense"], "no such command 'nonsense'", "agentkit heartbeat --help"),
        (["checkup", "--jsn"], "no such option: --jsn (Possible options: --json)", "agentkit checkup --help"),
        (["schema", "a", "b"], "got unexpected extra argument(s) (b)", "agentkit schema --help"),
    ],
)
def test_wrong_words_are_two_lines_and_2(agentkit: Run, words: list[str], told: str, hint: str) -> None:
    ended = agentkit(*words)
    assert (ended.returncode, ended.stdout) == (Exit.USAGE, "")
    assert ended.stderr == f"agentkit: error: {told}\nagentkit: hint: {hint}\n"


def test_the_version_is_the_one_of_the_package(agentkit: Run) -> None:
    assert agentkit("--version").stdout == f"agentkit {__version__}\n"


def test_schema_lists_its_kinds_and_prints_each(agentkit: Run) -> None:
    kinds = agentkit("schema").stdout.split()
    assert {"beat", "common", "finding", "summary"} <= set(kinds)
    for kind in kinds:
        assert json.loads(agentkit("schema", kind).stdout)["title"] == kind


def test_an_unknown_kind_is_69_and_names_the_known_ones(agentkit: Run) -> None:
    ended = agentkit("schema", "nonsense")
    assert (ended.returncode, ended.stdout) == (Exit.UNAVAILABLE, "")
    assert "access, answer, audit, baseline, beat" in ended.stderr


def test_the_status_that_a_verb_returns_is_the_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    for status in (Exit.OK, Exit.FINDINGS):
        monkeypatch.setattr(cli.TyperGroup, "invoke", lambda *_, status=status: status)
        assert cli.main(["checkup"]) == status


@pytest.mark.parametrize(("line", "offered"), [("agentkit che", ["checkup"]), ("agentkit heartb", ["heartbeat"])])
def test_bash_completes_a_command(shell_environ: dict[str, str], line: str, offered: list[str]) -> None:
    assert complete_in_bash(shell_environ, line) == offered


def test_bash_completes_the_verbs_and_options_of_a_command(shell_environ: dict[str, str]) -> None:
    assert {"run", "mark"} <= set(complete_in_bash(shell_environ, "agentkit heartbeat "))
    assert "--every" in complete_in_bash(shell_environ, "agentkit heartbeat run --ev")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_zsh_and_fish_are_offered_the_verbs_with_their_help(environ: dict[str, str], shell: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "agentkit"],
        env={
            **environ,
            "_AGENTKIT_COMPLETE": f"complete_{shell}",
            "_TYPER_COMPLETE_ARGS": "agentkit heartbeat ru",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "run" in ended.stdout


@pytest.mark.parametrize(
    ("shell", "place"),
    [
        ("bash", ".bash_completions/agentkit.sh"),
        ("zsh", ".zfunc/_agentkit"),
        ("fish", ".config/fish/completions/agentkit.fish"),
    ],
)
def test_completion_is_installed_for_the_shell_that_is_named(
    agentkit: Run, tmp_path: Path, shell: str, place: str
) -> None:
    shown = agentkit("--show-completion", more={"SHELL": f"/bin/{shell}"})
    assert (shown.returncode, shown.stderr) == (0, "")
    ended = agentkit("--install-completion", shell)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / place).read_text().strip() == shown.stdout.strip()
    assert os.access(tmp_path / place, os.R_OK)


def test_a_shell_that_nobody_knows_is_a_usage_error(agentkit: Run) -> None:
    ended = agentkit("--show-completion", "tcsh")
    assert ended.returncode == Exit.USAGE
    assert ended.stderr.startswith("agentkit: error: ")


def test_a_terminal_without_the_letters_gets_the_answer_all_the_same(environ: dict[str, str]) -> None:
    script = """
from agentkit import checkup, cli
checkup.print_checkup = lambda *given, as_json: print("tout va tr\\xe8s bien")
cli.main(["checkup"])
"""
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={**environ, "PYTHONIOENCODING": "ascii:strict"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert ended.stdout == "tout va tr\\xe8s bien\n"
