"""What does the ledger know? Its records, as the commands see them.

Instants are seconds since the epoch (`_at`), durations seconds (`_s`), sizes bytes. Fields ending in `_text` hold JSON
as it was written; the method of the same name reads it, so that nobody pays for what he does not look at.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isfinite

STARTED = "started"
GOOD_STATES = frozenset({"ok"})
BAD_STATES = frozenset({"failed", "timeout", "lost", "idle"})
# A skipped run is neither: it is evidence that cron lives, and none that the work was done.
CLOSED_STATES = GOOD_STATES | BAD_STATES | {"skipped"}


def read_object(text: str | None) -> dict[str, object]:
    """Return the JSON object in a stored text; nothing stored is an empty object.

    A text that is no object any more (a bit of it flipped on the disk) comes back under the key `unreadable`.
    """
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"unreadable": text}


def read_number(value: object) -> float | None:
    """Return the finite number that a stored record holds somewhere; anything else is none, truth values too."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # JSON knows whole numbers of any length
        return None
    return number if isfinite(number) else None


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt of one run of one job."""

    id: int
    host: str
    job: str
    run: str
    attempt: int
    state: str
    started_at: float | None
    ended_at: float | None
    duration_s: float | None
    status: int | None
    signal: int | None
    cpu_s: float | None
    max_rss_bytes: int | None
    blocks_in: int | None
    blocks_out: int | None
    stdout_bytes: int | None
    stdout_lines: int | None
    stderr_bytes: int | None
    stderr_lines: int | None
    pid: int | None
    pid_start: int | None
    boot: str | None
    pid_namespace: int | None
    boottime_s: float | None
    ended_boottime_s: float | None
    timeout_s: float | None
    detail_text: str | None
    is_judged: bool

    def detail(self) -> dict[str, object]:
        """Return everything else that the record said: tail, error_words, left_behind, counters, watched, effects…"""
        return read_object(self.detail_text)


@dataclass(frozen=True, slots=True)
class Job:
    """What is known of a job without reading its runs."""

    id: int
    name: str
    first_seen_at: float
    expect_text: str | None
    """The `expect` of its last run, as JSON."""
    next_due_at: float | None
    last_run: int | None
    """The id of the run that the newest record is about."""
    last_state: str | None
    last_seen_at: float | None
    """The instant of the newest record, whatever it said."""
    last_started_at: float | None
    last_ended_at: float | None
    last_success_at: float | None
    streak: int
    """+n: the last n closed runs were good; -n: they were bad. Skipped runs do not count."""
    skipped_in_a_row: int
    runs: int
    """Closed runs since the beginning, skipped ones too."""
    accepted_at: float | None
    accept_reason: str | None
    extra_text: str | None
    """What the judge keeps, as JSON."""

    def expect(self) -> dict[str, object]:
        """Return what the last run promised."""
        return read_object(self.expect_text)

    def extra(self) -> dict[str, object]:
        """Return what the judge kept."""
        return read_object(self.extra_text)


@dataclass(frozen=True, slots=True)
class JobChange:
    """What a judge writes back about one job; `learned` None leaves what was learnt as it is."""

    job_id: int
    next_due_at: float | None
    extra_text: str | None = None
    learned: bytes | None = None


@dataclass(frozen=True, slots=True)
class DaySum:
    """One day (UTC) of one job; stays when its runs are pruned."""

    job: str
    day: str
    runs: int
    ok: int
    failed: int
    timeout: int
    lost: int
    idle: int
    skipped: int
    duration_sum_s: float
    duration_max_s: float


@dataclass(frozen=True, slots=True)
class NewFinding:
    """A finding as a command saw it just now."""

    fingerprint: str
    host: str
    source: str
    type: str
    subject: str
    key: str
    severity: str
    title: str
    evidence_text: str | None = None


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """A finding as the ledger holds it; `first_seen_at` and `count` belong to the present episode."""

    fingerprint: str
    host: str
    source: str
    type: str
    subject: str
    key: str
    severity: str
    title: str
    evidence_text: str | None
    state: str
    first_seen_at: float
    last_seen_at: float
    resolved_at: float | None
    count: int

    def evidence(self) -> dict[str, object]:
        """Return what the finding rests on."""
        return read_object(self.evidence_text)


@dataclass(frozen=True, slots=True)
class CrontabLine:
    """A crontab line that was seen; `gone_at` is None while it is there."""

    identity: str
    file: str
    user: str | None
    schedule: str
    command: str
    job: str | None
    first_seen_at: float
    last_seen_at: float
    gone_at: float | None


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the ledger's keeper has to say: a torn record, a file set aside."""

    id: int
    at: float
    kind: str
    text: str
    detail: str | None
    is_seen: bool


@dataclass(frozen=True, slots=True)
class Accept:
    """Somebody said that what looks odd is the new normal."""

    id: int
    at: float
    job: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """Something that still has to be sent: `channel` is `notify` or `ping`."""

    id: int
    channel: str
    fingerprint: str | None
    payload: str
    created_at: float
    tried: int
    tried_at: float | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Intake:
    """What taking in the spool brought."""

    records: int = 0
    """Records that changed something."""
    repeated: int = 0
    """Records that were known already."""
    torn: int = 0
    """Lines that are no JSON object: a write was cut off."""
    odd: int = 0
    """Records that say something impossible or unknown; each has a note."""
    files: int = 0
    """Files that had something new."""
    removed: int = 0


@dataclass(frozen=True, slots=True)
class Pruned:
    """What pruning removed, and whether the ledger is within its bound now."""

    runs: int
    findings: int
    notes: int
    crontab_lines: int
    bytes_before: int
    bytes_after: int
    is_within_bound: bool
