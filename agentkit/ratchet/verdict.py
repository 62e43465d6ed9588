"""What is the answer to a candidate, and how does it travel?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agentkit.core.errors import Exit
from agentkit.core.times import format_instant
from agentkit.ratchet.comparing import Comparison
from agentkit.ratchet.metrics import MetricVerdict

ACCEPT, REJECT, NO_EVIDENCE = "accept", "reject", "no evidence"
STATUSES = {ACCEPT: Exit.OK, REJECT: Exit.FINDINGS, NO_EVIDENCE: Exit.BAD_DATA}


@dataclass(frozen=True)
class Verdict:
    """An answer and all that led to it; `reason` is one line for a person, `evidence` where the rest is kept."""

    answer: str
    base: str
    candidate: str
    reason: str
    comparison: Comparison = field(default_factory=Comparison)
    metrics: tuple[MetricVerdict, ...] = ()
    mechanism: str | None = None
    hints: tuple[str, ...] = ()
    runs: tuple[Mapping[str, object], ...] = ()
    evidence: str = ""

    def record(self, host: str, at: datetime) -> dict[str, object]:
        """Return the record that travels (kind `verdict`); `at` knows its time zone."""
        found = self.comparison
        return {
            "v": 1,
            "kind": "verdict",
            "at": format_instant(at.timestamp()),
            "host": host,
            "answer": self.answer,
            "reason": self.reason,
            "base": self.base,
            "candidate": self.candidate,
            "regressed": [
                {"id": change.id, "was": change.was, "now": change.now, "why": change.why} for change in found.regressed
            ],
            "missing": list(found.missing),
            "fixed": list(found.fixed),
            "new": list(found.new),
            "unstable": list(found.unstable),
            "metrics": [metric.record() for metric in self.metrics],
            "mechanism": self.mechanism,
            "hints": list(self.hints),
            "runs": [dict(run) for run in self.runs],
            "evidence": self.evidence,
        }


def exit_status(answer: str) -> int:
    """Return the status with which a command ends that gave this answer."""
    return STATUSES[answer]
