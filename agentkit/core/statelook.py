"""How does a verb that only looks open the state of a command, so that it leaves nothing behind where there is none?"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.paths import state_folder
from agentkit.core.statefile import BUSY_LIMIT_S, FAULTS, Form, Store, check_form, explain, open_state


@contextmanager
def open_existing_state(form: Form, environ: Mapping[str, str]) -> Iterator[Store | None]:
    """Open the file, also where nothing can be written; None where there is none.

    Raises AgentkitError as `open_state` does.
    """
    if not os.path.lexists(f"{state_folder(environ)}/{form.name}"):
        yield None
        return
    try:
        store: Store | None = open_state(form, environ)
    except AgentkitError as error:
        if error.status != Exit.CANNOT_WRITE:
            raise
        store = _open_to_read(form, environ)
    if store is None:
        yield None
        return
    with store:
        yield store


def _open_to_read(form: Form, environ: Mapping[str, str]) -> Store | None:
    """Return the store of a state folder in which nothing can be written; None where nothing was ever written.

    Raises AgentkitError as `open_state` does.
    """
    path = os.path.abspath(f"{state_folder(environ)}/{form.name}")
    # Without a log nobody writes, and SQLite need not make the index of one that it cannot make here
    # (https://www.sqlite.org/wal.html#read_only_databases).
    log = f"{path}-wal"
    way = "mode=ro" if os.path.exists(log) and os.path.getsize(log) else "mode=ro&immutable=1"
    connection = None
    try:
        connection = sqlite3.connect(
            f"file:{quote(os.fsencode(path))}?{way}", uri=True, timeout=BUSY_LIMIT_S, isolation_level=None
        )
        if not connection.execute("PRAGMA user_version").fetchone()[0]:
            connection.close()
            return None
        check_form(connection, form, path)
        return Store(connection, form, path)
    except BaseException as error:  # Ctrl-C, too, leaves no connection open
        if connection is not None:
            connection.close()
        if isinstance(error, FAULTS):
            raise explain(error, form, path) from error
        raise
