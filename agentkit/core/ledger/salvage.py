"""What can still be read of a malformed database, row by row, and around its bad pages?

A table is walked along its rowids. Where SQLite stumbles, the rest of the range is halved until the bad pages stand
alone; everything beside them is copied. Each row counts once: as taken over, or as lost.
"""

# ruff: noqa: S608  # what is put into a statement here are names of tables and columns from the schema
from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from agentkit.core.ledger.faults import FAULTS
from agentkit.core.ledger.schema import TABLES

FARTHEST = 1 << 62
# How far past the last good row to look where the end of a table cannot be read.
BLIND_ROWS = 4096
PROBE_LIMIT = 400_000
COMMIT_ROWS = 10_000
# The runs come after the jobs, whose rows tell how far the runs go. How far the spool was taken in is not taken over:
# whatever was lost and still stands in the spool comes back with the next intake.
ORDER = ("words", "jobs", *(name for name in TABLES if name not in ("words", "jobs", "spool_files")))
NAMES = {"words": "word", "jobs": "name"}


@dataclass(slots=True)
class Salvage:
    """What became of one table; `is_end_known` is false where nobody can tell how many rows there were."""

    table: str
    taken: int = 0
    lost: int = 0
    is_end_known: bool = True
    probes: int = 0


def take_over(source: sqlite3.Connection, target: sqlite3.Connection) -> list[Salvage]:
    """Copy every readable row of each table; return what became of them. The target is a fresh ledger."""
    # A flipped bit in a text is still mostly that text.
    source.text_factory = lambda found: found.decode("utf-8", "backslashreplace")
    done = []
    for table in ORDER:
        salvage = Salvage(table)
        columns = [row[1] for row in target.execute(f"PRAGMA table_info({table})")]
        target.execute("BEGIN")
        try:
            _walk(source, target, salvage, columns)
            if salvage.lost and table in NAMES:
                _take_names(source, target, table, salvage)
        finally:
            target.execute("COMMIT")
        done.append(salvage)
    return done


def _walk(source: sqlite3.Connection, target: sqlite3.Connection, salvage: Salvage, columns: Sequence[str]) -> None:
    table = salvage.table
    select = f"SELECT rowid, {', '.join(columns)} FROM {table} WHERE rowid BETWEEN ? AND ? ORDER BY rowid"
    # INSERT of the rowid too: tables without an id of their own keep their order.
    names = ["rowid", *(name for name in columns if name != "id" and (table, name) != ("learned", "job_id"))]
    places = [1 + columns.index(name) if name != "rowid" else 0 for name in names]
    insert = f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    # The widest ranges first: where half of a long table is gone, the islands in it are found before the tries run out.
    ranges = deque([(1, _find_end(source, table))])
    while ranges:
        first, last = ranges.popleft()
        reached = first - 1
        salvage.probes += 1
        try:
            for row in source.execute(select, (first, last)):
                if not reached < row[0] <= last:
                    # Pages that lead back to where the walk came from: as bad as one that cannot be read.
                    break
                reached = row[0]
                _put(target, salvage, insert, [row[place] for place in places])
            else:
                continue
        except FAULTS as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
        if reached >= last:
            continue
        if last == FARTHEST:
            salvage.is_end_known = False
            hint = target.execute("SELECT max(last_run) FROM jobs").fetchone()[0] if table == "runs" else None
            last = max(reached, hint or 0) + BLIND_ROWS
        ranges += _split(reached + 1, last, salvage)
        if reached + 1 == last:
            _put_without_detail(source, target, salvage, insert, last)


def _find_end(source: sqlite3.Connection, table: str) -> int:
    try:
        end = source.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0] or 0
    except FAULTS:
        return FARTHEST
    return end if isinstance(end, int) and 0 <= end < FARTHEST else FARTHEST


def _split(first: int, last: int, salvage: Salvage) -> list[tuple[int, int]]:
    """Return the halves of a range that could not be read; none when it is a single row, or after too many tries."""
    if first >= last or salvage.probes >= PROBE_LIMIT:
        salvage.lost += last - first + 1
        return []
    middle = (first + last) // 2
    return [(first, middle), (middle + 1, last)]


def _put(target: sqlite3.Connection, salvage: Salvage, insert: str, values: Sequence[object]) -> None:
    try:
        is_taken = target.execute(insert, values).rowcount == 1
    except sqlite3.IntegrityError:
        is_taken = False
    if is_taken:
        salvage.taken += 1
    else:
        salvage.lost += 1
    if salvage.taken % COMMIT_ROWS == 0:
        target.execute("COMMIT")
        target.execute("BEGIN")


def _put_without_detail(
    source: sqlite3.Connection, target: sqlite3.Connection, salvage: Salvage, insert: str, row_id: int
) -> None:
    """Save a run whose long detail stands on a bad page: its figures stand elsewhere."""
    if salvage.table != "runs":
        return
    wanted = insert[insert.index("(") + 1 : insert.index(")")].replace(" detail,", " NULL,")
    try:
        row = source.execute(f"SELECT {wanted} FROM runs WHERE rowid = ?", (row_id,)).fetchone()
    except FAULTS:
        return
    if row is not None:
        salvage.lost -= 1
        _put(target, salvage, insert, list(row))


def _take_names(source: sqlite3.Connection, target: sqlite3.Connection, table: str, salvage: Salvage) -> None:
    """Save names by their index, which stands on pages of its own: without its job a run is nobody's."""
    name = NAMES[table]
    more = ("first_seen_at", "0") if table == "jobs" else ("id", "id")
    insert = f"INSERT OR IGNORE INTO {table} (id, {name}, {more[0]}) VALUES (?, ?, {more[1]})"
    if table == "words":
        insert = "INSERT OR IGNORE INTO words (id, word) VALUES (?, ?)"
    for order in ("ASC", "DESC"):
        select = f"SELECT id, {name} FROM {table} INDEXED BY sqlite_autoindex_{table}_1 ORDER BY {name} {order}"
        try:
            for row in source.execute(select):
                if target.execute(insert, tuple(row)).rowcount == 1:
                    salvage.taken += 1
                    salvage.lost -= 1
        except FAULTS:
            # From the other end, up to the same bad page.
            continue
