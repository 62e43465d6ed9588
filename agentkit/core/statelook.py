"""How does a verb that only looks open the state of a command, so that it leaves nothing behind where there is none?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.paths import state_folder
from agentkit.core.statefile import Form, Store, open_state, open_state_to_read


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
        store = open_state_to_read(form, environ)
    if store is None:
        yield None
        return
    with store:
        yield store
