"""What would pruning remove? Counted without holding anybody up: nothing is written and no lock is taken."""

# ruff: noqa: S608  # what is put into a statement here are names from this module
from __future__ import annotations

from dataclasses import dataclass

from agentkit.core.ledger.applying import DAY_S
from agentkit.core.ledger.prune import KEPT_RUNS, size_bytes
from agentkit.core.ledger.store import Ledger

FIRST_KEPT = "SELECT id FROM runs WHERE job_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?"
OLD_RUNS = """
SELECT count(*), coalesce(sum(coalesce(ended_at, started_at, 0) < ?), 0) FROM runs
WHERE job_id = ? AND id < ? AND judged = 1
"""


@dataclass(frozen=True, slots=True)
class Prunable:
    """What would go by its age; `spare_runs` are younger, and go as far as the bytes ask for it."""

    runs: int
    findings: int
    notes: int
    crontab_lines: int
    spare_runs: int
    bytes_now: int


def count_prunable(ledger: Ledger, days: float, now: float, *, kept_runs: int = KEPT_RUNS) -> Prunable:
    """Return what `prune` with the same bounds would remove."""
    cutoff = now - days * DAY_S
    runs = spare = 0
    for (job_id,) in list(ledger.select("SELECT id FROM jobs")):
        first_kept = ledger.first(FIRST_KEPT, (job_id, kept_runs - 1)) if kept_runs else (1 << 62,)
        if first_kept is None:
            continue
        row = ledger.first(OLD_RUNS, (cutoff, job_id, first_kept[0]))
        if row is not None:
            runs += row[1]
            spare += row[0] - row[1]
    return Prunable(
        runs,
        _count(ledger, "findings", "state = 'resolved' AND resolved_at < ?", cutoff),
        _count(ledger, "notes", "seen <> 0 AND at < ?", cutoff),
        _count(ledger, "crontab_lines", "gone_at < ?", cutoff),
        spare,
        size_bytes(ledger),
    )


def _count(ledger: Ledger, table: str, condition: str, cutoff: float) -> int:
    row = ledger.first(f"SELECT count(*) FROM {table} WHERE {condition}", (cutoff,))
    return int(row[0]) if row else 0
