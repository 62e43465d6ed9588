"""What does `think` remember, and how is it opened?

One file of SQLite: the inbox, what runbooks did, each call of a model with what it was allowed to cost, the journal.
Imported when nothing wakes anybody: nothing but `sqlite3` here.
"""

from __future__ import annotations

import os
import sqlite3

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.paths import state_folder

TYPE_CHECKING = False  # the one of typing costs an import
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Value = str | float | bytes | None
    Row = tuple[Value, ...]

NAME = "think.db"
VERSION = 1
APPLICATION_ID = 0x74686E6B  # "thnk"
# A crowd of wakes on a slow disk takes turns; what cannot be stored has nowhere else to wait.
BUSY_LIMIT_S = 60.0
# A flipped bit in the name of a column or in SQLite's own words about it is no sqlite3.Error.
FAULTS = (sqlite3.Error, UnicodeDecodeError)

# `waits`: 1 while nobody has dealt with it. `episode` counts how often it fired anew after it was gone. `claim` names
# the process that deals with it, `teller` the one that made a decision and tells it. Money is in nanodollars; `cost`
# and `tokens` of a call are what was reserved for it until it is settled, so that one sum tells what may have been
# spent.
TABLES = {
    "findings": "fingerprint TEXT PRIMARY KEY, host TEXT, source TEXT, type TEXT, subject TEXT, severity TEXT, "
    "state TEXT, record TEXT, group_key TEXT, episode INTEGER, first_seen_at REAL, last_seen_at REAL, count INTEGER, "
    "waits INTEGER, waiting_since REAL, waiting_for TEXT, not_before REAL, handled_at REAL, handled_by TEXT, "
    "claim TEXT",
    "groups": "key TEXT PRIMARY KEY, thought_at REAL",
    "runs": "id INTEGER PRIMARY KEY, at REAL, runbook TEXT, fingerprint TEXT, episode INTEGER, chosen_by TEXT, "
    "state TEXT, status INTEGER, tail TEXT, duration_s REAL, pid INTEGER, pid_start INTEGER, boot TEXT, "
    "UNIQUE (fingerprint, episode, runbook, chosen_by)",
    "calls": "id INTEGER PRIMARY KEY, at REAL, settled_at REAL, provider TEXT, model TEXT, purpose TEXT, state TEXT, "
    "reserved_cost INTEGER, cost INTEGER, reserved_tokens INTEGER, tokens INTEGER, outcome TEXT",
    "providers": "name TEXT PRIMARY KEY, state TEXT, step INTEGER, open_until REAL, not_before REAL, last_error TEXT, "
    "last_error_at REAL, last_ok_at REAL, digest TEXT, probe TEXT",
    "journal": "id TEXT PRIMARY KEY, at REAL, purpose TEXT, group_key TEXT, provider TEXT, model TEXT, prompt TEXT, "
    "answer TEXT, trouble TEXT, call INTEGER, cost INTEGER, tokens INTEGER",
    "decisions": "id TEXT PRIMARY KEY, at REAL, group_key TEXT, record TEXT, teller TEXT, printed_at REAL",
    "meta": "name TEXT PRIMARY KEY, value TEXT",
}
INDEXES = {
    "findings_waiting": "findings (waits, state)",
    "findings_by_subject": "findings (subject, host) WHERE state = 'firing' AND severity = 'critical'",
    "findings_by_group": "findings (group_key)",
    "runs_by_runbook": "runs (runbook, at)",
    "calls_by_time": "calls (at)",
    "decisions_unprinted": "decisions (at) WHERE printed_at IS NULL",
    "decisions_by_group": "decisions (group_key, at)",
}


