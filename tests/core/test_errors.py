"""Does a failure leave as its lines, and does saying it never hang and never fail?"""

import os
import threading

import pytest

from agentkit.core import errors
from agentkit.core.errors import EXIT_TABLE, AgentkitError, Exit, tell


def test_a_failure_is_one_line_or_two() -> None:
    assert AgentkitError("lock held").lines() == "agentkit: error: lock held\n"
    told = AgentkitError("lock held", hint="agentkit heartbeat status", status=Exit.TRY_LATER)
    assert told.lines() == "agentkit: error: lock held\nagentkit: hint: agentkit heartbeat status\n"
    assert (told.status, AgentkitError("x").status) == (75, 69)


def test_the_table_holds_every_status_once() -> None:
    statuses = {value for name, value in vars(Exit).items() if name.isupper()}
    assert {row[0] for row in EXIT_TABLE} == {"128+N" if value == 128 else str(value) for value in statuses}
    assert len(EXIT_TABLE) == len(statuses)


def say_to(descriptor: int, text: "str | bytes") -> None:
    """Call `tell` with its stderr at another descriptor."""
    kept = os.dup(2)
    os.dup2(descriptor, 2)
    try:
        tell(text)
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def test_what_is_said_arrives_whole_though_its_reader_is_slow_and_the_pipe_does_not_wait() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    heard: list[bytes] = []

    def read() -> None:
        while piece := os.read(reading, 1000):
            heard.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    say_to(writing, "é\udcff" + "x" * 300_000)
    os.close(writing)
    reader.join(60)
    os.close(reading)
    assert b"".join(heard) == "é\\udcff".encode() + b"x" * 300_000


@pytest.mark.parametrize("kind", ["nobody reads", "the reader is gone", "full", "closed for writing"])
def test_saying_something_to_nobody_neither_hangs_nor_fails(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "LONGEST_SAYING_S", 0.1)
    reading, writing = os.pipe()
    if kind == "the reader is gone":
        os.close(reading)
        reading = os.open(os.devnull, os.O_RDONLY)
    if kind in ("full", "closed for writing"):
        os.close(writing)
        path, flags = ("/dev/full", os.O_WRONLY) if kind == "full" else (os.devnull, os.O_RDONLY)
        writing = os.open(path, flags)
    try:
        say_to(writing, b"x" * 1_000_000)
    finally:
        os.close(reading)
        os.close(writing)
