"""Who asked for which secret, when, and what became of it?"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping

from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.lines import write_record
from agentkit.core.screen import Column, find_look, print_table
from agentkit.core.times import format_instant, parse_duration, parse_instant
from agentkit.vault.log.backwards import iterate_back
from agentkit.vault.log.rawline import read_record
from agentkit.vault.log.segments import Segment, take_snapshot
from agentkit.vault.log.tampered import TamperedError
from agentkit.vault.places import find_places
from agentkit.vault.quickjson import encode_text
from agentkit.vault.viewing import read_host

DEFAULT_LIMIT = 50
COLUMNS = (
    Column("record", is_right=True),
    Column("at"),
    Column("op"),
    Column("outcome"),
    Column("name"),
    Column("version", is_right=True, rank=4),
    Column("uid", is_right=True, rank=5),
    Column("program", folds=True, rank=2),
    Column("delivery", rank=3),
    Column("reason", folds=True, rank=1),
)
Record = dict[str, object]


class Wanted:
    """Which records are asked for; None stands for any. `since` is an instant."""

    __slots__ = ("name", "op", "since")

    def __init__(self, name: str | None, op: str | None, since: float | None) -> None:
        self.name = name
        self.op = op
        self.since = since

    def fits(self, record: Record) -> bool:
        """Tell whether a record is asked for."""
        return (
            self.name in (None, record.get("name"))
            and self.op in (None, record.get("op"))
            and (self.since is None or _read_instant(record) >= self.since)
        )


def print_log(
    environ: Mapping[str, str],
    *,
    name: str | None,
    op: str | None,
    since: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Print the newest records of the audit log, newest first: a line each, or records of kind `access`.

    Whether they are what was written `audit verify` tells. Raises AgentkitError: usage for a limit below 1 or a wrong
    duration, tampered where something else than a log lies there.
    """
    if limit < 1:
        raise AgentkitError(f"--limit: {limit} is no whole number above 0", status=Exit.USAGE)
    start = None if since is None else time.time() - parse_duration(since, "--since")
    places = find_places(environ)
    if not os.path.lexists(places.vault):
        raise AgentkitError(
            f"there is no vault at {places.vault}",
            hint="agentkit vault init --new-recovery FILE",
            status=Exit.UNAVAILABLE,
        )
    host = read_host(environ) if as_json else ""
    odd: list[bytes] = []
    try:
        found = _find(take_snapshot(places.audit).segments, Wanted(name, op, start), limit, odd)
        if as_json:
            for record in found:
                write_record(to_record(record, host))
        else:
            _draw(list(found), environ)
    except TamperedError as error:
        raise AgentkitError(
            f"audit log: {error.what}", hint="agentkit vault audit verify", status=Exit.TAMPERED
        ) from None
    if odd:
        lines = "1 line of the log is no record" if len(odd) == 1 else f"{len(odd)} lines of the log are no records"
        tell(f"agentkit: warning: {lines}: agentkit vault audit verify tells whether that was a crash\n")


def to_record(record: Record, host: str) -> Record:
    """Return the record that travels (kind `access`): what stands in the log, whatever that is."""
    return {"v": 1, "kind": "access", "at": format_instant(_read_instant(record)), "host": host, **_rest(record)}


def _rest(record: Record) -> Record:
    return {key: value for key, value in record.items() if key not in ("v", "kind", "at", "host")}


def _find(segments: list[Segment], wanted: Wanted, limit: int, odd: list[bytes]) -> Iterator[Record]:
    # To read JSON costs more than to look whether the text is there at all.
    marks = [encode_text(text).encode() for text in (wanted.name, wanted.op) if text is not None]
    for line in iterate_back(segments):
        if any(mark not in line for mark in marks):
            continue
        record = read_record(line)
        if record is None:
            odd.append(line[:80])
        elif wanted.fits(record):
            yield record
            limit -= 1
            if limit == 0:
                return


def _draw(records: list[Record], environ: Mapping[str, str]) -> None:
    look = find_look(sys.stdout, environ)
    rows = [
        (
            _say(record.get("seq")),
            _say_instant(record, is_local=look.width is not None),
            _say(record.get("op")),
            _say_outcome(record),
            _say(record.get("name")),
            _say(record.get("version")),
            _say(record.get("uid")),
            # Who got it: the program that `exec` ran, else the one that asked.
            _say((record.get("argv0") if record.get("op") == "exec" else record.get("parent")) or None),
            _say(record.get("delivery")),
            _say(record.get("reason")),
        )
        for record in records
    ]
    if rows:
        print_table(COLUMNS, rows, look=look)


def _say(value: object) -> str:
    return "-" if value is None else str(value)


def _say_outcome(record: Record) -> str:
    phase, outcome = record.get("phase"), record.get("outcome")
    return _say(outcome) if phase in (None, "release", "done", outcome) else f"{phase} {_say(outcome)}"


def _say_instant(record: Record, *, is_local: bool) -> str:
    instant = _read_instant(record)
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(instant)) if is_local else format_instant(instant)


def _read_instant(record: Record) -> float:
    at = record.get("at")
    try:
        return parse_instant(at) if isinstance(at, str) else 0.0
    except ValueError:
        return 0.0
