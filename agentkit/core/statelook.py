"""How does a verb that only looks open the state of a command, so that it leaves nothing behind where there is none?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from agentkit.core.paths import state_folder
from agentkit.core.statefile import Form, Store, open_state


@contextmanager
def open_existing_state(form: Form, environ: Mapping[str, str]) -> Iterator[Store | None]:
    """Open the file; None where there is none. Raises AgentkitError as `open_state` does."""
    if not os.path.lexists(f"{state_folder(environ)}/{form.name}"):
        yield None
        return
    with open_state(form, environ) as store:
        yield store
