"""What do the verbs for people share: one candidate by its name, its time, its money, and a text on one line?"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

from agentkit.core.asides import warn
from agentkit.core.config import load_configuration
from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.statefile import Store
from agentkit.core.times import format_instant
from agentkit.evolve.candidate import DONE, Candidate, read, select
from agentkit.evolve.store import open_existing

BEGIN = "agentkit evolve try --propose 'PROGRAM…'"


def find_candidate(environ: Mapping[str, str], name: str) -> Candidate:
    """Return the candidate whose id, or commit, begins with a name; raises AgentkitError as `candidate.read` does."""
    with open_existing(environ) as store:
        if store is None:
            raise AgentkitError(
                f"there is no candidate {name}: nothing was tried yet", hint=BEGIN, status=Exit.UNAVAILABLE
            )
        return read(store, name)


def find_last(store: Store) -> Candidate | None:
    """Return the candidate that ended last, None where none did."""
    ended = f"SELECT id FROM candidates WHERE step = '{DONE}' ORDER BY ended_at DESC, id DESC LIMIT 1"  # noqa: S608
    found = select(store, f"WHERE id = ({ended})")
    return found[0] if found else None


def has_many_repositories(store: Store) -> bool:
    """Tell whether a candidate has to be told with its repository."""
    row = store.first("SELECT min(repository) < max(repository) FROM candidates")
    return bool(row and row[0])


def read_host(environ: Mapping[str, str]) -> str:
    """Return the name of this machine as records have it."""
    return load_configuration(environ, own=("evolve",), warn=warn).host


def tell_nothing() -> None:
    """Say that the archive is empty, and how that changes."""
    tell(f"agentkit: nothing was tried yet: {BEGIN}\n")


def say_usd(cost: float | None) -> str:
    """Return money for a person, a dash where nobody said what it cost."""
    if cost is None:
        return "-"
    return f"{f'{cost:.4f}'.rstrip('0').rstrip('.')} usd" if cost == 0 or cost >= 0.0001 else "<0.0001 usd"


def say_instant(instant: float) -> str:
    """Return an instant as the person's clock shows it on a terminal, in UTC everywhere else."""
    if sys.stdout.isatty():
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(instant))
    return format_instant(instant)
