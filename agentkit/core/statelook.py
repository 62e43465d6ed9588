"""How does a verb that only looks open the state of a command, so that it leaves nothing behind where there is none?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.paths import state_folder
from agentkit.core.statefile import Form, Store, open_file, open_state


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
    log = f"{path}-wal"
    try:
        if not os.path.getsize(path):
            return None
        # Without a log nobody writes, and SQLite need not make the index of one that it cannot make here
        # (https://www.sqlite.org/wal.html#read_only_databases).
        way = "mode=ro" if os.path.exists(log) and os.path.getsize(log) else "mode=ro&immutable=1"
    except OSError as error:
        raise AgentkitError(f"{form.what} {path}: {error.strerror}", status=Exit.CANNOT_WRITE) from error
    return open_file(form, path, f"file:{quote(os.fsencode(path))}?{way}", is_uri=True)
