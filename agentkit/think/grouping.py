"""Which findings that wait are worth a mind now: in which groups, and why do the others wait?

As Alertmanager does it (https://prometheus.io/docs/alerting/latest/alertmanager/): a group that was thought about waits
`group_interval` for what comes new in it, and is thought about again after `repeat_interval` while it fires; a critical
finding silences the warnings of the same subject. There is no `group_wait`: cron is the wait.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Sequence

from agentkit.core.jsonlines import SEVERITIES
from agentkit.core.settings import ThinkSettings
from agentkit.think.groups import Group
from agentkit.think.inbox import DUE_AGAIN
from agentkit.think.runbooks import find_runs, note_of
from agentkit.think.store import Store

RECENT_DECISIONS = 3
MOST_NOTES = 20
RECENT_RUNS = 2
WAITING = """
SELECT fingerprint, host, source, type, subject, severity, record FROM findings
WHERE waits = 1 AND state = 'firing' AND severity <> 'info' AND (claim IS NULL OR claim = ?)
    ORDER BY waiting_since, fingerprint
"""
MEMBER = "SELECT severity, record, first_seen_at, last_seen_at, count FROM findings WHERE fingerprint = ?"
SILENCED = """
SELECT quiet.fingerprint, min(loud.fingerprint) FROM findings AS quiet JOIN findings AS loud
    ON loud.subject = quiet.subject AND loud.host = quiet.host
    AND loud.state = 'firing' AND loud.severity = 'critical' AND loud.last_seen_at > quiet.last_seen_at - ?
    AND coalesce(loud.handled_by, '') NOT LIKE 'dropped%'
WHERE quiet.waits = 1 AND quiet.state = 'firing' AND quiet.severity = 'warning' GROUP BY quiet.fingerprint
"""
REPEATS = f"UPDATE findings SET waits = 1, waiting_since = ?1, waiting_for = 'repeat' WHERE {DUE_AGAIN}"  # noqa: S608
# A check tells for a day what is gone. A critical finding that was heard of so much earlier than its warning will never
# be told as gone any more, and silences nothing.
SILENCES_S = 2 * 86400.0
# What is due keeps the reason of the last time, until there is another one; so does what was asked about in vain and
# waits for its group: it is not told again each time that the group is due.
PUT_OFF = """
UPDATE findings SET group_key = ?1, waiting_for = CASE
    WHEN ?2 = 'group_interval' AND waiting_for NOT LIKE 'critical %' AND waiting_for <> 'repeat' THEN waiting_for
    ELSE coalesce(?2, waiting_for) END WHERE fingerprint = ?3
"""


def find_due_groups(store: Store, settings: ThinkSettings, ours: str, now: float) -> list[tuple[str, list[str]]]:
    """Return the keys of the groups that are due, those that wait longest first, with the fingerprints of each.

    What is not due keeps waiting, and why is written down.
    """
    with store.transaction():
        store.execute(REPEATS, (now, settings.repeat_interval_s))
    silenced = {str(quiet): f"critical {loud!s}" for quiet, loud in store.select(SILENCED, (SILENCES_S,))}
    thought = {str(key): float(at or 0.0) for key, at in store.select("SELECT key, thought_at FROM groups")}
    members: dict[str, list[str]] = defaultdict(list)
    reasons: list[tuple[str | None, str | None, str]] = []
    for row in store.select(WAITING, (ours,)):
        fingerprint = str(row[0])
        key = json.dumps(_label(settings.group_by, row), sort_keys=True)
        reason = silenced.get(fingerprint)
        # A clock that was set back must not silence a group until it is there again; another wake may think just now.
        if reason is None and abs(now - thought.get(key, -math.inf)) < settings.group_interval_s:
            reason = "group_interval"
        reasons.append((key, reason, fingerprint))
        if reason is None:
            members[key].append(fingerprint)
    with store.transaction():
        store.execute_many(PUT_OFF, reasons)
    return list(members.items())


def read_group(store: Store, key: str, fingerprints: Sequence[str]) -> Group:
    """Return a group with these of its findings as they are now.

    To be called once they are claimed: what changes after that takes the claim away, and is so not dealt with unseen.
    """
    rows = [row for each in fingerprints for row in store.select(MEMBER, (each,))]
    recent = store.select(
        "SELECT record FROM decisions WHERE group_key = ? ORDER BY at DESC LIMIT ?", (key, RECENT_DECISIONS)
    )
    return Group(
        key=key,
        labels=json.loads(key),
        findings=tuple(json.loads(str(row[1])) for row in rows),
        first_seen=min(float(str(row[2])) for row in rows),
        last_seen=max(float(str(row[3])) for row in rows),
        count=sum(int(str(row[4])) for row in rows),
        severity=max((str(row[0]) for row in rows), key=SEVERITIES.index),
        notes=_read_notes(store, fingerprints),
        recent=tuple(json.loads(str(record)) for (record,) in recent),
    )


def _label(group_by: Sequence[str], row: Sequence[object]) -> dict[str, str]:
    """Return what a finding shares with its group: its root cause where that is known, else what `group_by` names."""
    cause = _find_cause(str(row[6]))
    if cause:
        return {"cause": cause}
    values = {"host": row[1], "source": row[2], "type": row[3], "subject": row[4], "severity": row[5]}
    return {name: str(values[name]) for name in group_by if name in values}


def _find_cause(text: str) -> str:
    # Most have none, and to read the record for it would cost more than all the rest.
    if '"cause"' not in text:
        return ""
    cause = json.loads(text).get("cause")
    root = cause.get("root") if isinstance(cause, dict) else None
    return root if isinstance(root, str) else ""


def _read_notes(store: Store, fingerprints: Sequence[str]) -> tuple[str, ...]:
    outcomes = [outcome for each in fingerprints[:MOST_NOTES] for outcome in find_runs(store, each)[:RECENT_RUNS]]
    return tuple(note_of(outcome) for outcome in outcomes)
