"""Which findings of a group stand for all of them, and what of each is told?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentkit.core.lines import SEVERITIES
from agentkit.think.groups import Record
from agentkit.think.quoting import Json, take_in

SHOWN_NAMES = 20
# In this order: where there is no room, what stands last goes first.
FIRST_KEYS = (
    "severity", "state", "source", "type", "subject", "host", "title", "count", "first_seen", "last_seen", "cause",
)  # fmt: skip
# A fingerprint looks like a secret, and tells a model nothing.
UNTOLD = frozenset((*FIRST_KEYS, "impact", "impact_count", "evidence", "fingerprint", "v", "kind", "at", "key"))


def choose_samples(findings: Sequence[Record]) -> list[tuple[str, Record]]:
    """Return up to three findings, each with what it is (worst, newest, oldest); those of another title come first."""
    roles: tuple[tuple[str, Callable[[Record], tuple[int, str]], bool], ...] = (
        ("worst", lambda record: (rank_severity(record.get("severity")), _read_instant(record, "last_seen")), True),
        ("newest", lambda record: (0, _read_instant(record, "last_seen")), True),
        ("oldest", lambda record: (0, _read_instant(record, "first_seen")), False),
    )
    left = dict(enumerate(findings))
    titles: set[str] = set()
    chosen = []
    for role, order, is_greatest in roles:
        fresh = [at for at, record in left.items() if _read_title(record) not in titles] or list(left)
        if not fresh:
            break
        at = (max if is_greatest else min)(fresh, key=lambda at, order=order: order(left[at]))  # type: ignore[misc]
        record = left.pop(at)
        titles.add(_read_title(record))
        chosen.append((role, record))
    return chosen


def describe_sample(number: int, role: str, record: Record) -> Json:
    """Return what is told of a finding, the most important first."""
    told: dict[str, object] = {"finding": number, "is": role}
    told.update({key: record[key] for key in FIRST_KEYS if key in record})
    impact = record.get("impact")
    if isinstance(impact, list | tuple) and impact:
        count = record.get("impact_count")
        told["impact"] = impact[:SHOWN_NAMES]
        told["impact_count"] = max(len(impact), count) if isinstance(count, int) else len(impact)
    if "evidence" in record:
        told["evidence"] = record["evidence"]
    more = {key: value for key, value in record.items() if key not in UNTOLD}
    if more:
        told["more"] = more
    return take_in(told)


def rank_severity(severity: object) -> int:
    """Return how bad it is, from 0; what nobody knows is as bad as a warning."""
    return SEVERITIES.index(severity) if isinstance(severity, str) and severity in SEVERITIES else 1


def _read_title(record: Record) -> str:
    title = record.get("title")
    return title if isinstance(title, str) else ""


def _read_instant(record: Record, key: str) -> str:
    # RFC 3339 in UTC with three digits behind the point is in the order of time as text.
    for name in (key, "at"):
        value = record.get(name)
        if isinstance(value, str):
            return value
    return ""
