"""Whatever is wrong around a get, is there one clear line, the right status, and nothing released?"""

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agentkit.core.errors import Exit
from tests.otherusers import AS_NOBODY, NOBODY, open_to_others
from tests.vault.ownvault import OwnVault, count_granted

NAME, VALUE = "db/password", b"the value"
# What a get may load beside what the interpreter has when it starts.
HEAVY = {
    "argparse", "cryptography", "ctypes", "dataclasses", "datetime", "decimal", "enum", "filelock", "functools", "git",
    "hashlib", "inspect", "json", "logging", "pathlib", "pwd", "random", "re", "rich", "select", "shutil", "signal",
    "socket", "sqlite3", "subprocess", "tempfile", "tenacity", "threading", "tomllib", "traceback", "typer", "typing",
    "urllib",
}  # fmt: skip
# The hot verb in a process that tells what it has loaded, without the start-up files of an environment.
TELLING = """
import os, sys
sys.path[:0] = sys.argv.pop(1).split(":")
from agentkit.__main__ import main

def leave(status):
    os.write(2, " ".join(sys.modules).encode())
    really_leave(status)

really_leave, os._exit = os._exit, leave
main()
"""


@pytest.fixture
def own(tmp_path: Path) -> OwnVault:
    """Return a vault with one secret."""
    vault = OwnVault(tmp_path / "own")
    vault.set(NAME, VALUE)
    return vault


