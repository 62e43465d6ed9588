"""What of the store is so old that nobody asks for it any more?"""

from __future__ import annotations

from agentkit.think.store import Store

DAY_S = 86400.0
FORGOTTEN = "forgotten_at"
# A clock that jumps by more must be believed for a day first: what it deletes by mistake is money to spend again.
LONGEST_JUMP_S = 30 * DAY_S
# The budget looks back to the beginning of a month.
LEAST_DAYS_OF_CALLS = 62
# What fires is never forgotten, and neither is what a runbook did about it: it must not be done twice.
OLD = {
    "journal": "at < ?",
    "decisions": "at < ? AND printed_at IS NOT NULL",
    "runs": "at < ? AND fingerprint NOT IN (SELECT fingerprint FROM findings WHERE state = 'firing')",
    # Its episodes are counted from 1 again: a run of an old one that is left would be taken for one of the next.
    "findings": "last_seen_at < ? AND state = 'resolved' AND fingerprint NOT IN (SELECT fingerprint FROM runs)",
}


def forget_old(store: Store, keep_days: int, now: float) -> None:
    """Once a day, delete what is older than it has to be kept."""
    row = store.first("SELECT value FROM meta WHERE name = ?", (FORGOTTEN,))
    since_s = DAY_S if row is None else abs(now - float(str(row[0])))
    if since_s < DAY_S:
        return
    with store.transaction():
        store.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (FORGOTTEN, str(now)))
        if since_s > LONGEST_JUMP_S:
            return
        for table, condition in OLD.items():
            store.execute(f"DELETE FROM {table} WHERE {condition}", (now - keep_days * DAY_S,))  # noqa: S608  # ours
        since = now - max(keep_days, LEAST_DAYS_OF_CALLS) * DAY_S
        store.execute("DELETE FROM calls WHERE at < ?", (since,))
