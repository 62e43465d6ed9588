"""How is the ledger read by a command that only shows something?

A view shows all evidence, the spooled records too, and creates nothing where nothing is:

* there is no ledger: the spool goes into a private one that SQLite keeps in memory and, when it grows, in a temporary
  file without a name;
* the ledger can be written: it is opened as always, and the spool is taken in for good, as every reader does;
* it cannot (read-only or full disk, another user's, a long write by another program): it is read as it is, and what
  waits in the spool is added to a private copy. Where that is not possible, `notices` says that the view lacks it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from urllib.parse import quote

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.ledger.door import enter_door
from agentkit.core.ledger.faults import explain, explained
from agentkit.core.ledger.intake import has_pending, take_in_spool
from agentkit.core.ledger.opening import NAME, OlderLedgerError, check_version, examine, file_bytes, open_ledger
from agentkit.core.ledger.schema import create_schema
from agentkit.core.ledger.soundness import blaming_values
from agentkit.core.ledger.store import BUSY_LIMIT_S, Ledger, connect

COPY_LIMIT_BYTES = 512 << 20


def open_view(folder: str, places: Sequence[str], host: str, now: float, *, busy_s: float = BUSY_LIMIT_S) -> Ledger:
    """Return a ledger, for reading, that shows all evidence there is; raises AgentkitError as `open_ledger` does."""
    path = os.path.join(folder, NAME)
    if not os.path.lexists(path):
        return _add_spool(_make_private(path), places, host, now)
    why = "the folder cannot be written"
    if _is_writable(folder, path):
        try:
            return _add_spool(open_ledger(folder, busy_s=busy_s), places, host, now)
        except AgentkitError as error:
            if error.status not in (Exit.CANNOT_WRITE, Exit.TRY_LATER):
                raise
            why = error.message
    ledger = open_read_only(folder, busy_s=busy_s)
    if not has_pending(ledger, places):
        return ledger
    return _copy_with_spool(ledger, places, host, now, why)


def open_read_only(folder: str, *, busy_s: float = BUSY_LIMIT_S) -> Ledger:
    """Return the ledger as it stands, for reading; an empty one when there is none. Nothing is created or repaired."""
    path = os.path.join(folder, NAME)
    try:
        examine(path)
    except FileNotFoundError:
        return _make_private(path)
    except OlderLedgerError as error:
        raise AgentkitError(f"ledger {path} is of an older agentkit", hint="agentkit heartbeat check") from error
    door = enter_door(folder, alone=False, may_create=False)
    try:
        return Ledger(_connect_read_only(folder, path, busy_s), path, door, (), is_writable=False)
    except BaseException:  # Ctrl-C, too, leaves no door held
        if door is not None:
            os.close(door)
        raise


def _connect_read_only(folder: str, path: str, busy_s: float) -> sqlite3.Connection:
    ways = []
    if _is_writable(folder, path):
        # Not mode=ro: that leaves the log and its index behind, this one takes them away when it is the last.
        ways.append("mode=rw")
    # Without a log nobody writes: SQLite need not make the index that it cannot make here. With one it reads the index
    # that the writer left (https://www.sqlite.org/wal.html#read_only_databases).
    ways.append("mode=ro" if file_bytes(path + "-wal") else "mode=ro&immutable=1")
    while True:
        way, connection = ways.pop(0), None
        try:
            with explained(path):
                connection = connect(f"file:{quote(os.fsencode(os.path.abspath(path)))}?{way}", uri=True, busy_s=busy_s)
                connection.execute("PRAGMA query_only = ON")
                check_version(path, connection.execute("PRAGMA user_version").fetchone()[0])
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return connection
        except AgentkitError as error:
            if connection is not None:
                connection.close()
            # A full disk has no room for the log's index either.
            if not ways or error.status != Exit.CANNOT_WRITE:
                raise


def _make_private(path: str) -> Ledger:
    with explained(path):
        connection = connect("")
        create_schema(connection)
    return Ledger(connection, path, None, (), is_writable=False)


def _add_spool(ledger: Ledger, places: Sequence[str], host: str, now: float) -> Ledger:
    try:
        with blaming_values(ledger):
            take_in_spool(ledger, places, host, now)
    except BaseException:  # Ctrl-C, too, leaves no connection open, and no lock with it
        ledger.close()
        raise
    return ledger


def _copy_with_spool(ledger: Ledger, places: Sequence[str], host: str, now: float, why: str) -> Ledger:
    try:
        if file_bytes(ledger.path) > COPY_LIMIT_BYTES:
            ledger.notices = (_lacking(why),)
            return ledger
        connection = connect("")
        try:
            ledger.copy_into(connection)
        except BaseException:  # the same for the copy in memory
            connection.close()
            raise
        view = _add_spool(Ledger(connection, ledger.path, None, (), is_writable=False), places, host, now)
    except (AgentkitError, sqlite3.Error) as error:
        also = error.message if isinstance(error, AgentkitError) else explain(error, ledger.path).message
        ledger.notices = (_lacking(f"{why}; no copy: {also}"),)
        return ledger
    ledger.close()
    return view


def _lacking(why: str) -> str:
    return f"records that wait in the spool are not shown: {why}"


def _is_writable(folder: str, path: str) -> bool:
    return os.access(folder, os.W_OK | os.X_OK) and os.access(path, os.W_OK)
