"""Who has used a version of a secret since, as the audit log tells it?"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

from agentkit.vault.log.chain import LONGEST_LINE_BYTES, segment_path
from agentkit.vault.places import Places
from agentkit.vault.quickjson import encode_text

READ_BYTES = 1 << 20
# `rotate` itself opens the secret too, and that is no use of it.
USES = ("get", "exec")


@dataclass(frozen=True)
class Position:
    """A place in the log: behind this byte of this segment."""

    segment: int
    offset: int


def find_users(
    places: Places, name: str, version: int, consumers: list[str], since: Position
) -> tuple[set[str], Position]:
    """Return which of the consumers were given that version or a later one since then, and how far the log was read."""
    found: set[str] = set()
    needle = f'"name": {encode_text(name)},'.encode()
    position = since
    for line, behind in _read_lines(places, since):
        position = behind
        if needle not in line:
            continue
        try:
            record = json.loads(line)
        except ValueError:
            continue  # what a crash left; the record behind it says so
        if not isinstance(record, dict) or record.get("name") != name or record.get("op") not in USES:
            continue
        used = record.get("version")
        if record.get("outcome") == "granted" and isinstance(used, int) and used >= version:
            found.update(consumer for consumer in consumers if is_use_of(consumer, record))
    return found, position


def is_use_of(consumer: str, record: dict[str, object]) -> bool:
    """Tell whether a record is of a consumer, as `check` tells it: the program that asked, or the one it was for.

    A consumer without a slash is the name of a program, wherever it lies.
    """
    programs = [record.get("parent"), record.get("argv0")]
    return any(isinstance(one, str) and consumer in (one, os.path.basename(one)) for one in programs)


def _read_lines(places: Places, since: Position) -> Iterator[tuple[bytes, Position]]:
    """Yield each whole line behind a position, with the position behind it."""
    segment, offset = since.segment, since.offset
    while True:
        try:
            file = open(segment_path(places.audit, segment), "rb", buffering=READ_BYTES)
        except FileNotFoundError:
            return
        with file:
            file.seek(offset)
            # The line may yet be written: what has no newline is read next time.
            while (line := file.readline(2 * LONGEST_LINE_BYTES)).endswith(b"\n"):
                offset += len(line)
                yield line, Position(segment, offset)
            if line and len(line) >= 2 * LONGEST_LINE_BYTES:
                offset += len(line)  # no record of ours is so long
                continue
        segment, offset = segment + 1, 0
