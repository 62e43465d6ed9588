"""How long did the last runs of a job take?"""

from __future__ import annotations

from agentkit.core.ledger.store import Ledger

# Only the front of each row is read: what a run printed stays on its own pages.
RECENT = """
SELECT duration_s FROM runs WHERE job_id = ? AND state NOT IN ('started', 'skipped') ORDER BY id DESC LIMIT ?
"""


def find_recent_durations(ledger: Ledger, job_id: int, limit: int) -> list[float | None]:
    """Return the seconds that the last closed runs took, oldest first; None for a run that never said."""
    return [row[0] for row in ledger.select(RECENT, (job_id, limit))][::-1]
