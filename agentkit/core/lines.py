"""How do records travel: JSON Lines in, JSON Lines out, and what is a finding?

One object a line, UTF-8, flushed line by line. Unknown kinds and unknown keys pass through untouched.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import IO

from agentkit.core import jsonlines
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.fingerprints import fingerprint
from agentkit.core.jsonlines import (
    CRITICAL,
    INFO,
    SEVERITIES,
    WARNING,
    parse_object,
    split_lines,
    write_record,
)
from agentkit.core.times import format_instant, parse_instant

__all__ = ["CRITICAL", "INFO", "SEVERITIES", "WARNING", "Finding", "Record", "read_records", "write_record"]
Record = dict[str, object]


@dataclass(frozen=True)
class Finding:
    """Something that a person or another command should look at; instants are seconds since the epoch."""

    source: str
    type: str
    subject: str
    severity: str
    title: str
    host: str
    at: float
    key: str = ""
    state: str = "firing"
    first_seen: float | None = None
    last_seen: float | None = None
    count: int = 1
    evidence: Mapping[str, object] = field(default_factory=dict)
    cause: Mapping[str, object] | None = None
    impact: tuple[str, ...] | None = None
    # What another program wrote into the record and we know nothing of.
    extra: Mapping[str, object] = field(default_factory=dict)
    given_fingerprint: str | None = None

    @property
    def fingerprint(self) -> str:
        """Return what makes the same trouble the same finding tomorrow; one that came by pipe keeps its own."""
        return self.given_fingerprint or fingerprint(self.host, self.source, self.type, self.subject, self.key)

    def to_record(self) -> Record:
        """Return the record that travels (kind `finding`)."""
        record: Record = {
            "v": 1,
            "kind": "finding",
            "at": format_instant(self.at),
            "host": self.host,
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "key": self.key,
            "severity": self.severity,
            "state": self.state,
            "title": self.title,
            "fingerprint": self.fingerprint,
            "first_seen": format_instant(self.at if self.first_seen is None else self.first_seen),
            "last_seen": format_instant(self.at if self.last_seen is None else self.last_seen),
            "count": self.count,
            "evidence": dict(self.evidence),
        }
        if self.cause is not None:
            record["cause"] = dict(self.cause)
        if self.impact is not None:
            record["impact"] = list(self.impact)
        return {**self.extra, **record}

    @classmethod
    def from_record(cls, record: Mapping[str, object]) -> "Finding":
        """Return the finding that a record says; raises AgentkitError (bad data) naming the key that does not fit."""
        known = {spot.name for spot in fields(cls)} | {"v", "kind", "fingerprint"}
        impact = record.get("impact")
        return cls(
            source=_text(record, "source"),
            type=_text(record, "type"),
            subject=_text(record, "subject"),
            severity=_one_of(record, "severity", SEVERITIES),
            title=_text(record, "title"),
            host=_text(record, "host"),
            at=_instant(record, "at"),
            key=_text(record, "key", ""),
            state=_one_of({"state": "firing", **record}, "state", ("firing", "resolved")),
            first_seen=_instant(record, "first_seen") if "first_seen" in record else None,
            last_seen=_instant(record, "last_seen") if "last_seen" in record else None,
            count=_count(record),
            evidence=_table(record, "evidence") or {},
            cause=_table(record, "cause"),
            impact=tuple(str(subject) for subject in impact) if isinstance(impact, list) else None,
            extra={name: value for name, value in record.items() if name not in known},
            given_fingerprint=_text(record, "fingerprint", "") or None,
        )


def read_records(source: str, complain: Callable[[str], None], stream: IO[bytes] | None = None) -> Iterator[Record]:
    """Yield the records of a file, or of stdin where the source is `-`; of `stream` where somebody opened it already.

    A line that is no JSON object goes to `complain` with its number, and the others are still yielded; after the last
    one AgentkitError (bad data) is raised when there was any. Blank lines are nothing.
    """
    name = "stdin" if source == "-" else source
    faults, number = 0, 0
    for number, line in enumerate(_read_lines(source, stream), start=1):
        if line is not None and not line.strip():
            continue
        record = None if line is None else parse_object(line)
        if record is not None:
            yield record
            continue
        faults += 1
        what = f"is longer than {jsonlines.LONGEST_LINE_BYTES} bytes" if line is None else "is no JSON object"
        complain(f"{name}: line {number} {what}")
    if faults:
        raise AgentkitError(
            f"{name}: {faults} of {number} lines left out; expected one JSON object a line", status=Exit.BAD_DATA
        )


def _read_lines(source: str, given: IO[bytes] | None) -> Iterator[bytes | None]:
    """Yield the lines, and None for one that is too long."""
    stream = given
    if source == "-":
        stream = given or sys.stdin.buffer
        if stream.isatty():
            raise AgentkitError(
                "records are expected on stdin, and it is a terminal",
                hint="put a FILE behind the command, or a pipe before it",
                status=Exit.USAGE,
            )
    if stream is None:
        try:
            stream = open(source, "rb")
        except OSError as error:
            raise AgentkitError(f"{source}: cannot be read: {error.strerror}", status=Exit.BAD_DATA) from error
    try:
        yield from split_lines(stream)
    except OSError as error:
        raise AgentkitError(f"{source}: cannot be read: {error.strerror}", status=Exit.BAD_DATA) from error
    finally:
        if source != "-" and given is None:
            stream.close()


def _bad(key: str, expected: str, found: object) -> AgentkitError:
    return AgentkitError(f"finding: {key} is {found!r}; expected {expected}", status=Exit.BAD_DATA)


def _text(record: Mapping[str, object], key: str, default: str | None = None) -> str:
    value = record.get(key, default)
    if not isinstance(value, str):
        raise _bad(key, "text", value)
    return value


def _one_of(record: Mapping[str, object], key: str, allowed: tuple[str, ...]) -> str:
    value = record.get(key)
    if not isinstance(value, str) or value not in allowed:
        raise _bad(key, f"one of {', '.join(allowed)}", value)
    return value


def _instant(record: Mapping[str, object], key: str) -> float:
    value = record.get(key)
    try:
        return parse_instant(value if isinstance(value, str) else "")
    except ValueError:
        raise _bad(key, "an instant such as 2026-11-22T03:00:00.000Z", value) from None


def _count(record: Mapping[str, object]) -> int:
    value = record.get("count", 1)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _bad("count", "a whole number above 0", value)
    return value


def _table(record: Mapping[str, object], key: str) -> dict[str, object] | None:
    value = record.get(key)
    if value is not None and not isinstance(value, dict):
        raise _bad(key, "an object", value)
    return value
