"""What does a check say that it saw, which of it means tampering, and how does it become a finding?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentkit.core.lines import CRITICAL, Finding

SOURCE = "vault.check"
# What nobody brings about by accident, and no crash: the status is 76.
TAMPERED = "tampered"
RECIPIENTS_CHANGED = "recipients-changed"
WRONG_IDENTITY = "wrong-identity"
ROW = "row"
OF_TAMPERING = frozenset({TAMPERED, RECIPIENTS_CHANGED, WRONG_IDENTITY})


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing that is not as it should be; `next_step` is a command, or what a person has to do."""

    type: str
    subject: str
    severity: str
    title: str
    next_step: str
    key: str = ""
    evidence: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_tampering(self) -> bool:
        """Tell whether this is the work of a hand."""
        return self.type in OF_TAMPERING

    def to_finding(self, host: str, now: float) -> Finding:
        """Return the finding that travels."""
        return Finding(
            SOURCE, self.type, self.subject, self.severity, self.title, host, now, key=self.key,
            evidence={**self.evidence, "next": self.next_step},
        )  # fmt: skip


def tell_tampered(name: str, key: str, what: str, **evidence: object) -> Sighting:
    """Return that a secret is not what was set; `key` is what of it is not."""
    # A row that is not ours stops `set` too: what it says of consumers and delivery would live on.
    mend = f"agentkit vault set {name} < VALUE"
    if key == ROW:
        mend = f"move its row away, and set it anew: agentkit vault set {name} --purpose … < VALUE"
    step = f"do not use it; put its files back from a backup, or issue a new value: {mend}"
    return Sighting(TAMPERED, f"secret:{name}", CRITICAL, f"{name}: {what}", step, key, evidence)
