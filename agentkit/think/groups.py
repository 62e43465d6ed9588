"""What is a group of findings, of which a mind is asked at once?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Record = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Group:
    """Findings that share their labels; instants are seconds since the epoch.

    `findings` are records as they came, `count` is how often all of them were seen, `severity` the worst of them.
    `notes` tell what runbooks did about them, `recent` are decisions about the same group, newest first.
    """

    key: str
    labels: Mapping[str, str]
    findings: tuple[Record, ...]
    first_seen: float
    last_seen: float
    count: int
    severity: str
    notes: tuple[str, ...] = ()
    recent: tuple[Record, ...] = ()
