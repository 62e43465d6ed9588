"""Who alone may move the ratchet's refs, the branch and the checked-out tree of a repository right now?"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.locks import hold_lock
from agentkit.core.tree import is_alive
from agentkit.ratchet.repository import Repository, own_mark

# Fifty at once each move in a fraction of a second: who waits longer than this waits for something that hangs.
LIMIT = timedelta(minutes=2)


@contextlib.contextmanager
def hold_ratchet(repository: Repository, limit: timedelta = LIMIT) -> Iterator[None]:
    """Hold the repository's ratchet; raises AgentkitError (try later) naming the holder, or cannot write."""
    with hold_lock(f"{repository.own_folder}/lock", what="the ratchet of this repository", limit=limit):
        yield


@contextlib.contextmanager
def make_scratch(repository: Repository) -> Iterator[str]:
    """Make a private folder inside the git folder, on the file system of its index; it goes with the block."""
    parent = f"{repository.own_folder}/scratch"
    try:
        os.makedirs(parent, mode=0o700, exist_ok=True)
        folder = tempfile.mkdtemp(prefix=f"{own_mark()}.", dir=parent)
    except OSError as error:
        raise AgentkitError(f"{parent}: {error.strerror}", status=Exit.CANNOT_WRITE) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear_scratch(repository: Repository) -> None:
    """Remove the private folders of processes that have gone."""
    parent = f"{repository.own_folder}/scratch"
    try:
        names = os.listdir(parent)
    except OSError:
        return
    for name in names:
        pid, start, *_ = [*name.split("."), "", ""]
        if not (pid.isdigit() and start.isdigit() and is_alive(int(pid), int(start))):
            shutil.rmtree(f"{parent}/{name}", ignore_errors=True)