class Store:
    """The open file; a failure of SQLite inside its `with` becomes an AgentkitError that says what to do."""

    __slots__ = ("connection", "path")

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self.connection = connection
        self.path = path

    def __enter__(self) -> Store:  # noqa: PYI034  # typing costs a start more than the inbox
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if isinstance(error, FAULTS):
                raise explain(error, self.path) from error
        finally:
            self.connection.close()

    def transaction(self) -> Transaction:
        """Return a context in which all is written or nothing is; nobody else writes meanwhile."""
        return Transaction(self.connection)

    def select(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """Return all rows."""
        return self.connection.execute(sql, values).fetchall()

    def first(self, sql: str, values: Sequence[Value] = ()) -> Row | None:
        """Return the first row, None where there is none."""
        row: Row | None = self.connection.execute(sql, values).fetchone()
        return row

    def execute(self, sql: str, values: Sequence[Value] = ()) -> sqlite3.Cursor:
        """Run one statement; outside a transaction it is one of its own."""
        return self.connection.execute(sql, values)

    def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run one statement for each row; outside a transaction all of them are one."""
        with self.transaction():
            self.connection.executemany(sql, rows)


class Transaction:
    """All or nothing, begun at once as a writer: one that read first could find that somebody wrote meanwhile.

    One within another is a part of that.
    """

    __slots__ = ("connection", "is_inner")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.is_inner = connection.in_transaction

    def __enter__(self) -> None:
        if not self.is_inner:
            self.connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self.is_inner:
            return
        if error is None:
            self.connection.execute("COMMIT")
        elif self.connection.in_transaction:
            self.connection.execute("ROLLBACK")


def open_store(environ: Mapping[str, str]) -> Store:
    """Return the store of this state folder, made where it is missing (folder 0700, file 0600).

    Raises AgentkitError: bad data (it is malformed), configuration (a newer program wrote it), try later (locked),
    cannot write.
    """
    folder = state_folder(environ)
    path = f"{folder}/{NAME}"
    connection = None
    try:
        try:
            os.makedirs(folder, 0o700, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600))
        except OSError as error:
            raise AgentkitError(f"inbox {path}: {error.strerror}", status=Exit.CANNOT_WRITE) from error
        connection = sqlite3.connect(path, timeout=BUSY_LIMIT_S, isolation_level=None)
        # A crash of the machine must not undo a reservation whose call was made (https://sqlite.org/pragma.html).
        connection.execute("PRAGMA synchronous = EXTRA")
        # KiB, and no more than is needed: with the usual 2 MiB, ten thousand findings are read again and again.
        connection.execute("PRAGMA cache_size = -32768")
        connection.execute("PRAGMA temp_store = MEMORY")
        _check(connection, path)
        return Store(connection, path)
    except BaseException as error:  # Ctrl-C, too, leaves no connection open
        if connection is not None:
            connection.close()
        if isinstance(error, FAULTS):
            raise explain(error, path) from error
        raise


def _check(connection: sqlite3.Connection, path: str) -> None:
    """Make the tables where the file is empty, and leave alone what is not ours."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        with Transaction(connection):
            # Somebody else may have made them while we waited.
            if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                for name, columns in TABLES.items():
                    connection.execute(f"CREATE TABLE {name} ({columns})")
                for name, columns in INDEXES.items():
                    connection.execute(f"CREATE INDEX {name} ON {columns}")
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {VERSION}")
        try:
            # A commit waits for the disk once instead of four times, and who only looks waits for nobody.
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            pass  # somebody else has it open; it works as well without, and more slowly
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise _malformed(path, "it is no inbox")
    if version > VERSION:
        raise AgentkitError(
            f"inbox {path} has version {version}; this agentkit knows up to {VERSION}",
            hint="install the newer agentkit again; nothing was touched",
            status=Exit.CONFIGURATION,
        )


def explain(error: BaseException, path: str) -> AgentkitError:
    """Return what a person can act on for a failure of SQLite."""
    # The code of the library tells more than the class (https://www.sqlite.org/rescode.html).
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return AgentkitError(
            f"inbox {path} is held by others for {BUSY_LIMIT_S:.0f}s", hint="try again", status=Exit.TRY_LATER
        )
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return AgentkitError(f"inbox {path} cannot be written: {error}", status=Exit.CANNOT_WRITE)
    return _malformed(path, str(error))


def _malformed(path: str, why: str) -> AgentkitError:
    return AgentkitError(
        f"inbox {path} is malformed: {why}",
        hint="what was spent stands in it, so none is made in its place: move it away, or put back a backup of it",
        status=Exit.BAD_DATA,
    )
