"""What is not as it should be in a repository, and what is the next step?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentkit.core.errors import AgentkitError
from agentkit.core.lines import CRITICAL, Finding

SOURCE = "ratchet.doctor"


@dataclass(frozen=True)
class Sign:
    """Something that the doctor found; `key` tells two of one type and subject apart."""

    type: str
    subject: str
    severity: str
    title: str
    next_step: str
    key: str = ""
    evidence: Mapping[str, object] = field(default_factory=dict)

    def to_finding(self, host: str, now: float) -> Finding:
        """Return it as the record that travels."""
        return Finding(
            source=SOURCE,
            type=self.type,
            subject=self.subject,
            severity=self.severity,
            title=self.title,
            host=host,
            at=now,
            key=self.key,
            evidence={"next": self.next_step, **self.evidence},
        )


def from_error(type_: str, subject: str, error: AgentkitError, *, severity: str = CRITICAL) -> Sign:
    """Return what an error says as a sign; two errors of one type have one fingerprint, whatever their words."""
    return Sign(type_, subject, severity, error.message, error.hint or "git fsck", evidence={"status": error.status})
