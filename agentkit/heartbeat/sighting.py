"""What does a check say that it saw, and how does it become a finding?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentkit.core.evidence import NewFinding, StoredFinding
from agentkit.core.fingerprints import fingerprint
from agentkit.core.ledger.beats import write_json
from agentkit.core.ledger.findings import to_finding
from agentkit.core.times import format_instant

SOURCE = "heartbeat.check"
# What a run showed stays true until a later run shows otherwise; everything else is looked at anew by each check.
OF_RUNS = frozenset(
    {
        "failed", "timeout", "lost", "idle", "skipping", "flapping", "too-fast", "too-small", "too-slow", "too-large",
        "unchanged", "error-words", "left-behind",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing that is not as it should be, seen by this check; `is_over` says that a later run was healthy."""

    type: str
    subject: str
    severity: str
    title: str
    key: str = ""
    evidence: Mapping[str, object] = field(default_factory=dict)
    is_over: bool = False

    def to_finding(self, host: str) -> NewFinding:
        """Return what the ledger keeps of it."""
        evidence = {**self.evidence, "over": True} if self.is_over else dict(self.evidence)
        return NewFinding(
            fingerprint(host, SOURCE, self.type, self.subject, self.key),
            host,
            SOURCE,
            self.type,
            self.subject,
            self.key,
            self.severity,
            self.title,
            write_json(evidence) if evidence else None,
        )


def to_record(stored: StoredFinding, now: float) -> dict[str, object]:
    """Return a finding of the ledger as the record that travels."""
    record = to_finding(stored, now).to_record()
    if stored.resolved_at is not None:
        record["resolved_at"] = format_instant(stored.resolved_at)
    return record
