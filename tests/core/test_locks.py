import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.locks import hold_lock

AT_ONCE = timedelta(0)
HOLD = """
import sys
from datetime import timedelta
from agentkit.core.locks import hold_lock
with hold_lock(sys.argv[1], what="the ledger", limit=timedelta(seconds=30)):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "locks" / "ledger.lock")


@pytest.fixture
def start_holder(environ: dict[str, str], path: str) -> Iterator[Callable[[], "subprocess.Popen[str]"]]:
    started = []

    def start() -> "subprocess.Popen[str]":
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLD, path],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        return holder

    yield start
    for holder in started:
        with holder:
            holder.kill()


def test_a_held_lock_names_its_holder_and_its_age(
    path: str, start_holder: Callable[[], "subprocess.Popen[str]"]
) -> None:
    holder = start_holder()
    with pytest.raises(AgentkitError) as caught, hold_lock(path, what="the ledger", limit=AT_ONCE):
        pass
    assert caught.value.status == Exit.TRY_LATER
    assert caught.value.message.startswith(f"the ledger: lock held by pid {holder.pid} for ")
    assert caught.value.hint == f"ps -fp {holder.pid}"


def test_a_lock_is_gone_with_its_killed_holder(path: str, start_holder: Callable[[], "subprocess.Popen[str]"]) -> None:
    holder = start_holder()
    holder.send_signal(signal.SIGKILL)
    holder.wait(timeout=30)
    assert json.loads(Path(path).read_bytes())["pid"] == holder.pid
    with hold_lock(path, what="the ledger", limit=AT_ONCE):
        assert json.loads(Path(path).read_bytes())["pid"] == os.getpid()


def test_whoever_waits_gets_the_lock_when_the_holder_ends(
    path: str, start_holder: Callable[[], "subprocess.Popen[str]"]
) -> None:
    holder = start_holder()
    assert holder.stdin is not None
    holder.stdin.close()
    with hold_lock(path, what="the ledger", limit=timedelta(seconds=60)):
        assert json.loads(Path(path).read_bytes())["pid"] == os.getpid()


def test_the_file_stays_the_same_file_and_names_nobody_after_release(path: str) -> None:
    with hold_lock(path, what="the ledger", limit=AT_ONCE):
        inode = os.stat(path).st_ino
        assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(path).st_ino == inode
    assert Path(path).read_bytes() == b""
    with hold_lock(path, what="the ledger", limit=AT_ONCE):
        assert os.stat(path).st_ino == inode


def test_a_hot_verbs_flock_keeps_a_slow_verb_out(path: str) -> None:
    os.makedirs(os.path.dirname(path))
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with (
            pytest.raises(AgentkitError, match="lock held by another process"),
            hold_lock(path, what="the ledger", limit=AT_ONCE),
        ):
            pass
    finally:
        os.close(descriptor)


def test_a_slow_verbs_lock_keeps_a_hot_verb_out(path: str) -> None:
    with hold_lock(path, what="the ledger", limit=AT_ONCE):
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            with pytest.raises(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(descriptor)


def test_a_lock_that_a_child_of_a_dead_holder_keeps_says_so(path: str) -> None:
    os.makedirs(os.path.dirname(path))
    gone = subprocess.Popen(["true"])
    gone.wait(timeout=30)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        namespace = os.stat("/proc/self/ns/pid").st_ino
        os.write(descriptor, json.dumps({"pid": gone.pid, "pid_start": 1, "pid_namespace": namespace}).encode())
        with (
            pytest.raises(AgentkitError, match=f"held by what pid {gone.pid} left behind"),
            hold_lock(path, what="the ledger", limit=AT_ONCE),
        ):
            pass
    finally:
        os.close(descriptor)


def test_an_error_within_the_block_gives_the_lock_back(path: str) -> None:
    with pytest.raises(ZeroDivisionError), hold_lock(path, what="the ledger", limit=AT_ONCE):
        raise ZeroDivisionError
    with hold_lock(path, what="the ledger", limit=AT_ONCE):
        pass


def test_a_place_that_takes_no_file_is_told_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("no folder")
    path = str(tmp_path / "locks" / "ledger.lock")
    with pytest.raises(AgentkitError, match="cannot be locked") as caught, hold_lock(path, what="x", limit=AT_ONCE):
        pass
    assert caught.value.status == Exit.CANNOT_WRITE
