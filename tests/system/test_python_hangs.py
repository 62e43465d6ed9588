"""Does what lint calls unbounded really hang, and does the fix that it prints end it?"""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from agentkit.depmap.lintreading import lint_paths
from tests.depmap.pylintcases.mending import mend
from tests.system.hangs import open_stage
from tests.system.pythonhangs import ENDED, HANGS, READY

# Still there after this long: it hangs. Every limit that is put in is one second.
LONG_S = 1.5
PATIENCE_S = 60.0
# How many are started at once, on machines with two cores: all of them in so many turns.
BATCHES = 5
MISTAKES = re.compile(r"^(?:Attribute|Name|Syntax|Type|UnboundLocal|Value)Error\b", re.MULTILINE)
NUMBERS = re.compile(r"\b(?:60|20|10|300|3600)\b")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    with open_stage(tmp_path_factory.mktemp("stage")) as names:
        yield names


def write_program(text: str, stage: dict[str, object], folder: Path) -> Path:
    for name, value in {**stage, "folder": folder, "READY": READY}.items():
        text = text.replace(f"{{{name}}}", str(value))
    path = folder / "main.py"
    path.write_text(text)
    return path


def mend_program(path: Path) -> None:
    """Put each fix that lint prints in the place of the call, with one second for its limit."""
    waits = [
        replace(wait, fix=NUMBERS.sub("1", wait.fix.replace("60000", "1000")))
        for wait in lint_paths([str(path)], lambda _: None)
    ]
    path.write_text(mend(path.read_text(), waits))


@contextmanager
def start(paths: dict[str, Path]) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Start programs and give them once each is about to wait; in the end all of them are ended, whatever comes."""
    with ExitStack() as stack:
        processes = {}
        for name, path in paths.items():
            processes[name] = subprocess.Popen(
                [sys.executable, str(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            stack.callback(end, processes[name])
        for process in processes.values():
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], PATIENCE_S)[0]
            assert process.stdout.readline() == b"ready\n"
        yield processes


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program with all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE_S)
    for pipe in (process.stdin, process.stdout, process.stderr):
        assert pipe is not None
        pipe.close()


def wait_for_all(processes: dict[str, subprocess.Popen[bytes]]) -> set[str]:
    """Return the names of those that are still there after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    left = set(processes)
    while left and time.monotonic() < deadline:
        left = {name for name in left if processes[name].poll() is None}
        time.sleep(0.05)
    return left


def find_mistakes(processes: dict[str, subprocess.Popen[bytes]]) -> dict[str, str]:
    """Return what those say that did not end by a limit, but because they are not written as Python wants it."""
    found = {}
    for name, process in processes.items():
        assert process.stderr is not None
        # What a program started may hold its pipe still: what there is now is all that is of it.
        os.set_blocking(process.stderr.fileno(), False)
        said = (process.stderr.read() or b"").decode()
        if MISTAKES.search(said):
            found[name] = said
    return found


@pytest.mark.parametrize("number", range(BATCHES))
def test_what_is_named_hangs_and_its_fix_ends_it(number: int, stage: dict[str, object], tmp_path: Path) -> None:
    paths = {}
    for name in list(HANGS)[number::BATCHES]:
        folder = tmp_path / name.replace(" ", "-")
        folder.mkdir()
        paths[name] = write_program(HANGS[name], stage, folder)
    waits = {name: lint_paths([str(path)], lambda _: None) for name, path in paths.items()}
    assert [name for name, found in waits.items() if not found] == []
    with start(paths) as processes:
        time.sleep(LONG_S)
        assert [name for name, process in processes.items() if process.poll() is not None] == []
    for path in paths.values():
        # One that it makes itself it makes again.
        (path.parent / "own").unlink(missing_ok=True)
        mend_program(path)
    with start(paths) as processes:
        assert wait_for_all(processes) == set()
        assert find_mistakes(processes) == {}


def test_what_is_not_named_ends_by_itself(stage: dict[str, object], tmp_path: Path) -> None:
    paths = {}
    for name, text in ENDED.items():
        folder = tmp_path / name.replace(" ", "-")
        folder.mkdir()
        paths[name] = write_program(text, stage, folder)
    assert {name: lint_paths([str(path)], lambda _: None) for name, path in paths.items()} == {
        name: [] for name in paths
    }
    with start(paths) as processes:
        assert wait_for_all(processes) == set()
        assert find_mistakes(processes) == {}
