"""How are two reports read at once, when there is a processor for each?"""

import marshal
import os
import select
import signal
import time

from agentkit.core.plainfiles import open_plain
from agentkit.ratchet.outcomes import Outcomes
from agentkit.ratchet.reports.reading import read_report

# Below this a second process costs more than it saves.
LEAST_BYTES = 2 * 1024 * 1024
# Of XML, with a byte order mark or without one.
FIRST_BYTES = (b"<", b"\xef", b"\xff", b"\xfe")
LONGEST_WAIT_S = 600.0
PIPE_BYTES = 1024 * 1024


def read_two_reports(old: str, new: str) -> tuple[Outcomes, Outcomes]:
    """Return what `read_report` says of each; a child reads the new one meanwhile where both are large.

    Raises AgentkitError (bad data) as `read_report` does. Whatever the child dies of, we then read for ourselves: it
    spares time, and decides nothing.
    """
    if not _is_worth_it(old, new):
        return read_report(old), read_report(new)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _read_as_child(new, writer)
    os.close(writer)
    try:
        first = read_report(old)
        answer = _receive(reader)
    finally:
        os.close(reader)
        # It has ended, or nobody waits for what it has to say.
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    second = _load(answer)
    return first, read_report(new) if second is None else second


def _is_worth_it(old: str, new: str) -> bool:
    """Tell whether both are large and XML: lines are read before a child is up, and text takes memory twice."""
    if len(os.sched_getaffinity(0)) < 2:
        return False
    try:
        for path in (old, new):
            with open_plain(path) as stream:
                if os.fstat(stream.fileno()).st_size < LEAST_BYTES or not stream.read(1).startswith(FIRST_BYTES):
                    return False
    except (OSError, ValueError):
        # Empty, or nothing that can be read: the reader says so better.
        return False
    return True


def _read_as_child(path: str, writer: int) -> None:
    """Read a report, write it to the pipe and end, whatever happens: nothing of the parent's may run twice."""
    try:
        raw = memoryview(marshal.dumps(read_report(path)))
        while raw:
            raw = raw[os.write(writer, raw) :]
    finally:
        os._exit(0)


def _receive(reader: int) -> bytes:
    """Return all that the child wrote; what is cut short cannot be loaded."""
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    pieces = []
    until = time.monotonic() + LONGEST_WAIT_S
    while poll.poll(max(until - time.monotonic(), 0) * 1000):
        piece = os.read(reader, PIPE_BYTES)
        if not piece:
            break
        pieces.append(piece)
    return b"".join(pieces)


def _load(raw: bytes) -> Outcomes | None:
    try:
        loaded = marshal.loads(raw)  # noqa: S302  # our own child wrote it
    except (EOFError, ValueError, TypeError):
        return None
    assert isinstance(loaded, dict)
    return loaded
