"""Which findings are firing, and which have gone?"""

from __future__ import annotations

from collections.abc import Iterable

from agentkit.core.evidence import NewFinding, StoredFinding
from agentkit.core.ledger.store import Ledger
from agentkit.core.lines import Finding

SELECT = """
SELECT fingerprint, host, source, type, subject, key, severity, title, evidence, state, first_seen_at, last_seen_at,
    resolved_at, count FROM findings
"""
OF_SOURCE = "(?1 IS NULL OR source = ?1)"
FIRING = f"{SELECT} WHERE state = 'firing' AND {OF_SOURCE} ORDER BY first_seen_at, fingerprint"
RESOLVED = f"{SELECT} WHERE state = 'resolved' AND {OF_SOURCE} AND resolved_at >= ?2 ORDER BY resolved_at, fingerprint"
# A finding that comes back after it was resolved begins a new episode.
UPSERT = """
INSERT INTO findings (fingerprint, host, source, type, subject, key, severity, title, evidence, state, first_seen_at,
    last_seen_at, resolved_at, count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'firing', ?, ?, NULL, 1)
ON CONFLICT (fingerprint) DO UPDATE SET severity = excluded.severity, title = excluded.title,
    evidence = excluded.evidence, last_seen_at = excluded.last_seen_at, state = 'firing', resolved_at = NULL,
    first_seen_at = CASE state WHEN 'firing' THEN first_seen_at ELSE excluded.first_seen_at END,
    count = CASE state WHEN 'firing' THEN count + 1 ELSE 1 END
"""


def to_finding(stored: StoredFinding, now: float) -> Finding:
    """Return a finding of the ledger as it is now."""
    return Finding(
        source=stored.source,
        type=stored.type,
        subject=stored.subject,
        severity=stored.severity,
        title=stored.title,
        host=stored.host,
        at=now,
        key=stored.key,
        state=stored.state,
        first_seen=stored.first_seen_at,
        last_seen=stored.last_seen_at,
        count=stored.count,
        evidence=stored.evidence(),
        given_fingerprint=stored.fingerprint,
    )


def find_firing(ledger: Ledger, *, source: str | None = None) -> list[StoredFinding]:
    """Return the findings that hold now, oldest first: all of them, or those of one source."""
    return [StoredFinding(*row) for row in ledger.select(FIRING, (source,))]


def find_resolved_since(ledger: Ledger, since: float, *, source: str | None = None) -> list[StoredFinding]:
    """Return the findings, of one source or of any, that went since an instant, in the order in which they did."""
    return [StoredFinding(*row) for row in ledger.select(RESOLVED, (source, since))]


def find_finding(ledger: Ledger, fingerprint: str) -> StoredFinding | None:
    """Return one finding, firing or resolved."""
    row = ledger.first(f"{SELECT} WHERE fingerprint = ?", (fingerprint,))
    return None if row is None else StoredFinding(*row)


def upsert_findings(ledger: Ledger, findings: Iterable[NewFinding], at: float) -> list[StoredFinding]:
    """Record that these findings were seen at an instant; return them as they stand now, in the same order."""
    findings = list(findings)
    with ledger.transaction():
        ledger.execute_many(
            UPSERT,
            [
                (new.fingerprint, new.host, new.source, new.type, new.subject, new.key, new.severity, new.title,
                 new.evidence_text, at, at)
                for new in findings
            ],
        )  # fmt: skip
        stored = [find_finding(ledger, new.fingerprint) for new in findings]
    return [finding for finding in stored if finding is not None]


def resolve_findings(ledger: Ledger, fingerprints: Iterable[str], at: float) -> None:
    """Record that these findings have gone; those that had gone already keep their instant."""
    ledger.execute_many(
        "UPDATE findings SET state = 'resolved', resolved_at = ? WHERE fingerprint = ? AND state = 'firing'",
        [(at, fingerprint) for fingerprint in fingerprints],
    )
