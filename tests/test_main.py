import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit import __main__ as entry
from agentkit import failure
from agentkit.core.errors import AgentkitError, Exit

Run = Callable[..., "subprocess.CompletedProcess[str]"]
# What `heartbeat run` must not load on its way: each costs a cron line more than all of its work.
HEAVY = {
    "argparse", "ctypes", "dataclasses", "enum", "filelock", "git", "hashlib", "json", "logging", "pathlib", "re",
    "rich", "shutil", "signal", "socket", "sqlite3", "subprocess", "tempfile", "tenacity", "tomllib", "typer", "typing",
}  # fmt: skip


def start(words: list[str], environ: dict[str, str], shell: str = '"$@"') -> "subprocess.CompletedProcess[str]":
    """Run `agentkit WORDS…` from a shell, so that redirections and closed descriptors are real ones."""
    return subprocess.run(
        ["sh", "-c", shell, "sh", sys.executable, "-m", "agentkit", *words],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def fail_with(monkeypatch: pytest.MonkeyPatch, own_environ: dict[str, str]) -> Callable[[BaseException], int]:
    def fail(error: BaseException) -> int:
        def dispatch(argv: list[str]) -> int:
            raise error

        monkeypatch.setattr(entry, "_dispatch", dispatch)
        return entry.main()

    return fail


def test_an_error_is_two_lines_and_its_status(
    fail_with: Callable[[BaseException], int], capfd: pytest.CaptureFixture[str]
) -> None:
    assert fail_with(AgentkitError("no room", hint="make some", status=Exit.CANNOT_WRITE)) == Exit.CANNOT_WRITE
    assert capfd.readouterr() == ("", "agentkit: error: no room\nagentkit: hint: make some\n")


def test_an_error_stays_two_lines_whatever_stands_in_it(
    fail_with: Callable[[BaseException], int], capfd: pytest.CaptureFixture[str]
) -> None:
    fail_with(AgentkitError("a\nb\x1b[2J", hint="c\x07\nd"))
    assert capfd.readouterr().err == "agentkit: error: a\\nb\\x1b[2J\nagentkit: hint: c\\x07\\nd\n"


def test_a_bug_leaves_its_traceback_in_a_private_file_and_not_on_stderr(
    fail_with: Callable[[BaseException], int], capfd: pytest.CaptureFixture[str], home: Path
) -> None:
    assert fail_with(KeyError("the words of the error")) == Exit.INTERNAL
    told = capfd.readouterr().err
    assert "Traceback" not in told
    assert "the words of the error" not in told
    [file] = (home / "bugs").iterdir()
    assert told.splitlines()[1] == f"agentkit: hint: the traceback is in {file}"
    assert "KeyError: 'the words of the error'" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o777 == 0o700


def test_the_same_bug_again_takes_no_more_room(
    fail_with: Callable[[BaseException], int], home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        fail_with(KeyError("x"))
    assert len(list((home / "bugs").iterdir())) == 1


def test_a_bug_goes_to_the_next_place_when_the_state_folder_takes_nothing(
    fail_with: Callable[[BaseException], int],
    home: Path,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home.write_text("no folder")
    monkeypatch.setattr(failure, "spool_places", lambda _: [str(home), str(tmp_path / "second")])
    assert fail_with(ValueError("x")) == Exit.INTERNAL
    assert str(tmp_path / "second" / "bugs") in capfd.readouterr().err


def test_a_bug_whose_traceback_fits_nowhere_says_so(
    fail_with: Callable[[BaseException], int],
    home: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home.write_text("no folder")
    monkeypatch.setattr(failure, "spool_places", lambda _: [str(home)])
    assert fail_with(ValueError("x")) == Exit.INTERNAL
    assert "could be written nowhere" in capfd.readouterr().err


def test_a_full_disk_is_no_bug(
    fail_with: Callable[[BaseException], int], capfd: pytest.CaptureFixture[str], home: Path
) -> None:
    assert fail_with(OSError(28, "No space left on device", "/data/x")) == Exit.CANNOT_WRITE
    assert capfd.readouterr().err == "agentkit: error: cannot write /data/x: No space left on device\n"
    assert not home.exists()


def test_a_broken_pipe_of_somebody_else_is_a_bug(
    fail_with: Callable[[BaseException], int], capfd: pytest.CaptureFixture[str]
) -> None:
    assert fail_with(BrokenPipeError(32, "Broken pipe")) == Exit.INTERNAL
    assert "BrokenPipeError" in capfd.readouterr().err


def test_elsewhere_than_on_linux_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert entry.main() == Exit.UNAVAILABLE
    assert capfd.readouterr().err == "agentkit: error: agentkit runs on Linux only, and this is darwin\n"


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["schema"], ["schema", "finding"], ["checkup"]])
@pytest.mark.parametrize(
    ("shell", "told"), [('"$@" >/dev/full', "No space left on device"), ('"$@" >&-', "standard output is closed")]
)
def test_an_answer_that_cannot_be_written_is_one_line_and_73(
    environ: dict[str, str], words: list[str], shell: str, told: str
) -> None:
    ended = start(words, environ, shell)
    assert (ended.returncode, ended.stderr) == (Exit.CANNOT_WRITE, f"agentkit: error: cannot write: {told}\n")


@pytest.mark.parametrize("words", [["--help"], ["schema", "beat"], ["checkup", "--json"]])
def test_a_reader_that_went_away_ends_it_as_sigpipe_would(environ: dict[str, str], words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "agentkit", *words],
        env=environ,
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (128 + signal.SIGPIPE, b"")


@pytest.mark.parametrize("shell", ['"$@" <&- >&- 2>&-', '"$@" <&-', '"$@" 2>&-', '"$@" 2>/dev/full', '"$@" <&- 2>&-'])
def test_closed_descriptors_end_nothing_in_a_traceback(environ: dict[str, str], shell: str) -> None:
    ended = start(["nonsense"], environ, shell)
    assert ended.returncode == Exit.USAGE
    assert "Traceback" not in ended.stderr


def test_an_empty_environment_and_no_home_are_enough(environ: dict[str, str]) -> None:
    ended = start(["--version"], environ, f'exec env -i PYTHONPATH="{environ["PYTHONPATH"]}" "$@"')
    assert (ended.returncode, ended.stderr) == (0, "")


def test_ctrl_c_is_130_and_quiet(fail_with: Callable[[BaseException], int], capfd: pytest.CaptureFixture[str]) -> None:
    assert fail_with(KeyboardInterrupt()) == 130
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("words", "asks"),
    [
        (["--help"], True),
        (["x", "-h"], True),
        (["x", "--", "ls", "--help"], False),
        (["x", "--every", "1h", "--", "ls", "-h"], False),
        (["x", "ls"], False),
    ],
)
def test_what_stands_behind_the_two_dashes_is_the_programs_own(words: list[str], asks: bool) -> None:
    assert entry._asks_for_help(["agentkit", "heartbeat", "run", *words]) is asks


def test_a_hot_verb_loads_nothing_heavy(environ: dict[str, str], tmp_path: Path) -> None:
    script = """
import os, sys
from agentkit.__main__ import main

def leave(status):
    print(status, *sys.modules, flush=True)
    really_leave(status)

really_leave, os._exit = os._exit, leave
sys.argv = ["agentkit", "heartbeat", "run", "x", "--", "true"]
main()
"""
    # -S: what the startup files of an environment load is not ours to answer for.
    ended = subprocess.run(
        [sys.executable, "-S", "-c", script], env=environ, capture_output=True, text=True, timeout=120, check=True
    )
    status, *modules = ended.stdout.split()
    assert status == "0"
    assert HEAVY & set(modules) == set()


def test_on_a_terminal_a_bug_is_still_no_traceback(environ: dict[str, str], tmp_path: Path) -> None:
    leader, terminal = pty.openpty()
    script = "from agentkit import __main__, cli\ncli.main = lambda words: 1 / 0\nraise SystemExit(__main__.main())"
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environ, stdout=terminal, stderr=terminal, timeout=120, check=False
    )
    os.close(terminal)
    told = os.read(leader, 65536).decode()
    os.close(leader)
    assert ended.returncode == Exit.INTERNAL
    assert told.startswith("agentkit: error: this is a bug in agentkit: ZeroDivisionError at ")
