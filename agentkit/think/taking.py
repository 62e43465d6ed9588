"""Which findings does an input hold: JSON Lines, or the body of an Alertmanager webhook?

Imported when nothing wakes anybody, and so `json` alone; what alerts need is imported where there are any.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import chain

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.fingerprints import fingerprint
from agentkit.core.jsonlines import LONGEST_LINE_BYTES, SEVERITIES, is_deeper, parse_object, split_lines
from agentkit.core.times import parse_instant

TYPE_CHECKING = False  # the one of typing costs an import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

    Record = dict[str, object]
    # Its number from 1, and its bytes; None where it is too long.
    Line = tuple[int, bytes | None]

TEXTS = ("source", "type", "subject", "title")
# What is nested deeper than this can be read here, and perhaps no more by who reads it with more of Python around it.
DEEPEST = 100


class Taken:
    """One finding as it came: what the inbox asks of it, and the record as text."""

    __slots__ = ("count", "fingerprint", "first_seen_at", "host", "severity", "source", "state", "subject",
                 "text", "type")  # fmt: skip

    def __init__(self, record: Record, text: str | None, now: float) -> None:
        """Raise ValueError, which names the key, where the record is no finding."""
        for name in TEXTS:
            if not isinstance(record.get(name), str) or not record[name]:
                raise ValueError(f"{name} is {_show(record.get(name))}; expected text")
        if is_deeper(record, DEEPEST):
            raise ValueError(f"it is nested more than {DEEPEST} deep")
        self.source, self.type, self.subject = [_make_whole(str(record[name])) for name in TEXTS[:3]]
        self.severity = _choose(record, "severity", None, SEVERITIES)
        self.state = _choose(record, "state", "firing", ("firing", "resolved"))
        host = record.get("host")
        self.host = _make_whole(host) if isinstance(host, str) and host else os.uname().nodename
        seen = record.get("first_seen", record.get("at"))
        try:
            self.first_seen_at = parse_instant(seen) if isinstance(seen, str) else now
        except ValueError:
            raise ValueError(f"first_seen is {_show(seen)}; expected 2026-11-22T03:00:00.000Z") from None
        count = record.get("count", 1)
        self.count = count if isinstance(count, int) and 0 < count < 2**31 else 1
        given = record.get("fingerprint")
        if isinstance(given, str) and given:
            self.fingerprint = _make_whole(given)
        else:
            key = record.get("key", "")
            self.fingerprint = fingerprint(
                self.host, self.source, self.type, self.subject, key if isinstance(key, str) else ""
            )
        self.text = json.dumps({**record, "fingerprint": self.fingerprint}) if text is None or not given else text


class Input:
    """What was read: findings and records of other kinds in their order; `faults` counts what was left out."""

    def __init__(self, now: float, complain: Callable[[str], None], name: str) -> None:
        self.findings: list[Taken] = []
        self.others: list[str] = []
        self.faults = 0
        self._now = now
        self._complain = complain
        self._name = name

    def leave_out(self, number: int, why: str) -> None:
        """Count and tell a line that is of no use."""
        self.faults += 1
        self._complain(f"{self._name}: line {number} {why}")

    def add(self, record: object, text: str | None, number: int) -> None:
        """Take what a line held."""
        if not isinstance(record, dict):
            self.leave_out(number, "is no JSON object")
        elif isinstance(record.get("alerts"), list) and "kind" not in record:
            from agentkit.think.alerts import to_findings

            for alert in to_findings(record):
                self._take(alert, None, number)
        elif record.get("kind") == "finding":
            self._take(record, text, number)
        elif text is not None:
            self.others.append(text)

    def _take(self, record: Record, text: str | None, number: int) -> None:
        try:
            self.findings.append(Taken(record, text, self._now))
        except ValueError as error:
            self.leave_out(number, f"is no finding: {error}")


def read_input(source: str, now: float, complain: Callable[[str], None]) -> Input:
    """Return what a file, or stdin where the source is `-`, holds; from a terminal nothing is expected.

    Lines that are of no use go to `complain` with their number, and the others are taken all the same. Raises
    AgentkitError (bad data) for a file that cannot be read.
    """
    found = Input(now, complain, "stdin" if source == "-" else source)
    if source == "-":
        if sys.stdin is not None and not sys.stdin.isatty():
            _read(sys.stdin.buffer, found)
        return found
    try:
        file = open(source, "rb", opener=_open_at_once)
    except OSError as error:
        raise AgentkitError(f"{source}: cannot be read: {error.strerror}", status=Exit.BAD_DATA) from error
    with file:
        _read(file, found)
    return found


def _open_at_once(path: str, flags: int) -> int:
    # A named pipe to which nobody writes is at its end, and does not hold us; one with a writer is waited for.
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)
    return descriptor


def _read(stream: IO[bytes], found: Input) -> None:
    lines = _number_lines(stream, found)
    first = next((each for each in lines if each[1] is None or each[1].strip()), None)
    if first is None:
        return
    begun = [first]
    if first[1] is not None and first[1].lstrip().startswith(b"{") and parse_object(first[1]) is None:
        # The body of a webhook that was printed for people: one object over many lines.
        body = _gather(begun, lines)
        record = None if body is None else parse_object(body)
        if record is not None:
            found.add(record, json.dumps(record), first[0])
            return
    for number, line in chain(begun, lines):
        if line is None:
            found.leave_out(number, f"is longer than {LONGEST_LINE_BYTES} bytes")
        elif line.strip():
            found.add(parse_object(line), line.decode("utf-8", "replace").strip(), number)


def _gather(begun: list[Line], lines: Iterator[Line]) -> bytes | None:
    """Move lines to those that begun, and return all of them; None where that is too much for one object."""
    size = len(begun[0][1] or b"")
    for each in lines:
        begun.append(each)
        size += len(each[1] or b"")
        if each[1] is None or size > LONGEST_LINE_BYTES:
            return None
    return b"".join(line or b"" for _, line in begun)


def _number_lines(stream: IO[bytes], found: Input) -> Iterator[Line]:
    """Yield the lines with their numbers; what comes after a failure is a fault."""
    number = 0
    try:
        for line in split_lines(stream):
            number += 1
            yield number, line
    except OSError as error:
        # What was read until then is taken all the same.
        found.leave_out(number + 1, f"cannot be read: {error.strerror}")


def _make_whole(text: str) -> str:
    # Half of a letter can be written in JSON, and nowhere else.
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _choose(record: Record, key: str, default: str | None, allowed: tuple[str, ...]) -> str:
    value = record.get(key, default)
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{key} is {_show(value)}; expected one of {', '.join(allowed)}")
    return value


def _show(value: object) -> str:
    return "missing" if value is None else repr(value)[:60]
