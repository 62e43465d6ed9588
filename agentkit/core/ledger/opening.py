"""How is the ledger opened, made when it is missing, and kept from programs that are too old for it?"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from typing import TypeVar

from agentkit.core.durable import sync
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.ledger.door import enter_door
from agentkit.core.ledger.faults import CorruptLedgerError, explained
from agentkit.core.ledger.schema import APPLICATION_ID, TABLES, VERSION, create_schema
from agentkit.core.ledger.store import BUSY_LIMIT_S, Ledger, connect

NAME = "ledger.db"
MAGIC = b"SQLite format 3\x00"
HEADER_BYTES = 100
Answer = TypeVar("Answer")


class OlderLedgerError(Exception):
    """The ledger is of an older version than this program."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version}")
        self.version = version


def open_ledger(folder: str, *, busy_s: float = BUSY_LIMIT_S) -> Ledger:
    """Return the ledger of a state folder, open for writing; folder (0700) and file (0600) are made when missing.

    A malformed file is set aside and replaced by what can be read of it, an older one is upgraded after a backup; both
    are told in `notices`. Raises AgentkitError: configuration (it is newer than this program), try later (locked),
    cannot write.
    """
    make_folder(folder)
    notices: list[str] = []
    while True:
        try:
            return _open_once(folder, notices, busy_s)
        except CorruptLedgerError as error:
            if len(notices) >= 2:
                raise
            from agentkit.core.ledger.repair import repair

            notices.append(repair(folder, error.reason))
        except OlderLedgerError:
            notices.append(_upgrade(folder))


def with_ledger(folder: str, work: Callable[[Ledger], Answer], *, busy_s: float = BUSY_LIMIT_S) -> Answer:
    """Return what `work` makes of the ledger; if the ledger turns out to be malformed, repair it once and work again.

    A failure that looks like a bug is none where the ledger holds values that cannot be: that, too, is malformed.

    So `work` may be called twice, and what it did before must be inside transactions.
    """
    from agentkit.core.ledger.soundness import blaming_values

    with open_ledger(folder, busy_s=busy_s) as ledger:
        try:
            with blaming_values(ledger):
                return work(ledger)
        except CorruptLedgerError as error:
            reason = error.reason
    from agentkit.core.ledger.repair import repair

    notice = repair(folder, reason)
    with open_ledger(folder, busy_s=busy_s) as ledger:
        ledger.notices = (*ledger.notices, notice)
        return work(ledger)


def make_folder(folder: str) -> None:
    """Make the folder and its missing parents, closed to others; raises AgentkitError (cannot write)."""
    missing = []
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for path in reversed(missing):
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            if os.path.isdir(path):
                continue
            raise AgentkitError(f"{path} is no folder", status=Exit.CANNOT_WRITE) from None
        except OSError as error:
            raise AgentkitError(f"cannot make {path}: {error.strerror}", status=Exit.CANNOT_WRITE) from error


def examine(path: str) -> None:
    """Look at the file without SQLite: cheap, touches nothing.

    Raises FileNotFoundError, CorruptLedgerError, OlderLedgerError, or AgentkitError: configuration when a newer program
    wrote it, unavailable when it cannot be read. The header: https://www.sqlite.org/fileformat2.html#database_header
    """
    is_log_empty = not file_bytes(path + "-wal")
    try:
        size, mode = os.stat(path).st_size, os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            raise CorruptLedgerError(path, "it is no regular file")
        with open(path, "rb", buffering=0) as file:
            header = file.read(HEADER_BYTES)
    except FileNotFoundError:
        if os.path.islink(path):
            raise AgentkitError(f"ledger {path} is a link that leads nowhere (is its disk mounted?)") from None
        raise
    except OSError as error:
        raise AgentkitError(f"ledger {path} cannot be read: {error.strerror}") from error
    if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
        raise CorruptLedgerError(path, "it is no database" if header else "it is empty")
    version = int.from_bytes(header[60:64], "big")
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise CorruptLedgerError(path, "it is no ledger")
    check_version(path, version)
    # Cheap enough for each opening, and finds a file that was cut. With a log the length may rightly differ.
    page_bytes = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    if is_log_empty and not file_bytes(path + "-wal") and pages * (65536 if page_bytes == 1 else page_bytes) > size:
        raise CorruptLedgerError(path, "it is cut short")


def check_version(path: str, version: int) -> None:
    """Raise OlderLedgerError, or AgentkitError (configuration) for a version that this program does not know."""
    if version < VERSION:
        raise OlderLedgerError(version)
    if version > VERSION:
        raise AgentkitError(
            f"ledger {path} has version {version}; this agentkit knows up to {VERSION}",
            hint="install the newer agentkit again; nothing was touched",
            status=Exit.CONFIGURATION,
        )


def make_fresh_file(path: str) -> None:
    """Make a new empty ledger file (0600), durable; a file of that name is replaced. Raises AgentkitError."""
    try:
        if os.path.lexists(path):
            os.unlink(path)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with explained(path):
            connection = connect(path)
            try:
                create_schema(connection)
                connection.execute("PRAGMA journal_mode = WAL")
            finally:
                connection.close()
        sync(path)
    except OSError as error:
        raise AgentkitError(f"cannot write {path}: {error.strerror}", status=Exit.CANNOT_WRITE) from error


def put_in_place(new: str, path: str) -> None:
    """Give the finished file its name, durably."""
    try:
        os.rename(new, path)
        sync(os.path.dirname(path))
    except OSError as error:
        raise AgentkitError(f"cannot write {path}: {error.strerror}", status=Exit.CANNOT_WRITE) from error


def file_bytes(path: str) -> int:
    """Return the length of a file; 0 when it is not there."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def stamp() -> str:
    """Return the instant as it stands in the names of files set aside."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())


def _open_once(folder: str, notices: list[str], busy_s: float) -> Ledger:
    path = os.path.join(folder, NAME)
    if not os.path.lexists(path):
        _create(folder, path)
    door = enter_door(folder, alone=False)
    connection = None
    try:
        examine(path)
        with explained(path):
            connection = connect(path, busy_s=busy_s)
            check_version(path, connection.execute("PRAGMA user_version").fetchone()[0])
            _check_tables(path, {row[0] for row in connection.execute("SELECT name FROM sqlite_master")})
        return Ledger(connection, path, door, notices, is_writable=True)
    except BaseException as error:  # Ctrl-C, too, leaves no connection open and no door held
        if connection is not None:
            connection.close()
        if door is not None:
            os.close(door)
        if isinstance(error, FileNotFoundError):
            raise AgentkitError(f"ledger {path} was removed just now", status=Exit.TRY_LATER) from error
        raise


def _check_tables(path: str, names: set[str]) -> None:
    if not names.issuperset(TABLES):
        raise CorruptLedgerError(path, "tables are missing")


def _upgrade(folder: str) -> str:
    from agentkit.core.ledger.repair import repair
    from agentkit.core.ledger.upgrade import upgrade

    try:
        return upgrade(folder)
    except CorruptLedgerError as error:
        return repair(folder, error.reason)


def _create(folder: str, path: str) -> None:
    """Make the ledger under another name first: a file of that name is always whole."""
    door = enter_door(folder, alone=True)
    try:
        if os.path.lexists(path):
            return
        for tail in ("-wal", "-shm"):
            # A log without its ledger: SQLite would play it into the new one.
            if os.path.lexists(path + tail):
                os.rename(path + tail, f"{path}.corrupt-{stamp()}{tail}")
        make_fresh_file(path + ".new")
        put_in_place(path + ".new", path)
    finally:
        if door is not None:
            os.close(door)
