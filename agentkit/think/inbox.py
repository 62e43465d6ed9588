"""Which findings are there, which of them wait for somebody to deal with them, and which are taken by whom?

Imported when nothing wakes anybody.
"""

from __future__ import annotations

import time

from agentkit.core.claims import is_claim_held, name_this_process

TYPE_CHECKING = False  # the one of typing costs an import
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agentkit.think.store import Store
    from agentkit.think.taking import Taken

RANK = "CASE {} WHEN 'critical' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END"
FIRES_AGAIN = "findings.state = 'resolved' AND excluded.state = 'firing'"
GOT_WORSE = f"{RANK.format('excluded.severity')} > {RANK.format('findings.severity')}"
# One that fires again, or got worse, waits again, even while somebody deals with what it was before; one that is gone
# waits for nobody. The same again changes nothing but when it was last seen, and what is told of it.
TAKE = f"""
INSERT INTO findings (fingerprint, host, source, type, subject, severity, state, record, episode, first_seen_at,
    last_seen_at, count, waits, waiting_since)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9, ?10, ?11, ?7 = 'firing', ?10)
ON CONFLICT (fingerprint) DO UPDATE SET host = excluded.host, source = excluded.source, type = excluded.type,
    subject = excluded.subject, severity = excluded.severity, state = excluded.state, record = excluded.record,
    last_seen_at = excluded.last_seen_at,
    count = max(excluded.count, CASE WHEN {FIRES_AGAIN} THEN 1 ELSE findings.count + 1 END),
    first_seen_at = CASE WHEN {FIRES_AGAIN} THEN excluded.first_seen_at ELSE findings.first_seen_at END,
    episode = episode + ({FIRES_AGAIN}),
    waits = CASE WHEN excluded.state = 'resolved' THEN 0 WHEN {FIRES_AGAIN} OR {GOT_WORSE} THEN 1 ELSE waits END,
    waiting_since = CASE WHEN {FIRES_AGAIN} OR ({GOT_WORSE} AND NOT waits) THEN excluded.waiting_since
        ELSE waiting_since END,
    waiting_for = CASE WHEN {FIRES_AGAIN} OR {GOT_WORSE} THEN NULL ELSE waiting_for END,
    not_before = CASE WHEN {FIRES_AGAIN} OR {GOT_WORSE} THEN NULL ELSE not_before END,
    handled_at = CASE WHEN {FIRES_AGAIN} OR {GOT_WORSE} THEN NULL ELSE handled_at END,
    handled_by = CASE WHEN {FIRES_AGAIN} OR {GOT_WORSE} THEN NULL ELSE handled_by END,
    claim = CASE WHEN {FIRES_AGAIN} OR {GOT_WORSE} THEN NULL ELSE claim END
"""  # noqa: S608  # texts of ours
# A mind decided, it fires on, was seen since, and the time of its group has come again (?1 is now, ?2 the interval). A
# clock that was set back must not silence anything until it is there again. The `+` has SQLite begin with the groups,
# of which mostly none is due, and not with all that was dealt with.
DUE_AGAIN = """
+waits = 0 AND state = 'firing' AND severity <> 'info' AND handled_by LIKE 'decision:%'
    AND (last_seen_at > handled_at OR handled_at > ?1)
    AND group_key IN (SELECT key FROM groups WHERE abs(?1 - thought_at) >= ?2)
"""
HANDLE = (
    "UPDATE findings SET waits = 0, waiting_for = NULL, not_before = NULL, claim = NULL, handled_at = ?, "
    "handled_by = ? WHERE fingerprint = ? AND claim = ?"
)
# Another process deals with some of the group, or a mind was asked about it between when we looked (?3) and now (?4).
BUSY = """
SELECT 1 FROM findings WHERE group_key = ?1 AND waits = 1 AND claim IS NOT NULL AND claim <> ?2
UNION ALL SELECT 1 FROM groups WHERE key = ?1 AND thought_at > ?3 AND thought_at <= ?4 LIMIT 1
"""
HOLDER = "SELECT DISTINCT claim FROM findings WHERE claim IS NOT NULL"


def take_in(store: Store, findings: Iterable[Taken], now: float) -> None:
    """Store findings durably: all of them, or none."""
    rows = [
        (one.fingerprint, one.host, one.source, one.type, one.subject, one.severity, one.state, one.text,
         one.first_seen_at, now, one.count)
        for one in findings
    ]  # fmt: skip
    if rows:
        with store.transaction():
            store.execute_many(TAKE, rows)


def is_anything_due(store: Store, now: float, repeat_s: float) -> bool:
    """Tell whether anything fires that nobody has dealt with, or is due again, or has still to be told."""
    return bool(
        store.first("SELECT 1 FROM findings WHERE waits = 1 AND state = 'firing' LIMIT 1")
        or store.first("SELECT 1 FROM decisions WHERE printed_at IS NULL LIMIT 1")
        or store.first(f"SELECT 1 FROM findings WHERE {DUE_AGAIN} LIMIT 1", (now, repeat_s))  # noqa: S608  # a text of ours
    )


def claim(store: Store, fingerprints: Sequence[str], group: tuple[str, float] | None = None) -> list[str]:
    """Take findings for this process, and return those that no other living one deals with and that still wait.

    With the key of their group, and when it was found due: none where others are at that group, or were since then.
    What is new in it waits, as after any thought: many lines of a crontab at the same minute are one question.
    """
    ours = name_this_process()
    got = []
    with store.transaction():
        if group is not None and store.first(BUSY, (group[0], ours, group[1], time.time())):
            return []
        for fingerprint in fingerprints:
            row = store.first("SELECT claim FROM findings WHERE fingerprint = ? AND waits = 1", (fingerprint,))
            if row is not None and (row[0] is None or row[0] == ours):
                got.append(fingerprint)
        store.execute_many("UPDATE findings SET claim = ? WHERE fingerprint = ?", [(ours, each) for each in got])
    return got


def give_back(store: Store, fingerprints: Iterable[str]) -> None:
    """Leave findings to whoever comes next."""
    ours = name_this_process()
    store.execute_many(
        "UPDATE findings SET claim = NULL WHERE fingerprint = ? AND claim = ?", [(each, ours) for each in fingerprints]
    )


def handle(store: Store, fingerprints: Iterable[str], by: str, now: float) -> None:
    """Write down that findings of this process are dealt with; what changed under its hands goes on waiting."""
    ours = name_this_process()
    store.execute_many(HANDLE, [(now, by, each, ours) for each in fingerprints])


def free_claims_of_dead(store: Store) -> None:
    """Take the findings from processes that are gone."""
    for (holder,) in store.select(HOLDER):
        if not is_claim_held(str(holder)):
            store.execute("UPDATE findings SET claim = NULL WHERE claim = ?", (holder,))
