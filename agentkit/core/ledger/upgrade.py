"""How does a ledger of an older version become one of the present version?

Each step is a function that brings the tables from its version to the next one. All steps that a ledger needs happen in
one transaction, after a backup, while nobody else has the ledger open: it is of the old version or of the new one.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing

from agentkit.core.durable import sync
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.ledger.door import LIMIT_S, enter_door
from agentkit.core.ledger.faults import CorruptLedgerError, explained
from agentkit.core.ledger.opening import NAME, OlderLedgerError, examine
from agentkit.core.ledger.schema import VERSION
from agentkit.core.ledger.store import connect

Step = Callable[[sqlite3.Connection], None]
# From version to step. Version 1 is the first one, so there is nothing to come from yet.
STEPS: Mapping[int, Step] = {}


def upgrade(folder: str, *, steps: Mapping[int, Step] = STEPS, target: int = VERSION, limit_s: float = LIMIT_S) -> str:
    """Bring the ledger of a folder to the target version; return the line that says so.

    The ledger as it was stays beside it as `ledger.db.before-vN`, made durable before anything is changed. Raises
    CorruptLedgerError when no step leads on from the ledger's version: no agentkit ever wrote it.
    """
    path = os.path.join(folder, NAME)
    door = enter_door(folder, alone=True, limit_s=limit_s)
    try:
        try:
            examine(path)
        except OlderLedgerError as error:
            version = error.version
        else:
            return f"ledger {path} was upgraded by another program"
        missing = [number for number in range(version, target) if number not in steps]
        if missing:
            raise CorruptLedgerError(path, f"there is no way from version {version} to {target}")
        backup = f"{path}.before-v{target}"
        with explained(path), closing(connect(path)) as connection:
            _back_up(connection, backup)
            _take_steps(connection, [steps[number] for number in range(version, target)], target)
            # Into the file itself: its header tells an older program at a glance that it must not touch it.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return f"ledger {path} was upgraded from version {version} to {target}; as it was: {backup}"
    finally:
        if door is not None:
            os.close(door)


def _take_steps(connection: sqlite3.Connection, steps: list[Step], target: int) -> None:
    connection.execute("BEGIN EXCLUSIVE")
    try:
        for step in steps:
            step(connection)
        connection.execute(f"PRAGMA user_version = {target}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _back_up(connection: sqlite3.Connection, backup: str) -> None:
    new = backup + ".new"
    try:
        if os.path.lexists(new):
            os.unlink(new)
        os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with closing(sqlite3.connect(new)) as copy:
            connection.backup(copy, pages=1024)
        sync(new)
        # One that is there already is from an upgrade that was cut off: the ledger has not changed since.
        os.rename(new, backup)
        sync(os.path.dirname(backup))
    except OSError as error:
        raise AgentkitError(f"cannot write {backup}: {error.strerror}", status=Exit.CANNOT_WRITE) from error
