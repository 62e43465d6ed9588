"""How does each job stand: is it well, when did it last come, when is it due?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from agentkit.core.config import Configuration
from agentkit.core.evidence import BAD_STATES, STARTED, Job, StoredFinding
from agentkit.core.ledger import Ledger
from agentkit.core.ledger.durations import find_recent_durations
from agentkit.core.ledger.findings import find_firing
from agentkit.core.ledger.jobs import find_day_sums, iterate_jobs
from agentkit.core.ledger.lines import find_lines
from agentkit.core.ledger.notes import read_value
from agentkit.core.ledger.runs import find_open_runs
from agentkit.core.lines import INFO
from agentkit.core.times import format_instant
from agentkit.heartbeat.breaks import BREAK_KEY, Clocks, find_last_break
from agentkit.heartbeat.ended import find_lost
from agentkit.heartbeat.expectation import Expectation, Promises, find_schedules
from agentkit.heartbeat.lateness import find_due, is_awaiting_its_turn, is_retired
from agentkit.heartbeat.sighting import SOURCE
from agentkit.heartbeat.viewing import refuse_unknown_job

TREND_RUNS = 30
SUCCESS_DAYS = 30
DAY_S = 86400.0
# Worst first; `odd` is a job whose last run ended well and which has a finding all the same.
ORDER = (
    "lost", "failed", "timeout", "idle", "missing", "late", "odd", "skipped", "running", "waiting", "ok", "retired",
)  # fmt: skip
WELL = frozenset({"skipped", "running", "waiting", "ok", "retired"})


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How one job stands; `next_at` is when it is to come, `late_from_at` when it is late (its grace is over)."""

    job: Job
    state: str
    expectation: Expectation | None
    next_at: float | None
    late_from_at: float | None
    is_late: bool
    findings: tuple[StoredFinding, ...]
    durations_s: tuple[float | None, ...] = ()
    ok_runs: int = 0
    judged_runs: int = 0

    @property
    def success_share(self) -> float | None:
        """Return the share of good runs of the last days; None when none ended. Skipped runs count for neither."""
        return self.ok_runs / self.judged_runs if self.judged_runs else None

    @property
    def alarms(self) -> int:
        """Return how many of the findings matter."""
        return sum(finding.severity != INFO for finding in self.findings)

    @property
    def is_well(self) -> bool:
        """Tell whether nobody needs to look at the job."""
        return self.state in WELL and not self.alarms


def find_statuses(
    ledger: Ledger, configuration: Configuration, names: Sequence[str], clocks: Clocks, *, with_past: bool = True
) -> list[JobStatus]:
    """Return how jobs stand, worst first: those named, else all that left evidence or are expected.

    `with_past` adds the durations of the last runs and the share of good ones. Raises AgentkitError (unavailable) for
    a name that nobody knows.
    """
    now = clocks.now
    promises = Promises(find_schedules(find_lines(ledger)), configuration.jobs)
    jobs = {job.name: job for job in iterate_jobs(ledger)}
    for name in promises.settings:
        jobs.setdefault(name, _expect_at_all(name, now))
    for name in names:
        if name not in jobs:
            raise refuse_unknown_job(name, jobs)
    open_runs = find_open_runs(ledger)
    lost = {run.job for run, _ in find_lost(open_runs, now)}
    alive = {run.job for run in open_runs} - lost
    findings = _group_findings(find_firing(ledger, source=SOURCE))
    unbroken_since, _ = find_last_break(clocks, read_value(ledger, BREAK_KEY))
    statuses = []
    for job in [jobs[name] for name in dict.fromkeys(names)] if names else jobs.values():
        expectation = promises.of(job)
        late_from_at = find_due(job, expectation, now)
        next_at = late_from_at - expectation.grace_s if expectation and late_from_at is not None else None
        is_late = (
            expectation is not None
            and late_from_at is not None
            and late_from_at < now
            and not is_awaiting_its_turn(expectation, unbroken_since, now)
        )
        status = JobStatus(job, "", expectation, next_at, late_from_at, is_late, tuple(findings.get(job.name, ())))
        status = replace(status, state=_find_state(status, lost, alive))
        statuses.append(_add_past(ledger, status, now) if with_past else status)
    return sorted(statuses, key=lambda status: (_rank(status), status.job.name))


def to_record(status: JobStatus, host: str, now: float) -> dict[str, object]:
    """Return the record that travels (kind `job`)."""
    job, expectation = status.job, status.expectation
    share = status.success_share
    return {
        "v": 1,
        "kind": "job",
        "at": format_instant(now),
        "host": host,
        "job": job.name,
        "state": status.state,
        "last_state": job.last_state,
        "last_seen_at": _instant(job.last_seen_at),
        "last_started_at": _instant(job.last_started_at),
        "last_ended_at": _instant(job.last_ended_at),
        "last_success_at": _instant(job.last_success_at),
        "expected": expectation.describe() if expectation else None,
        "said_by": expectation.said_by if expectation else None,
        "next_at": _instant(status.next_at),
        "late_from_at": _instant(status.late_from_at),
        "streak": job.streak,
        "skipped_in_a_row": job.skipped_in_a_row,
        "runs": job.runs,
        "success_share": None if share is None else round(share, 6),
        "success_days": SUCCESS_DAYS,
        "durations_s": list(status.durations_s),
        "findings": [
            {"type": found.type, "severity": found.severity, "title": found.title, "fingerprint": found.fingerprint}
            for found in status.findings
        ],
        "accepted_at": _instant(job.accepted_at),
        "accept_reason": job.accept_reason,
    }


def _expect_at_all(name: str, now: float) -> Job:
    """Return a job that only the configuration knows: no check has run since it was written there."""
    return Job(0, name, now, None, None, None, None, None, None, None, None, 0, 0, 0, None, None, None)


def _rank(status: JobStatus) -> int:
    rank = ORDER.index(status.state)
    return min(rank, ORDER.index("odd")) if status.alarms else rank


def _group_findings(firing: Iterable[StoredFinding]) -> Mapping[str, list[StoredFinding]]:
    grouped: dict[str, list[StoredFinding]] = {}
    for finding in firing:
        kind, _, name = finding.subject.partition(":")
        if kind == "job":
            grouped.setdefault(name, []).append(finding)
    return grouped


def _find_state(status: JobStatus, lost: set[str], alive: set[str]) -> str:
    job = status.job
    if is_retired(job):
        return "retired"
    if job.last_state in (STARTED, "skipped"):
        # A run that goes on is what the next one was skipped for.
        if job.name in lost:
            return "lost"
    elif job.last_state in BAD_STATES:
        return str(job.last_state)
    if status.is_late:
        return "missing" if job.last_seen_at is None else "late"
    if job.name in alive:
        return "running"
    if status.alarms:
        return "odd"
    return job.last_state or "waiting"


def _add_past(ledger: Ledger, status: JobStatus, now: float) -> JobStatus:
    days = find_day_sums(ledger, status.job.name, now - SUCCESS_DAYS * DAY_S)
    return replace(
        status,
        durations_s=tuple(find_recent_durations(ledger, status.job.id, TREND_RUNS)),
        ok_runs=sum(day.ok for day in days),
        judged_runs=sum(day.runs - day.skipped for day in days),
    )


def _instant(instant: float | None) -> str | None:
    return None if instant is None else format_instant(instant)
