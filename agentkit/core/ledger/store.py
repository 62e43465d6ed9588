"""What is an open ledger? One connection, one way to ask and one way to write."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from agentkit.core.ledger.beats import storable
from agentkit.core.ledger.faults import FAULTS, explain, explained

BUSY_LIMIT_S = 5.0
CACHE_KIB = 4096

Value = str | bytes | int | float | None


def connect(database: str, *, uri: bool = False, busy_s: float = BUSY_LIMIT_S) -> sqlite3.Connection:
    """Return a connection in autocommit mode with the settings that every connection to a ledger has."""
    connection = sqlite3.connect(database, timeout=busy_s, isolation_level=None, uri=uri, cached_statements=64)
    connection.row_factory = sqlite3.Row
    # Few commits a command, and each is something that somebody may be told (a finding resolved, a run accepted) or
    # that allows a spool file to be removed: it must survive a power cut. NORMAL would save one fsync a commit.
    connection.execute("PRAGMA synchronous = FULL")
    # Bounded: a check over ten million runs lives in 40 MiB. Dirty pages spill into the log.
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


class Ledger:
    """An open ledger; `notices` are lines that the caller prints on stderr."""

    def __init__(
        self, connection: sqlite3.Connection, path: str, door: int | None, notices: Sequence[str], *, is_writable: bool
    ) -> None:
        self._connection = connection
        self._door = door
        self.path = path
        self.notices = tuple(notices)
        self.is_writable = is_writable

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the ledger; a transaction that is still open is undone."""
        try:
            self._connection.close()
        finally:
            if self._door is not None:
                os.close(self._door)
                self._door = None

    @property
    def connection(self) -> sqlite3.Connection:
        """Return the connection itself, for what looks through the whole database."""
        return self._connection

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open."""
        return self._connection.in_transaction

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the write lock for the block: all of it happens, or none. Inside a transaction it joins that one."""
        if self._connection.in_transaction:
            yield
            return
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        finally:
            # SQLite itself has undone it after a full disk and the like.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def select(self, statement: str, values: Sequence[Value] = ()) -> Iterator[sqlite3.Row]:
        """Return the rows one by one, as the database finds them."""
        try:
            yield from self._run(statement, values)
        except FAULTS as error:
            raise explain(error, self.path) from error

    def first(self, statement: str, values: Sequence[Value] = ()) -> sqlite3.Row | None:
        """Return the first row, or None."""
        with explained(self.path):
            row: sqlite3.Row | None = self._run(statement, values).fetchone()
            return row

    def execute(self, statement: str, values: Sequence[Value] = ()) -> sqlite3.Cursor:
        """Run one statement; `lastrowid` and `rowcount` are the cursor's."""
        with explained(self.path):
            return self._run(statement, values)

    def execute_many(self, statement: str, rows: Iterable[Sequence[Value]]) -> int:
        """Run one statement for each row, in one transaction; return how many rows it touched."""
        with explained(self.path), self.transaction():
            return self._connection.executemany(statement, map(_as_utf8, rows)).rowcount

    def _run(self, statement: str, values: Sequence[Value]) -> sqlite3.Cursor:
        try:
            return self._connection.execute(statement, values)
        except UnicodeEncodeError:
            return self._connection.execute(statement, _as_utf8(values))

    def checkpoint(self) -> None:
        """Bring the log into the file, and cut both to what they need; left to the next time while somebody reads."""
        limit = self.execute("PRAGMA busy_timeout").fetchone()[0]
        # Waiting for a reader would keep all writers waiting as well.
        self.execute("PRAGMA busy_timeout = 0")
        try:
            self.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            self.execute(f"PRAGMA busy_timeout = {limit:d}")

    def copy_into(self, target: sqlite3.Connection) -> None:
        """Copy the whole ledger into another database."""
        with explained(self.path):
            self._connection.backup(target, pages=4096)


def _as_utf8(values: Sequence[Value]) -> Sequence[Value]:
    """Return the values with what UTF-8 cannot hold (a byte in the name of a file, say) written as an escape."""
    if all(not isinstance(value, str) or value.isascii() for value in values):
        return values
    return [storable(value) if isinstance(value, str) else value for value in values]