def shell(own: OwnVault, script: str, **more: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a script of sh in which `$@` is a get."""
    words = [sys.executable, "-m", "agentkit", "vault", "get", NAME, "--reason", "x"]
    return subprocess.run(
        ["sh", "-c", script, "sh", *words], env={**own.environ, **more}, stdin=subprocess.DEVNULL, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip


def test_a_get_loads_nothing_that_it_does_not_need(own: OwnVault) -> None:
    paths = ":".join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", TELLING, paths, "vault", "get", NAME, "--reason", "x"],
        env=own.environ, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == VALUE
    modules = set(done.stderr.decode().split())
    assert {"agentkit.vault.get", "agentkit.vault.log.chain", "pyrage", "_json"} <= modules
    assert HEAVY & modules == set()


@pytest.mark.parametrize("closed", ["0", "1", "2", "0 1 2"])
def test_closed_standard_streams(own: OwnVault, closed: str) -> None:
    closing = " ".join(f"{number}<&-" if number == "0" else f"{number}>&-" for number in closed.split())
    done = shell(own, f'"$@" {closing}')
    if "1" in closed:
        assert (done.returncode, done.stdout) == (Exit.CANNOT_WRITE, b"")
    else:
        assert (done.returncode, done.stdout, done.stderr) == (0, VALUE, b"")
    assert b"Traceback" not in done.stderr
    # What was opened meanwhile landed at none of them.
    assert all(VALUE not in raw for raw in own.files().values())
    own.records()


def test_an_answer_that_nobody_can_take(own: OwnVault) -> None:
    done = shell(own, '"$@" >/dev/full')
    assert done.returncode == Exit.CANNOT_WRITE
    assert done.stderr.count(b"agentkit: error:") == 1
    before = count_granted(own.records())
    done = shell(own, '{ "$@"; echo "$?" >&2; } | true')
    assert done.stderr in (b"0\n", b"141\n")
    assert count_granted(own.records()) == before + 1


def test_a_pipe_that_does_not_wait_gets_all_of_a_large_value(own: OwnVault) -> None:
    value = os.urandom(1_000_000)
    own.set(NAME, value)
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETFL, os.O_NONBLOCK)
    process = own.start("get", NAME, "--reason", "x", stdout=writing, stdin=subprocess.DEVNULL)
    os.close(writing)
    found = []
    with open(reading, "rb") as file:
        # The first piece is taken late: the pipe is full by then.
        started = threading.Event()
        started.wait(0.5)
        found.append(file.read())
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said, found) == (0, b"", [value])


def test_nothing_in_the_environment(own: OwnVault) -> None:
    bare = {"PYTHONPATH": own.environ["PYTHONPATH"]}
    words = [sys.executable, "-m", "agentkit", "vault", "get", NAME, "--reason", "x"]
    homes = {"AGENTKIT_HOME": own.environ["AGENTKIT_HOME"], "AGENTKIT_IDENTITY": own.places.identity}
    done = subprocess.run(words, env={**bare, **homes}, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, VALUE, b"")
    for more in ({}, {"HOME": ""}, {"HOME": "relative"}, {"HOME": "/nonexistent"}, {"AGENTKIT_HOME": "x" * 5000}):
        done = subprocess.run(words, env={**bare, **more}, capture_output=True, timeout=60, check=False, cwd="/")
        assert done.returncode in (Exit.UNAVAILABLE, Exit.REFUSED), done.stderr
        assert done.stderr.count(b"agentkit: error:") == 1


def test_a_users_vault_opens_for_another_user_in_one_clear_line() -> None:
    with open_to_others() as folder:
        own = OwnVault(folder / "own")
        own.set(NAME, VALUE)
        own.become_nobody()
        for path, mode in ((own.folder, 0o755), (own.folder / "home", 0o755), (own.folder / "home", 0o700)):
            path.chmod(mode)
            for words in (("get", NAME, "--reason", "x"), ("set", NAME, "--purpose", "x")):
                done = own.run(*words, stdin=b"x")
                assert (done.returncode, done.stdout) == (Exit.REFUSED, b"")
                assert done.stderr.count(b"agentkit: error:") == 1
        assert own.get(NAME) == VALUE


# Reads the memory of the process that is its argument, as a debugger of the same user would.
SPY = """
import ctypes, sys
pid = int(sys.argv[1])
def tell(what, call):
    try:
        call()
        print(what, "open")
    except OSError as error:
        print(what, error.errno)
tell("mem", lambda: open(f"/proc/{pid}/mem", "rb").close())
tell("environ", lambda: open(f"/proc/{pid}/environ", "rb").read())
tell("maps", lambda: open(f"/proc/{pid}/maps", "rb").read())
tell("fd", lambda: __import__("os").listdir(f"/proc/{pid}/fd"))
libc = ctypes.CDLL(None, use_errno=True)
print("ptrace", "open" if libc.ptrace(16, pid, 0, 0) == 0 else ctypes.get_errno())
"""


def test_another_process_of_the_same_user_cannot_read_the_memory_that_holds_a_value() -> None:
    with open_to_others() as folder:
        own = OwnVault(folder / "own")
        own.set(NAME, os.urandom(2_000_000))
        for path in [own.folder, *own.folder.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
        own.become_nobody()
        process = own.start("get", NAME, "--reason", "x")
        assert process.stdout is not None
        # With the first bytes in the pipe it holds the value, and it waits for somebody to read the rest.
        assert len(process.stdout.read(10)) == 10

        def spy(pid: int) -> dict[str, str]:
            words = [own.python, "-I", "-c", SPY, str(pid)]
            ended = subprocess.run(words, **AS_NOBODY, capture_output=True, text=True, timeout=60, check=True)
            return dict(line.split() for line in ended.stdout.splitlines())

        limits = Path(f"/proc/{process.pid}/limits").read_text()
        told = spy(process.pid)
        process.communicate(timeout=60)
        # The spy can spy: it sees what is not hardened.
        with subprocess.Popen(["sleep", "60"], **AS_NOBODY) as other:
            able = spy(other.pid)
            other.kill()
    assert able["environ"] == able["maps"] == able["mem"] == "open"
    assert set(told.values()) <= {"1", "13"}, told
    assert next(line for line in limits.splitlines() if line.startswith("Max core")).split()[4] == "0"


@pytest.mark.parametrize(
    "words", [["--reason", "x", "--reason"], ["--reason=", "--reveal"], ["--reason", "\udcff" * 501]]
)
def test_reasons_that_are_none(own: OwnVault, words: list[str]) -> None:
    done = own.run("get", NAME, *words)
    assert (done.returncode, done.stdout) == (Exit.USAGE, b"")


@pytest.mark.parametrize("reason", ["'\"\\", "two\nlines", "\x1b[31m", "\udcff\udcfe", "\U0001f511" * 500, "\x7f"])
def test_any_reason_stands_on_the_log_as_it_was_given(own: OwnVault, reason: str) -> None:
    assert own.run("get", NAME, "--reason", reason).stdout == VALUE
    assert own.records()[-1]["reason"] == reason
    assert own.segment.read_bytes().isascii()
