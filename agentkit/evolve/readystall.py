"""How does a stall come to be ready before it is known where the branch stands?

While the ratchet looks there is nothing else to do. Mostly the branch stands where the last candidate left it; where it
does not, the stall is given back, and the proposer gets one the usual way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from agentkit.core.errors import AgentkitError
from agentkit.core.repo.repository import Repository
from agentkit.core.statefile import Store
from agentkit.evolve.stall import Stall, open_stall

# An id begins with its instant: the newest is found by the key alone.
LAST = """
SELECT CASE kept WHEN 1 THEN commit_id ELSE base END FROM candidates WHERE repository = ? AND base <> ''
ORDER BY id DESC LIMIT 1
"""


class ReadyStall:
    """At most one stall that is held, and whose copy is the commit that was guessed."""

    def __init__(self) -> None:
        """Hold none."""
        self._stack = ExitStack()
        self._stall: Stall | None = None

    def make(self, repository: Repository, environ: Mapping[str, str], store: Store) -> None:
        """Make one ready, unless that was done; what is wrong is told to whoever opens a stall the usual way."""
        row = None if self._stall else store.first(LAST, (repository.root,))
        if row is None:
            return
        try:
            self._stall = self._stack.enter_context(open_stall(repository, environ, str(row[0])))
        except AgentkitError:
            self.close()

    def close(self) -> None:
        """Give the stall back."""
        self._stall = None
        self._stack.close()

    @contextmanager
    def take(self, repository: Repository, environ: Mapping[str, str], base: str) -> Iterator[Stall]:
        """Hold a stall whose copy is the base: this one where it is; raises AgentkitError as `open_stall` does."""
        stall = self._stall
        if stall is None or (stall.base, stall.repository) != (base, repository):
            self.close()
            with open_stall(repository, environ, base) as stall:
                yield stall
            return
        self._stall = None
        with self._stack.pop_all():
            yield stall
