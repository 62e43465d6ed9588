"""Do the program's bytes pass through `--tee` as they came, whoever reads them?"""

import hashlib
import os
import pty
import random
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.heartbeat.jobs import LIMIT_S, Job, wait_for

MIB = 1 << 20
# Writes what a file holds, in pieces whose sizes a seed draws, by turns to stdout and stderr.
WRITER = """
import os, random, sys
choices = random.Random(int(sys.argv[3]))
rest = {1: memoryview(open(sys.argv[1], "rb").read()), 2: memoryview(open(sys.argv[2], "rb").read())}
while rest:
    number = choices.choice(sorted(rest))
    size = choices.choice((1, 7, 4096, 4097, 65536, 200_000))
    sent = os.write(number, rest[number][:size])
    rest[number] = rest[number][sent:]
    if not rest[number]:
        del rest[number]
"""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"no newline at the end", b"\0\xff\xfe\n\r\x1b[31m\0", b"\n\n", b"x" * 65536, b"y" * 65537]
)
def test_stdout_and_stderr_pass_byte_for_byte(job: Job, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "content").write_bytes(content)
    ended = job.run("x", "--tee", "--", "sh", "-c", f"cat '{tmp_path}/content'; cat '{tmp_path}/content' >&2")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, content, content)
    closing = job.last()
    lines = content.count(b"\n") + (not content.endswith(b"\n") and content != b"")
    assert (closing["stdout_bytes"], closing["stdout_lines"]) == (len(content), lines)
    assert closing["output_sha256"] == sha256(content)


def test_much_output_of_both_kinds_passes_in_pieces_of_any_size(job: Job, tmp_path: Path) -> None:
    choices = random.Random(7)
    out, err = choices.randbytes(40 * MIB), choices.randbytes(10 * MIB)
    (tmp_path / "out").write_bytes(out)
    (tmp_path / "err").write_bytes(err)
    writer = [sys.executable, "-c", WRITER, str(tmp_path / "out"), str(tmp_path / "err"), "7"]
    ended = job.run("x", "--tee", "--", *writer)
    assert (ended.returncode, ended.stdout == out, ended.stderr == err) == (0, True, True)
    closing = job.last()
    assert (closing["stdout_bytes"], closing["stderr_bytes"]) == (len(out), len(err))
    assert closing["output_sha256"] == sha256(out[: 16 * MIB] + str(len(out)).encode())


def test_stdin_and_stdout_are_the_programs_own_at_once(job: Job) -> None:
    content = os.urandom(5 * MIB)
    ended = job.run("x", "--tee", "--", "cat", input=content)
    assert (ended.returncode, ended.stdout == content) == (0, True)


def test_a_reader_that_rests_gets_everything_in_the_end(job: Job) -> None:
    process = job.start("x", "--tee", "--", "sh", "-c", "seq 200000; seq 200000 >&2", stdout=subprocess.PIPE)
    time.sleep(0.5)
    heard: dict[str, bytes] = {}
    readers = [
        threading.Thread(target=lambda name=name, pipe=pipe: heard.__setitem__(name, pipe.read()))
        for name, pipe in (("out", process.stdout), ("err", process.stderr))
    ]
    for reader in readers:
        reader.start()
        time.sleep(0.2)
    for reader in readers:
        reader.join(LIMIT_S)
    expected = "".join(f"{number}\n" for number in range(1, 200001)).encode()
    assert (process.wait(LIMIT_S), heard["out"] == expected, heard["err"] == expected) == (0, True, True)


def test_a_resting_reader_slows_the_program_down_and_costs_nothing(job: Job, tmp_path: Path) -> None:
    script = f"yes | head -c 50000000; : > '{tmp_path}/done'"
    process = job.start("x", "--tee", "--", "sh", "-c", script, stdout=subprocess.PIPE)
    job.await_start()

    def look_often() -> str:
        states = ""
        for _ in range(20):
            states += Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
            time.sleep(0.005)
        return states

    # As soon as the pipe is full it sleeps; a loop that spins would be seen running for ever.
    wait_for(lambda: look_often() == "S" * 20)
    assert (tmp_path / "done").exists() is False
    assert process.stdout is not None
    assert len(process.stdout.read()) == 50_000_000
    assert process.wait(LIMIT_S) == 0


