"""What does one line of the spool say, and is it possible at all?

The spool is written by programs of several versions, and cut off by full disks: nothing in it is believed before it was
looked at. What is wrong in a record's core makes the whole record odd; what is wrong elsewhere is left out, and the
note that tells of it holds the line.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from datetime import datetime

from agentkit.core.evidence import CLOSED_STATES, STARTED
from agentkit.core.ledger.details import find_misshapen

RECORD_LIMIT_BYTES = 4 << 20
JOB_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,254}", re.ASCII)
WORD = re.compile(r"[!-~]{1,128}", re.ASCII)
HOST = re.compile(r"[!-~]{1,255}", re.ASCII)
LARGEST = (1 << 63) - 1
LAST_INSTANT = 253402300799.0  # the end of the year 9999: RFC 3339 knows no later one
INTEGERS = (
    "status", "signal", "max_rss_bytes", "blocks_in", "blocks_out", "stdout_bytes", "stdout_lines", "stderr_bytes",
    "stderr_lines", "pid", "pid_start", "pid_namespace",
)  # fmt: skip
REALS = ("duration_s", "cpu_s", "boottime_s", "timeout_s")
MEASURED = frozenset((*INTEGERS, *REALS))
SIGNED = frozenset({"status", "signal"})
# What has a column of its own, or says nothing about the run.
CORE = frozenset({"v", "kind", "at", "host", "job", "run", "attempt", "state", "started_at", "ended_at", "expect"})


class TornLineError(Exception):
    """The line is no JSON object."""


class OddRecordError(Exception):
    """The record says something impossible or unknown."""


@dataclass(slots=True)
class Beat:
    """A record of kind `beat` that was looked at."""

    job: str
    run: str
    attempt: int
    state: str
    host: str | None
    at: float
    """When it happened: the start of a `started` record, the end of a closing one."""
    started_at: float | None
    boot: str | None
    expect_text: str | None
    measured: dict[str, int | float | None]
    detail: dict[str, object]
    oddities: list[str] = field(default_factory=list)


def read_line(line: bytes) -> dict[str, object]:
    """Return the JSON object of a line; raises TornLineError."""
    try:
        # RecursionError: brackets nested without end; ValueError: also UTF-8 and numbers of thousands of digits.
        found = json.loads(line.decode(), parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise TornLineError(str(error)) from error
    if not isinstance(found, dict):
        raise TornLineError(f"a {type(found).__name__}, no object")
    return found


def read_beat(record: dict[str, object]) -> Beat:
    """Return the beat that a record holds; raises OddRecordError naming what is wrong in its core."""
    if record.get("kind") != "beat":
        raise OddRecordError(f"unknown kind {record.get('kind')!r:.80}")
    state = record.get("state")
    if not isinstance(state, str) or (state != STARTED and state not in CLOSED_STATES):
        raise OddRecordError(f"unknown state {state!r:.80}")
    job, run, attempt = record.get("job"), record.get("run"), record.get("attempt", 1)
    if not isinstance(job, str) or not JOB_NAME.fullmatch(job):
        raise OddRecordError(f"job {job!r:.80} is no name")
    if not isinstance(run, str) or not WORD.fullmatch(run):
        raise OddRecordError(f"run {run!r:.80} is no id")
    if not isinstance(attempt, int) or isinstance(attempt, bool) or not 1 <= attempt <= 1_000_000:
        raise OddRecordError(f"attempt {attempt!r:.80} is no number from 1")
    started_at = _instant(record, "started_at")
    at = started_at if state == STARTED else _instant(record, "ended_at")
    if at is None:
        at = _instant(record, "at")
    if at is None:
        raise OddRecordError("it does not say when")
    beat = Beat(job, run, attempt, state, None, at, started_at, None, None, {}, {})
    _take_measured(record, beat)
    _take_words(record, beat)
    if beat.started_at is None and state == STARTED:
        beat.started_at = at
    for name, value in record.items():
        if name not in CORE and name not in MEASURED and name != "boot" and value not in (None, "", [], {}):
            beat.detail[name] = value
    for name in find_misshapen(beat.detail):
        beat.oddities.append(f"{name} {beat.detail.pop(name)!r:.80} has another shape")
    if record.get("v", 1) != 1:
        beat.oddities.append(f"version {record['v']!r:.80}; this agentkit knows 1")
    return beat


def write_json(value: object) -> str:
    """Return compact JSON that SQLite can store: half a surrogate pair stays an escape."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        # 1e999 is JSON, but reads as infinity, which is not.
        value = json.loads(json.dumps(value), parse_constant=lambda _: None)
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if storable(text) == text else json.dumps(value, separators=(",", ":"))


def storable(text: str) -> str:
    """Return the text with what UTF-8 cannot hold written as an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def _take_measured(record: dict[str, object], beat: Beat) -> None:
    for name in INTEGERS:
        value = record.get(name)
        if value is None:
            continue
        least = -LARGEST if name in SIGNED else 0
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= LARGEST:
            beat.measured[name] = value
        else:
            beat.oddities.append(f"{name} {value!r:.80} is no integer of 64 bits" + (" from 0" if least == 0 else ""))
    for name in REALS:
        value = record.get(name)
        if value is None:
            continue
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1e15:
            beat.measured[name] = float(value)
        else:
            beat.oddities.append(f"{name} {value!r:.80} is no span of seconds")


def _take_words(record: dict[str, object], beat: Beat) -> None:
    host, boot, expect = record.get("host"), record.get("boot"), record.get("expect")
    if isinstance(host, str) and HOST.fullmatch(host):
        beat.host = host
    elif host is not None:
        beat.oddities.append(f"host {host!r:.80} is no name")
    if isinstance(boot, str) and WORD.fullmatch(boot):
        beat.boot = boot
    elif boot is not None:
        beat.oddities.append(f"boot {boot!r:.80} is no id")
    if isinstance(expect, dict):
        beat.expect_text = write_json(expect)
    elif expect is not None:
        beat.oddities.append(f"expect {expect!r:.80} is no object")


def _instant(record: dict[str, object], name: str) -> float | None:
    value = record.get(name)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        instant = math.nan if moment is None or moment.tzinfo is None else moment.timestamp()
    except (ValueError, OverflowError) as error:
        raise OddRecordError(f"{name} {value!r:.80} is no instant: {error}") from error
    if not math.isfinite(instant) or not 0 <= instant <= LAST_INSTANT:
        raise OddRecordError(f"{name} {value!r:.80} is no instant with a zone from 1970 to 9999")
    return instant
