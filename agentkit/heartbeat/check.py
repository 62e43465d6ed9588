"""What is expected held against what was seen: which findings hold now, which are new, which have gone?

Everything is written in one transaction: a check that is killed leaves the runs unjudged, and the next one judges them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from agentkit.core.config import Configuration
from agentkit.core.evidence import Job, JobChange, Run, StoredFinding
from agentkit.core.ledger import Ledger, take_in_spool
from agentkit.core.ledger.findings import find_firing, find_resolved_since, resolve_findings, upsert_findings
from agentkit.core.ledger.jobs import (
    find_job,
    find_jobs_due_before,
    find_newest_evidence,
    iterate_jobs,
    read_learned,
    remember_job,
    update_jobs,
)
from agentkit.core.ledger.notes import find_unseen_notes, mark_notes_seen, read_value, write_value
from agentkit.core.ledger.runs import close_as_lost, find_open_runs, find_run, iterate_unjudged, mark_judged
from agentkit.core.spool import spool_places
from agentkit.heartbeat.ended import find_lost
from agentkit.heartbeat.expectation import Expectation, expect_of
from agentkit.heartbeat.judging import JobMemory, judge_run, read_memory, write_extra
from agentkit.heartbeat.lateness import find_due, find_late
from agentkit.heartbeat.memory import decode_learned, encode_learned
from agentkit.heartbeat.scheduled import Scheduled, look_at_crontabs
from agentkit.heartbeat.sighting import INFO, OF_RUNS, Sighting
from agentkit.heartbeat.surroundings import find_clock_jumps, find_ledger_needs, find_stale_locks, see_notes

LAST_CHECK_KEY, CLOCK_KEY, EXPECTED_KEY = "last-check", "clock", "expected-jobs"
SHOW_RESOLVED_S = 86400.0
# A retry that was announced and does not come within this is a failure after all.
RETRY_PATIENCE_S = 60.0
# A clock that is kept by NTP moves by less than this.
CLOCK_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Checked:
    """What one check found: what holds now, the new part of it, what was resolved within a day, what is just gone."""

    firing: tuple[StoredFinding, ...]
    new: tuple[StoredFinding, ...]
    resolved: tuple[StoredFinding, ...]
    gone: tuple[StoredFinding, ...]

    @property
    def is_well(self) -> bool:
        """Tell whether nothing that matters holds: what is merely worth knowing does not change the status."""
        return all(finding.severity == INFO for finding in self.firing)


@dataclass(frozen=True, slots=True)
class Judged:
    """What the runs since the last check showed."""

    sightings: tuple[Sighting, ...]
    ended_jobs: frozenset[str]
    runs: tuple[Run, ...]


def run_check(
    ledger: Ledger,
    folder: str,
    environ: Mapping[str, str],
    configuration: Configuration,
    *,
    now: float,
    root: str = "/",
) -> Checked:
    """Judge every run since the last check, look who is late, and settle which findings hold.

    `root` is the root folder of the machine whose crontabs are read.
    """
    places = spool_places(environ)
    take_in_spool(ledger, places, configuration.host, now)
    _close_lost(ledger, places, configuration.host, now)
    with ledger.transaction():
        scheduled = look_at_crontabs(ledger, folder, now, root)
        _forget_the_future(ledger, scheduled, configuration, now)
        _remember_expected(ledger, scheduled, configuration, now)
        judged = _judge_runs(ledger, scheduled, configuration, now)
        sightings = [*judged.sightings, *scheduled.sightings]
        sightings += _find_late_jobs(ledger, scheduled, configuration, now)
        sightings += _look_around(ledger, folder, environ, configuration, now)
        sightings += _find_clock_jumps(ledger, judged.runs)
        checked = _settle(ledger, sightings, judged.ended_jobs, configuration.host, now)
        write_value(ledger, LAST_CHECK_KEY, repr(now))
    return checked


def _close_lost(ledger: Ledger, places: list[str], host: str, now: float) -> None:
    lost = find_lost(find_open_runs(ledger), now)
    if lost:
        # One that ended while we looked has left its record before its process went.
        take_in_spool(ledger, places, host, now)
        for run, why in lost:
            close_as_lost(ledger, run, now, why)


def _forget_the_future(ledger: Ledger, scheduled: Scheduled, configuration: Configuration, now: float) -> None:
    """Make all due times anew after the clock was set back: the old ones may lie a month ahead."""
    last = read_last_check(ledger)
    if last is None or last <= now + CLOCK_PATIENCE_S:
        return
    changes = []
    for job in list(iterate_jobs(ledger)):
        due = find_due(job, _expect(job, scheduled, configuration), now)
        changes.append(JobChange(job.id, due, job.extra_text))
    update_jobs(ledger, changes)


def _remember_expected(ledger: Ledger, scheduled: Scheduled, configuration: Configuration, now: float) -> None:
    """Give a due time to every job that is expected and has none, so that one that never comes is missed."""
    named = {**dict.fromkeys(configuration.jobs), **dict.fromkeys(scheduled.schedules)}
    known = read_value(ledger, EXPECTED_KEY)
    wanted = repr(sorted((name, scheduled.schedules.get(name), configuration.jobs.get(name)) for name in named))
    if wanted == known:
        return
    changes = []
    for name in named:
        job = remember_job(ledger, name, scheduled.since.get(name, now))
        due = find_due(job, _expect(job, scheduled, configuration), now)
        changes.append(JobChange(job.id, due, job.extra_text))
    update_jobs(ledger, changes)
    write_value(ledger, EXPECTED_KEY, wanted)


def _expect(job: Job, scheduled: Scheduled, configuration: Configuration) -> Expectation | None:
    return expect_of(job, scheduled.schedules.get(job.name), configuration.jobs.get(job.name))


def _judge_runs(ledger: Ledger, scheduled: Scheduled, configuration: Configuration, now: float) -> Judged:
    sightings: dict[str, list[Sighting]] = {}
    memories: dict[str, tuple[Job, JobMemory]] = {}
    judged: list[Run] = []
    ended: set[str] = set()
    for run in iterate_unjudged(ledger):
        pause = run.detail().get("retry_after_s")
        is_retried = pause is not None and any(other.attempt > run.attempt for other in find_run(ledger, run.run))
        if isinstance(pause, int | float) and not is_retried and _may_be_retried(run, float(pause), now):
            continue
        judged.append(_without_detail(run))
        if is_retried:
            continue
        if run.job not in memories:
            job = find_job(ledger, run.job)
            if job is None:
                continue
            memories[run.job] = job, read_memory(job, decode_learned(read_learned(ledger, job.id)))
        job, memory = memories[run.job]
        memory, seen = judge_run(memory, run, job.expect())
        memories[run.job] = job, memory
        earlier = sightings.setdefault(run.job, [])
        if run.state != "skipped":
            # A later run shows that these are over; they are told once all the same.
            earlier[:] = [replace(sighting, is_over=True) for sighting in earlier if sighting.type != "skipping"]
            ended.add(run.job)
        earlier += seen
    changes = []
    for job, memory in memories.values():
        expectation = _expect(job, scheduled, configuration)
        if expectation is None and job.name not in configuration.jobs:
            title = f"nobody knows when {job.name} is to run: its absence would go unnoticed"
            evidence = {"fix": f"heartbeat run {job.name} --every 1h -- … or [jobs.{job.name}] in the configuration"}
            sightings[job.name].append(Sighting("unwatched", f"job:{job.name}", INFO, title, evidence=evidence))
        due = find_due(replace(job, extra_text=None), expectation, now)
        changes.append(JobChange(job.id, due, write_extra(job, memory), encode_learned(memory.learned)))
    update_jobs(ledger, changes)
    mark_judged(ledger, [run.id for run in judged])
    return Judged(tuple(_each_once(sightings.values())), frozenset(ended), tuple(judged))


def _without_detail(run: Run) -> Run:
    # Ten thousand tails of 64 KiB are no way to remember a clock.
    return replace(run, detail_text=None)


def _may_be_retried(run: Run, pause_s: float, now: float) -> bool:
    return now < (run.ended_at or now) + pause_s + RETRY_PATIENCE_S


def _each_once(groups: Iterable[list[Sighting]]) -> Iterable[Sighting]:
    """Yield the newest sighting of each trouble: a job that failed five times since the last check is one finding."""
    for group in groups:
        yield from {(sighting.type, sighting.subject, sighting.key): sighting for sighting in group}.values()


def _find_late_jobs(
    ledger: Ledger, scheduled: Scheduled, configuration: Configuration, now: float
) -> tuple[Sighting, ...]:
    due = find_jobs_due_before(ledger, now)
    lateness = find_late(
        due,
        lambda job: _expect(job, scheduled, configuration),
        now=now,
        newest_evidence=find_newest_evidence(ledger),
        by_cron=frozenset(scheduled.schedules),
        vanished=scheduled.vanished,
        host=configuration.host,
    )
    update_jobs(
        ledger,
        [JobChange(job.id, lateness.next_due[job.id], job.extra_text) for job in due if job.id in lateness.next_due],
    )
    return lateness.sightings


def _look_around(
    ledger: Ledger, folder: str, environ: Mapping[str, str], configuration: Configuration, now: float
) -> list[Sighting]:
    settings = configuration.heartbeat
    sightings = find_stale_locks(settings.lock_files, settings.lock_age_s, now)
    notes = find_unseen_notes(ledger)
    sightings += see_notes(notes, folder)
    mark_notes_seen(ledger, [note.id for note in notes])
    return sightings + find_ledger_needs(folder, dict(environ))


def _find_clock_jumps(ledger: Ledger, runs: tuple[Run, ...]) -> list[Sighting]:
    jumps, clock = find_clock_jumps(list(runs), read_value(ledger, CLOCK_KEY))
    if clock:
        write_value(ledger, CLOCK_KEY, clock)
    return jumps


def _settle(ledger: Ledger, sightings: list[Sighting], ended_jobs: frozenset[str], host: str, now: float) -> Checked:
    """Record what was seen, and resolve what holds no longer."""
    before = {finding.fingerprint: finding for finding in find_firing(ledger)}
    seen = upsert_findings(ledger, [sighting.to_finding(host) for sighting in sightings], now)
    fingerprints = {finding.fingerprint for finding in seen}
    gone = [
        finding
        for finding in before.values()
        if finding.fingerprint not in fingerprints and not _still_holds(finding, ended_jobs)
    ]
    resolve_findings(ledger, [finding.fingerprint for finding in gone], now)
    firing = find_firing(ledger)
    return Checked(
        firing=tuple(firing),
        new=tuple(finding for finding in firing if finding.fingerprint not in before),
        resolved=tuple(find_resolved_since(ledger, now - SHOW_RESOLVED_S)),
        gone=tuple(replace(finding, state="resolved", resolved_at=now) for finding in gone),
    )


def _still_holds(finding: StoredFinding, ended_jobs: frozenset[str]) -> bool:
    if finding.type == "unwatched" and finding.key == "":
        return finding.subject.removeprefix("job:") not in ended_jobs
    if finding.type not in OF_RUNS:
        return False
    return finding.subject.removeprefix("job:") not in ended_jobs and not finding.evidence().get("over")


def read_last_check(ledger: Ledger) -> float | None:
    """Return when the last check finished, or None."""
    value = read_value(ledger, LAST_CHECK_KEY)
    return float(value) if value else None


def describe_user() -> str:
    """Return who calls, for what is recorded: the name of the user, else the number."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