def test_a_reader_that_goes_away_ends_the_program_by_sigpipe_as_without_us(job: Job) -> None:
    process = job.start("x", "--tee", "--", "yes", stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.read(100_000).startswith(b"y\ny\n")
    process.stdout.close()
    assert process.wait(LIMIT_S) == 128 + signal.SIGPIPE
    assert (job.last()["state"], job.last()["signal"]) == ("failed", signal.SIGPIPE)


def test_a_reader_that_goes_away_while_it_is_waited_for_ends_the_program_too(job: Job) -> None:
    process = job.start("x", "--tee", "--", "yes", stdout=subprocess.PIPE)
    job.await_start()
    time.sleep(0.5)  # the pipe is full by now, and the wrapper waits for room
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(LIMIT_S) == 128 + signal.SIGPIPE


def test_a_full_device_fails_the_run_and_lets_the_job_finish(job: Job, tmp_path: Path) -> None:
    script = f"seq 100000; seq 100000; : > '{tmp_path}/done'"
    with open("/dev/full", "wb") as full:
        ended = job.run("x", "--tee", "--", "sh", "-c", script, capture_output=False, stdout=full, stderr=-1)
    assert (ended.returncode, (tmp_path / "done").exists()) == (73, True)
    assert b"its output could not be passed on: No space left on device" in ended.stderr
    assert job.last()["undelivered"] == "No space left on device"
    assert job.last()["stdout_lines"] == 200_000


def test_a_closed_stdout_fails_the_run_and_lets_the_job_finish(job: Job, tmp_path: Path) -> None:
    ended = job.run(
        *("x", "--tee", "--", "sh", "-c", f"seq 1000; : > '{tmp_path}/done'"),
        before=("sh", "-c", 'exec "$@" >&-', "sh"),
    )
    assert (ended.returncode, (tmp_path / "done").exists()) == (73, True)
    assert job.last()["undelivered"] == "Bad file descriptor"


def test_a_file_that_others_append_to_loses_nothing(job: Job, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    with path.open("ab") as log:
        job.run("x", "--tee", "--", "sh", "-c", f"echo one; echo two >> '{path}'; echo three", stdout=log, stderr=log,
                capture_output=False)  # fmt: skip
    assert sorted(path.read_text().split()) == ["before", "one", "three", "two"]


def test_one_file_for_both_keeps_every_byte(job: Job, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        job.run("x", "--tee", "--", "sh", "-c", "seq 5000; seq 5000 >&2", stdout=log, stderr=log, capture_output=False)
    lines = (tmp_path / "log").read_text().split()
    assert sorted(map(int, lines)) == sorted([*range(1, 5001)] * 2)


def test_a_socket_takes_everything(job: Job) -> None:
    import socket

    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = job.start("x", "--tee", "--", "seq", "300000", stdout=theirs.fileno())
        theirs.close()
        time.sleep(0.3)
        heard = b""
        while piece := ours.recv(65536):
            heard += piece
    assert (process.wait(LIMIT_S), len(heard)) == (0, sum(len(f"{number}\n") for number in range(1, 300001)))


def test_a_terminal_takes_everything(job: Job) -> None:
    ours, theirs = pty.openpty()
    process = job.start("x", "--tee", "--", "seq", "30000", stdout=theirs)
    os.close(theirs)
    heard = b""
    while select.select([ours], [], [], LIMIT_S)[0]:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break  # EIO: the other end is closed
        heard += piece
    os.close(ours)
    assert (process.wait(LIMIT_S), heard.split()) == (0, [b"%d" % number for number in range(1, 30001)])


@pytest.mark.parametrize("kind", ["pipe", "terminal", "socket"])
def test_the_time_limit_holds_though_nobody_reads(job: Job, kind: str) -> None:
    import socket

    if kind == "socket":
        ends = [end.detach() for end in socket.socketpair()]
    else:
        ends = list(pty.openpty() if kind == "terminal" else os.pipe())
    process = job.start("x", "--tee", "--timeout", "1s", "--kill-after", "0s", "--", "yes", stdout=ends[1])
    try:
        assert process.wait(LIMIT_S) == 124
    finally:
        for end in ends:
            os.close(end)
    assert job.last()["state"] == "timeout"


def test_being_asked_to_end_ends_the_wait_for_a_reader(job: Job) -> None:
    process = job.start("x", "--tee", "--", "sh", "-c", "head -c 100000 /dev/zero", stdout=subprocess.PIPE)
    job.await_start()
    wait_for(lambda: not Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())
    time.sleep(0.2)
    process.terminate()
    assert process.wait(LIMIT_S) == 73
    assert job.last()["undelivered"] == "its reader took nothing more"


def test_descriptors_of_the_caller_stay_as_they_were(job: Job) -> None:
    reading, writing = os.pipe()
    job.run("x", "--tee", "--", "echo", "hello", stdout=writing, capture_output=False)
    assert (os.get_blocking(writing), os.read(reading, 100)) == (True, b"hello\n")
    os.close(reading)
    os.close(writing)


def test_a_gigabyte_goes_through_a_small_process(job: Job) -> None:
    process = job.start("x", "--tee", "--", "head", "-c", str(1 << 30), "/dev/zero", stdout=subprocess.PIPE)
    assert process.stdout is not None
    heard = peak = 0
    while piece := process.stdout.read(4 * MIB):
        heard += len(piece)
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = max([peak, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))])
    assert (process.wait(LIMIT_S), heard) == (0, 1 << 30)
    assert 0 < peak < 32 * 1024
    assert job.last()["stdout_bytes"] == 1 << 30
