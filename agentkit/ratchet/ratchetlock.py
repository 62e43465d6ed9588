"""Who alone may move the ratchet's refs, the branch and the checked-out tree of a repository right now?"""

import contextlib
from collections.abc import Iterator
from datetime import timedelta

from agentkit.core.locks import hold_lock
from agentkit.core.repo.repository import Repository
from agentkit.ratchet.ownfolder import own_folder

# Fifty at once each move in a fraction of a second: who waits longer than this waits for something that hangs.
LIMIT = timedelta(minutes=2)


@contextlib.contextmanager
def hold_ratchet(repository: Repository, limit: timedelta = LIMIT) -> Iterator[None]:
    """Hold the repository's ratchet; raises AgentkitError (try later) naming the holder, or cannot write."""
    with hold_lock(f"{own_folder(repository)}/lock", what="the ratchet of this repository", limit=limit):
        yield
