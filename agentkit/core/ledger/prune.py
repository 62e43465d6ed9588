"""How does the ledger stay within its bound, in days and in bytes?

Runs go oldest first, in small transactions, so that nobody waits long; the last runs of each job stay, and the daily
sums stay for ever. Then the free pages are given back, again in small steps: the file itself gets smaller.
"""

# ruff: noqa: S608  # what is put into a statement here are names from this module
from __future__ import annotations

from agentkit.core.evidence import Pruned
from agentkit.core.ledger.applying import DAY_S
from agentkit.core.ledger.opening import file_bytes
from agentkit.core.ledger.runs import count_runs
from agentkit.core.ledger.store import Ledger

KEPT_RUNS = 50
BATCH_ROWS = 5000
GIVE_BACK_PAGES = 2000
# Free pages are not worth the work below this share of the file: the next runs fill them.
WORTH_SHARE = 0.05


def prune(ledger: Ledger, days: float, limit_bytes: int, now: float, *, kept_runs: int = KEPT_RUNS) -> Pruned:
    """Remove what is older than so many days, then the oldest runs until the file is within its bytes.

    Each job keeps its newest `kept_runs` runs, whatever the bounds say; open and unjudged runs stay too.
    `is_within_bound` is false when the bytes cannot be reached with that.
    """
    before = size_bytes(ledger)
    cutoff = now - days * DAY_S
    first_kept = _find_first_kept(ledger, kept_runs)
    runs = _remove_runs(ledger, first_kept, cutoff, 0)
    findings = _remove(ledger, "findings", "state = 'resolved' AND resolved_at < ?", cutoff)
    notes = _remove(ledger, "notes", "seen <> 0 AND at < ?", cutoff)
    lines = _remove(ledger, "crontab_lines", "gone_at < ?", cutoff)
    if _used_bytes(ledger) > limit_bytes:
        runs += _remove_runs(ledger, first_kept, float("inf"), limit_bytes)
    _give_back(ledger, must=_file_bytes(ledger) > limit_bytes)
    after = size_bytes(ledger)
    return Pruned(runs, findings, notes, lines, before, after, after <= limit_bytes)


def size_bytes(ledger: Ledger) -> int:
    """Return the bytes of the ledger on disk, its log included."""
    return file_bytes(ledger.path) + file_bytes(ledger.path + "-wal")


def _find_first_kept(ledger: Ledger, kept_runs: int) -> dict[int, int]:
    """Return the oldest run that each job keeps; a job with fewer runs keeps them all."""
    found = {}
    statement = "SELECT id FROM runs WHERE job_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?"
    for (job_id,) in list(ledger.select("SELECT id FROM jobs")):
        row = ledger.first(statement, (job_id, kept_runs - 1)) if kept_runs else None
        found[job_id] = row[0] if row else (1 << 62 if not kept_runs else 0)
    return found


def _remove_runs(ledger: Ledger, first_kept: dict[int, int], cutoff: float, enough_bytes: int) -> int:
    """Remove runs that ended before the cutoff, oldest first, until the ledger uses no more than `enough_bytes`."""
    removed, after = 0, 0
    statement = (
        "SELECT id, job_id, coalesce(ended_at, started_at, 0), judged = 1 FROM runs WHERE id > ? ORDER BY id LIMIT ?"
    )
    while not enough_bytes or _used_bytes(ledger) > enough_bytes:
        count = _rows_beyond(ledger, enough_bytes) if enough_bytes else BATCH_ROWS
        with ledger.transaction():
            page = list(ledger.select(statement, (after, count)))
            old = [row[0] for row in page if row[3] and row[2] < cutoff and row[0] < first_kept.get(row[1], 0)]
            ledger.execute_many("DELETE FROM runs WHERE id = ?", [(run_id,) for run_id in old])
        removed += len(old)
        # Ids follow time but for stragglers: a whole page of newer runs is the end of the old ones.
        if not page or all(row[2] >= cutoff for row in page):
            break
        after = page[-1][0]
    return removed


def _rows_beyond(ledger: Ledger, enough_bytes: int) -> int:
    """Return how many runs to look at next: half of what seems too much, so that not many more go than must."""
    used, runs = _used_bytes(ledger), max(count_runs(ledger), 1)
    return max(10, min(BATCH_ROWS, (used - enough_bytes) * runs // used // 2))


def _remove(ledger: Ledger, table: str, condition: str, cutoff: float) -> int:
    return ledger.execute(f"DELETE FROM {table} WHERE {condition}", (cutoff,)).rowcount


def _give_back(ledger: Ledger, *, must: bool) -> None:
    """Give free pages back to the filesystem, a few at a time."""
    free, pages = _pragma(ledger, "freelist_count"), _pragma(ledger, "page_count")
    if must or free > pages * WORTH_SHARE:
        while free:
            # Steps through as many rows as it frees pages: all have to be fetched.
            ledger.execute(f"PRAGMA incremental_vacuum({GIVE_BACK_PAGES})").fetchall()
            left = _pragma(ledger, "freelist_count")
            if left >= free:
                break
            free = left
    # Only now the file itself shrinks.
    ledger.checkpoint()


def _used_bytes(ledger: Ledger) -> int:
    used = _pragma(ledger, "page_count") - _pragma(ledger, "freelist_count")
    return used * _pragma(ledger, "page_size")


def _file_bytes(ledger: Ledger) -> int:
    return _pragma(ledger, "page_count") * _pragma(ledger, "page_size")


def _pragma(ledger: Ledger, name: str) -> int:
    row = ledger.first(f"PRAGMA {name}")
    return int(row[0]) if row else 0
