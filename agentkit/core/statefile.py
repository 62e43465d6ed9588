"""How does a command keep a state of its own in one file of SQLite: made, opened, written all or nothing?

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

# A crowd on a slow disk takes turns; what cannot be stored has nowhere else to wait.
BUSY_LIMIT_S = 60.0
# A flipped bit in the name of a column or in SQLite's own words about it is no sqlite3.Error.
FAULTS = (sqlite3.Error, UnicodeDecodeError)


class Form:
    """What such a file is: `what` is its name in the words of an error, `loss` why none is made in its place.

    `tables` and `indexes` are {name: the rest of the statement that makes it}; `application_id` is that of the file.
    """

    __slots__ = ("application_id", "indexes", "loss", "name", "tables", "version", "what")

    def __init__(
        self,
        name: str,
        *,
        what: str,
        loss: str,
        version: int,
        application_id: int,
        tables: Mapping[str, str],
        indexes: Mapping[str, str],
    ) -> None:
        self.name = name
        self.what = what
        self.loss = loss
        self.version = version
        self.application_id = application_id
        self.tables = tables
        self.indexes = indexes


class Store:
    """The open file; a failure of SQLite inside its `with` becomes an AgentkitError that says what to do."""

    __slots__ = ("connection", "form", "path")

    def __init__(self, connection: sqlite3.Connection, form: Form, path: str) -> None:
        self.connection = connection
        self.form = form
        self.path = path

    def __enter__(self) -> Store:  # noqa: PYI034  # typing costs a start more than the file
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if isinstance(error, FAULTS):
                raise _explain(error, self.form, self.path) from error
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


def open_state(form: Form, environ: Mapping[str, str]) -> Store:
    """Return the store of this state folder, made where it is missing (folder 0700, file 0600).

    Raises AgentkitError: bad data (it is malformed), configuration (a newer program wrote it), try later (locked),
    cannot write.
    """
    folder = state_folder(environ)
    path = f"{folder}/{form.name}"
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600))
    except OSError as error:
        raise AgentkitError(f"{form.what} {path}: {error.strerror}", status=Exit.CANNOT_WRITE) from error
    return open_file(form, path, path)


def open_file(form: Form, path: str, address: str, *, is_uri: bool = False) -> Store:
    """Return the store in a file that is there; the address is its path, or a URI of SQLite.

    Raises AgentkitError as `open_state` does.
    """
    connection = None
    try:
        connection = sqlite3.connect(address, timeout=BUSY_LIMIT_S, isolation_level=None, uri=is_uri)
        # A crash of the machine must not undo a reservation whose call was made (https://sqlite.org/pragma.html).
        connection.execute("PRAGMA synchronous = EXTRA")
        # KiB, and no more than is needed: with the usual 2 MiB, ten thousand findings are read again and again.
        connection.execute("PRAGMA cache_size = -32768")
        connection.execute("PRAGMA temp_store = MEMORY")
        _check(connection, form, path)
        return Store(connection, form, path)
    except BaseException as error:  # Ctrl-C, too, leaves no connection open
        if connection is not None:
            connection.close()
        if isinstance(error, FAULTS):
            raise _explain(error, form, path) from error
        raise


def _check(connection: sqlite3.Connection, form: Form, path: str) -> None:
    """Make the tables where the file is empty, and leave alone what is not ours."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        with Transaction(connection):
            # Somebody else may have made them while we waited.
            if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                for name, columns in form.tables.items():
                    connection.execute(f"CREATE TABLE {name} ({columns})")
                for name, columns in form.indexes.items():
                    connection.execute(f"CREATE INDEX {name} ON {columns}")
                connection.execute(f"PRAGMA application_id = {form.application_id}")
                connection.execute(f"PRAGMA user_version = {form.version}")
    if connection.execute("PRAGMA application_id").fetchone()[0] != form.application_id:
        raise _malformed(form, path, f"it is no {form.what}")
    if version == 0:
        try:
            # A commit waits for the disk once instead of four times, and who only looks waits for nobody.
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            pass  # somebody else has it open; it works as well without, and more slowly
    if version > form.version:
        raise AgentkitError(
            f"{form.what} {path} has version {version}; this agentkit knows up to {form.version}",
            hint="install the newer agentkit again; nothing was touched",
            status=Exit.CONFIGURATION,
        )


def _explain(error: BaseException, form: Form, path: str) -> AgentkitError:
    """Return what a person can act on for a failure of SQLite."""
    # The code of the library tells more than the class (https://www.sqlite.org/rescode.html).
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return AgentkitError(
            f"{form.what} {path} is held by others for {BUSY_LIMIT_S:.0f}s", hint="try again", status=Exit.TRY_LATER
        )
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return AgentkitError(f"{form.what} {path} cannot be written: {error}", status=Exit.CANNOT_WRITE)
    return _malformed(form, path, str(error))


def _malformed(form: Form, path: str, why: str) -> AgentkitError:
    return AgentkitError(
        f"{form.what} {path} is malformed: {why}",
        hint=f"{form.loss}, so none is made in its place: move it away, or put back a backup of it",
        status=Exit.BAD_DATA,
    )
