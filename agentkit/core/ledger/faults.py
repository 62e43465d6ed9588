"""What does a failure of SQLite mean for the person who sees it?"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from agentkit.core.errors import AgentkitError, Exit

# A flipped bit in the name of a column or in SQLite's own words about it is no sqlite3.Error.
FAULTS = (sqlite3.Error, UnicodeDecodeError)


class CorruptLedgerError(AgentkitError):
    """The ledger's file cannot be trusted: `with_ledger` sets it aside and takes over what can be read."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"ledger {path} is malformed: {reason}",
            hint="agentkit heartbeat check (it sets the file aside and takes over what can be read)",
            status=Exit.UNAVAILABLE,
        )
        self.reason = reason


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Turn each sqlite3 error of the block into the AgentkitError that says what to do."""
    try:
        yield
    except FAULTS as error:
        raise explain(error, path) from error


def explain(error: sqlite3.Error | UnicodeDecodeError, path: str) -> AgentkitError:
    """Return the AgentkitError for a failure of SQLite at the ledger `path`.

    Result codes: https://www.sqlite.org/rescode.html (the low byte is the primary code).
    """
    code = getattr(error, "sqlite_errorcode", 0)
    primary = code & 0xFF
    if isinstance(error, UnicodeDecodeError) or str(error).startswith("Could not decode to UTF-8"):
        # The module's own words hold the whole text, which may be anything.
        return CorruptLedgerError(path, "a text is no UTF-8")
    if primary == sqlite3.SQLITE_ERROR and str(error).startswith(("no such table", "no such column")):
        # The tests run every statement: if one is wrong here, the list of tables is.
        return CorruptLedgerError(path, str(error))
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return AgentkitError(
            f"ledger is locked by another program ({path})",
            hint="try again; nothing is lost, the evidence waits in the spool",
            status=Exit.TRY_LATER,
        )
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return CorruptLedgerError(path, str(error))
    if code in (sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ):
        return AgentkitError(
            f"ledger {path} cannot be read: {error}", hint="dmesg may name the disk's trouble", status=Exit.UNAVAILABLE
        )
    if primary in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
    ):
        return AgentkitError(
            f"ledger {path} cannot be written: {error}",
            hint="make room or look at the permissions; nothing is lost, the evidence waits in the spool",
            status=Exit.CANNOT_WRITE,
        )
    # What is left is a wrong statement or a wrong value: a bug, which must not look like a full disk.
    return AgentkitError(f"ledger {path}: {type(error).__name__}: {error}", status=Exit.INTERNAL)
