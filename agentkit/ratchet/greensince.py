"""Since which accepted state has a test been passing without a break?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from agentkit.core.repo.blobs import read_blobs
from agentkit.core.repo.repository import Repository
from agentkit.ratchet.outcomes import PASS, Outcomes, read_lines
from agentkit.ratchet.state import STATE_REF

# A longer past takes longer to read than anybody waits for it.
MOST_STATES = 500
AT_ONCE = 50


def find_green_since(repository: Repository, names: Iterable[str]) -> dict[str, str]:
    """Return {id: day} of the earliest state of the last unbroken row in which the test passed."""
    open_ = set(names)
    since: dict[str, str] = {}
    if not open_:
        return since
    words = ("log", "--first-parent", f"--max-count={MOST_STATES}", "--format=%H %ct", STATE_REF)
    rows = [row.split(" ") for row in repository.git(*words).decode().splitlines()]
    known: dict[bytes, Outcomes] = {}
    for first in range(0, len(rows), AT_ONCE):
        block = rows[first : first + AT_ONCE]
        blobs = read_blobs(repository, [f"{commit}:baseline" for commit, _ in block])
        for commit, at_s in block:
            raw = blobs.get(f"{commit}:baseline", b"")
            outcomes = known.setdefault(raw, {}) or read_lines(raw)
            known[raw] = outcomes
            open_ &= {name for name, outcome in outcomes.items() if outcome == PASS}
            day = datetime.fromtimestamp(int(at_s), UTC).strftime("%Y-%m-%d")
            since.update(dict.fromkeys(open_, day))
        if not open_:
            break
    return since
