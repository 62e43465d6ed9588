"""Is the change of a candidate a patch that applies byte for byte, from any folder, and readable on a terminal?"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit.core.ourselves import call_ourselves
from tests.evolve.machine import Machine, copy_machine
from tests.heartbeat.terminal import Terminal

LIMIT_S = 60
# A rename, a mode, a file that holds no text, names and lines that need care, and no newline at the end.
CHANGE = (
    "git mv README 'READ ME' && chmod +x job.sh && printf '\\000\\001\\377 no text' > blob.bin && "
    "mkdir -p 'd\"ir' && printf 'a\\r\\nb' > 'd\"ir/ünï code' && "
    "printf '# \\033[31mred\\033[0m\\n++ b/x\\n' > notes && ln -s job.sh link && rm .gitignore"
)
UNLIKE_OTHERS = """
[diff]
	noprefix = true
	mnemonicPrefix = true
	external = false
	context = 0
	renames = copies
	relative = true
	submodule = log
	suppressBlankEmpty = true
	orderFile = nowhere
	wordRegex = .
[color]
	ui = always
	diff = always
[core]
	attributesFile = ATTRIBUTES
[diff "mine"]
	textconv = tr a b
	command = false
"""


def apply(machine: Machine, patch: bytes, *words: str) -> None:
    ended = subprocess.run(
        ["git", "apply", "--index", *words], cwd=machine.scripts, env=machine.environ, input=patch,
        capture_output=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr


def read_patch(machine: Machine, name: str, folder: Path, **more: str) -> bytes:
    ended = subprocess.run(
        call_ourselves("evolve", "diff", name), cwd=folder, env={**machine.environ, **more}, capture_output=True,
        timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, b"")
    return ended.stdout


@pytest.fixture
def changed(machine: Machine) -> tuple[Machine, str, str]:
    """Return a machine whose branch has a change of many kinds: (machine, id, commit)."""
    status, [record] = machine.ask("try", "--propose", CHANGE)
    assert (status, record["state"]) == (0, "accepted"), record["reason"]
    return machine, str(record["id"]), str(record["commit"])


def test_in_a_pipe_it_applies_and_makes_the_very_tree(changed: tuple[Machine, str, str], tmp_path: Path) -> None:
    machine, name, commit = changed
    patch = read_patch(machine, name, tmp_path)
    machine.git("reset", "-q", "--hard", f"{commit}~")
    apply(machine, patch)
    assert machine.git("write-tree") == machine.git("rev-parse", f"{commit}^{{tree}}")


def test_what_a_person_set_for_reading_changes_no_byte(changed: tuple[Machine, str, str], tmp_path: Path) -> None:
    machine, name, _ = changed
    patch = read_patch(machine, name[:12], tmp_path)
    (tmp_path / "attributes").write_text("* diff=mine\n")
    text = UNLIKE_OTHERS.replace("ATTRIBUTES", str(tmp_path / "attributes"))
    (machine.folder / ".gitconfig").write_text(text)
    with (machine.scripts / ".git/config").open("a") as file:
        file.write(text)
    assert read_patch(machine, name, machine.scripts, FORCE_COLOR="1", GIT_EXTERNAL_DIFF="false") == patch


def test_its_commit_is_a_name_too(changed: tuple[Machine, str, str], tmp_path: Path) -> None:
    machine, name, commit = changed
    assert read_patch(machine, commit[:10], tmp_path) == read_patch(machine, name, tmp_path)


def test_on_a_terminal_it_is_coloured_by_line_and_steers_nothing(changed: tuple[Machine, str, str]) -> None:
    machine, name, _ = changed
    seen = {}
    for colours in ({"TERM": "xterm"}, {"TERM": "xterm", "NO_COLOR": "1"}):
        terminal = Terminal(["evolve", "diff", name], {**machine.environ, **colours}, width=40)
        try:
            status, seen[len(colours)] = terminal.finish()
        finally:
            terminal.close()
        assert status == 0
    coloured, plain = seen[1], seen[2]
    assert "\x1b[32m+# \\x1b[31mred\\x1b[0m\x1b[0m\n" in coloured
    # A line of the file, and it looks like the head of one.
    assert "\x1b[32m+++ b/x\x1b[0m\n" in coloured
    assert "\x1b[1mdiff --git a/README b/READ ME\x1b[0m\n" in coloured
    assert "\x1b" not in plain
    assert "\n+# \\x1b[31mred\\x1b[0m\n" in plain
    assert "Binary files /dev/null and b/blob.bin differ\n" in plain


def _ask_for_nothing(machine: Machine) -> tuple[str, str]:
    return "abcd", "there is no candidate abcd: nothing was tried yet"


def _ask_for_another(machine: Machine) -> tuple[str, str]:
    machine.ask("try", "--propose", "true")
    return "ffffffff", "there is no candidate ffffffff"


def _ask_for_one_without_a_change(machine: Machine) -> tuple[str, str]:
    name = str(machine.ask("try", "--propose", "true")[1][0]["id"])
    return name, f"{name[:16]} has no commit: the proposer changed nothing"


def _ask_for_one_whose_repository_is_gone(machine: Machine) -> tuple[str, str]:
    name = str(machine.ask("try", "--propose", "touch new")[1][0]["id"])
    machine.scripts.rename(machine.folder / "elsewhere")
    return name, f"{machine.scripts}: no such folder"


def _ask_for_one_whose_commit_is_gone(machine: Machine) -> tuple[str, str]:
    record = machine.ask("try", "--propose", "sed -i s/saved/lost/ job.sh")[1][0]
    commit = str(record["commit"])
    (machine.scripts / ".git/objects" / commit[:2] / commit[2:]).unlink()
    return str(record["id"]), f"the commit {commit[:12]} of {str(record['id'])[:16]} is not in"


@pytest.mark.parametrize(
    "ask",
    [
        _ask_for_nothing,
        _ask_for_another,
        _ask_for_one_without_a_change,
        _ask_for_one_whose_repository_is_gone,
        _ask_for_one_whose_commit_is_gone,
    ],
)
def test_what_is_not_there_is_69_and_says_what(ask: Callable[[Machine], tuple[str, str]], machine: Machine) -> None:
    name, told = ask(machine)
    status, stdout, stderr = machine.call("evolve", "diff", name, cwd=machine.folder)
    assert (status, stdout) == (69, "")
    assert told in stderr
    assert "agentkit: hint: " in stderr or "no such folder" in stderr


def test_a_reader_that_goes_away_is_no_failure(first_machine: Machine, tmp_path: Path) -> None:
    machine = copy_machine(first_machine, tmp_path / "machine")
    status, [record] = machine.ask("try", "--propose", "head -c 3000000 /dev/urandom > blob.bin")
    assert status == 0
    words = shlex.join(call_ourselves("evolve", "diff", str(record["id"])))
    ended = subprocess.run(
        ["bash", "-c", f"{words} | head -c 10; echo \" ${{PIPESTATUS[0]}}\""], env=machine.environ, cwd=tmp_path,
        capture_output=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert ended.stdout.startswith(b"diff --git ")
    assert ended.stdout.split()[-1] in (b"0", b"141")
    assert ended.stderr == b""
