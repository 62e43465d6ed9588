"""Which segments does the audit log have, and what are its raw lines?

Whatever lies in the place of a segment neither holds us nor notices that we looked, and no line becomes our memory.
Imported by `audit verify`, which cannot pay for much.
"""

from __future__ import annotations

import os
from _collections_abc import Iterator

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.log.loglock import lock_folder
from agentkit.vault.log.rawline import LONGEST_LINE_BYTES
from agentkit.vault.log.tampered import TamperedError

# As much as stays in the processor's cache while its lines are hashed: larger blocks take a quarter longer.
BLOCK_BYTES = 64 * 1024
SUFFIX = ".jsonl"
HEAD = "head"
MOST_HEAD_BYTES = 4096
KIND_MASK, REGULAR, FOLDER = 0o170000, 0o100000, 0o040000
KINDS = {0o120000: "a link", FOLDER: "a folder", 0o010000: "a fifo", 0o140000: "a socket", REGULAR: "a file"}


class Segment:
    """A file of the log, and how many bytes of it had been written when we looked."""

    __slots__ = ("number", "path", "size")

    def __init__(self, number: int, path: str, size: int) -> None:
        self.number = number
        self.path = path
        self.size = size


class Snapshot:
    """The log at one instant: its segments, and what audit/head said (None where it is missing)."""

    __slots__ = ("head", "segments")

    def __init__(self, head: bytes | None, segments: list[Segment]) -> None:
        self.head = head
        self.segments = segments


def take_snapshot(audit: str) -> Snapshot:
    """Return what the log is now; writers are kept out meanwhile, as far as they let us.

    Raises TamperedError where something else than a log lies there, AgentkitError where it cannot be read.
    """
    folder = _open(audit, FOLDER, os.O_DIRECTORY)
    try:
        _wait_for_writer(folder, audit)
        return Snapshot(read_small(f"{audit}/{HEAD}", MOST_HEAD_BYTES), _list_segments(audit, folder))
    finally:
        os.close(folder)


def read_blocks(segment: Segment, start: int = 0) -> Iterator[tuple[int, bytes, list[bytes], bytes]]:
    """Yield blocks of a segment: where it begins, its bytes, its whole lines (without newline) and what is left over.

    The left-over goes on in the next block, and in the last one it has no newline. One that is longer than a line may
    be ends the reading. Raises TamperedError where the segment got shorter meanwhile.
    """
    descriptor = _open(segment.path, REGULAR)
    try:
        os.lseek(descriptor, start, os.SEEK_SET)
        rest, left = b"", segment.size - start
        while left > 0 and len(rest) <= LONGEST_LINE_BYTES:
            block = _read(descriptor, min(left, BLOCK_BYTES), segment.path)
            left -= len(block)
            data = rest + block
            lines = data.split(b"\n")
            rest = lines.pop()
            yield start, data, lines, rest
            start += len(data) - len(rest)
    finally:
        os.close(descriptor)


def read_part(segment: Segment, start: int, end: int) -> bytes:
    """Return the bytes of a segment from `start` to `end`, as far as it goes."""
    descriptor = _open(segment.path, REGULAR)
    try:
        return os.pread(descriptor, max(min(end, segment.size) - start, 0), start)
    except OSError as error:
        raise _tell_unreadable(segment.path, error) from error
    finally:
        os.close(descriptor)


def read_small(path: str, most_bytes: int) -> bytes | None:
    """Return what a small file of the log holds, `most_bytes` at most; None where there is none.

    Raises TamperedError where something else than a file lies there.
    """
    if not os.path.lexists(path):
        return None
    descriptor = _open(path, REGULAR)
    try:
        return os.pread(descriptor, most_bytes, 0)
    except OSError as error:
        raise _tell_unreadable(path, error) from error
    finally:
        os.close(descriptor)


def _list_segments(audit: str, folder: int) -> list[Segment]:
    numbers = []
    for name in os.listdir(folder):
        stem = name.removesuffix(SUFFIX)
        if stem != name and stem.isascii() and stem.isdecimal():
            numbers.append(int(stem))
    segments = []
    for number in range(1, max([1, *numbers]) + 1):
        path = "%s/%06d%s" % (audit, number, SUFFIX)
        descriptor = _open(path, REGULAR)
        segments.append(Segment(number, path, os.fstat(descriptor).st_size))
        os.close(descriptor)
    if segments[0].size == 0:
        raise TamperedError(f"{segments[0].path} is empty", 0)
    return segments


def _open(path: str, kind: int, flags: int = 0) -> int:
    """Return a descriptor for reading; links, fifos and devices are not even opened."""
    try:
        _demand(os.lstat(path), kind, path)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | flags)
    except FileNotFoundError:
        raise TamperedError(f"{path} is missing") from None
    except OSError as error:
        raise _tell_unreadable(path, error) from error
    try:
        # Something else may have taken its place just now.
        _demand(os.fstat(descriptor), kind, path)
    except TamperedError:
        os.close(descriptor)
        raise
    return descriptor


def _demand(found: os.stat_result, kind: int, path: str) -> None:
    if found.st_mode & KIND_MASK != kind:
        raise TamperedError(f"{path} is {KINDS.get(found.st_mode & KIND_MASK, 'a device')}, not {KINDS[kind]}")


def _read(descriptor: int, size: int, path: str) -> bytes:
    try:
        block = os.read(descriptor, size)
    except OSError as error:
        raise _tell_unreadable(path, error) from error
    if not block:
        raise TamperedError(f"{path} got shorter while it was read")
    return block


def _wait_for_writer(descriptor: int, audit: str) -> None:
    """Keep writers out for an instant; a log that cannot be locked is read all the same."""
    try:
        lock_folder(descriptor, audit)
    except (AgentkitError, OSError):
        # Somebody sits on it, or it lies on a network file system: what is being written then looks unfinished.
        return


def _tell_unreadable(path: str, error: OSError) -> AgentkitError:
    return AgentkitError(f"{path}: cannot be read: {error.strerror}", status=Exit.UNAVAILABLE)
