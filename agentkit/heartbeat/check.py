"""What is expected held against what was seen: which findings hold now, which are new, which have gone?

Everything is written in one transaction: a check that is killed leaves the runs unjudged, and the next one judges them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from agentkit.core.config import Configuration
from agentkit.core.evidence import JobChange, StoredFinding
from agentkit.core.ledger import Ledger, take_in_spool
from agentkit.core.ledger.findings import find_firing, find_resolved_since, resolve_findings, upsert_findings
from agentkit.core.ledger.jobs import (
    find_jobs_due_before,
    find_newest_evidence,
    iterate_jobs,
    remember_job,
    update_jobs,
)
from agentkit.core.ledger.notes import find_unseen_notes, mark_notes_seen, read_instant, read_value, write_value
from agentkit.core.ledger.runs import close_as_lost, find_open_runs
from agentkit.core.lines import INFO, SEVERITIES
from agentkit.core.spool import spool_places
from agentkit.heartbeat.breaks import BREAK_KEY, Clocks, find_last_break
from agentkit.heartbeat.ended import find_lost
from agentkit.heartbeat.expectation import Promises
from agentkit.heartbeat.lateness import find_due, find_late
from agentkit.heartbeat.news import judge_news
from agentkit.heartbeat.scheduled import look_at_crontabs
from agentkit.heartbeat.sighting import OF_RUNS, SOURCE, Sighting
from agentkit.heartbeat.surroundings import find_ledger_needs, find_stale_locks, see_notes

LAST_CHECK_KEY, PROMISED_KEY = "last-check", "promised-jobs"
SHOW_RESOLVED_S = 86400.0
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


def run_check(
    ledger: Ledger,
    folder: str,
    environ: Mapping[str, str],
    configuration: Configuration,
    *,
    clocks: Clocks,
    root: str = "/",
    keep: Callable[[Checked], None] | None = None,
) -> Checked:
    """Judge every run since the last check, look who is late, and settle which findings hold.

    `root` is the root folder of the machine whose crontabs are read; `keep` is called in the transaction that settles
    the findings, so that what it writes down is there when they are.
    """
    places, now = spool_places(environ), clocks.now
    take_in_spool(ledger, places, configuration.host, now)
    _close_lost(ledger, places, configuration.host, now)
    with ledger.transaction():
        scheduled = look_at_crontabs(ledger, folder, now, root)
        promises = Promises(scheduled.schedules, configuration.jobs)
        _forget_the_future(ledger, promises, now)
        _remember_promised(ledger, promises, scheduled.since, now)
        news = judge_news(ledger, promises, now)
        sightings = [*news.sightings, *scheduled.sightings]
        sightings += _find_late_jobs(ledger, promises, scheduled.vanished, configuration.host, clocks)
        sightings += _look_around(ledger, folder, environ, configuration, now)
        checked = _settle(ledger, sightings, news.ended_jobs, configuration.host, now)
        if keep is not None:
            keep(checked)
        write_value(ledger, LAST_CHECK_KEY, repr(now))
    return checked


def _close_lost(ledger: Ledger, places: list[str], host: str, now: float) -> None:
    lost = find_lost(find_open_runs(ledger), now)
    if lost:
        # One that ended while we looked has left its record before its process went.
        take_in_spool(ledger, places, host, now)
        with ledger.transaction():
            for run, why in lost:
                close_as_lost(ledger, run, now, why)


def _forget_the_future(ledger: Ledger, promises: Promises, now: float) -> None:
    """Make all due times anew after the clock was set back: the old ones may lie a month ahead."""
    last = read_last_check(ledger)
    if last is not None and last > now + CLOCK_PATIENCE_S:
        jobs = list(iterate_jobs(ledger))
        update_jobs(ledger, [JobChange(job.id, find_due(job, promises.of(job), now), job.extra_text) for job in jobs])


def _remember_promised(ledger: Ledger, promises: Promises, since: Mapping[str, float], now: float) -> None:
    """Give every promised job a due time, when what is promised changed: one that never comes must be missed too."""
    names = sorted({*promises.settings, *promises.schedules})
    wanted = repr([(name, promises.schedules.get(name), promises.settings.get(name)) for name in names])
    if wanted == read_value(ledger, PROMISED_KEY):
        return
    jobs = [remember_job(ledger, name, since.get(name, now)) for name in names]
    update_jobs(ledger, [JobChange(job.id, find_due(job, promises.of(job), now), job.extra_text) for job in jobs])
    write_value(ledger, PROMISED_KEY, wanted)


def _find_late_jobs(
    ledger: Ledger, promises: Promises, vanished: frozenset[str], host: str, clocks: Clocks
) -> tuple[Sighting, ...]:
    unbroken_since, seen = find_last_break(clocks, read_value(ledger, BREAK_KEY))
    write_value(ledger, BREAK_KEY, seen)
    due = find_jobs_due_before(ledger, clocks.now)
    lateness = find_late(
        due,
        promises,
        now=clocks.now,
        unbroken_since=unbroken_since,
        newest_evidence=find_newest_evidence(ledger),
        vanished=vanished,
        host=host,
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


def _settle(ledger: Ledger, sightings: list[Sighting], ended_jobs: frozenset[str], host: str, now: float) -> Checked:
    """Record what was seen, and resolve what holds no longer."""
    before = {finding.fingerprint: finding for finding in find_firing(ledger, source=SOURCE)}
    seen = upsert_findings(ledger, [sighting.to_finding(host) for sighting in sightings], now)
    fingerprints = {finding.fingerprint for finding in seen}
    gone = [
        finding
        for finding in before.values()
        if finding.fingerprint not in fingerprints and not _still_holds(finding, ended_jobs)
    ]
    resolve_findings(ledger, [finding.fingerprint for finding in gone], now)
    # The worst first, then the oldest: the first line of a mail is the one that is read.
    firing = sorted(
        find_firing(ledger, source=SOURCE), key=lambda finding: SEVERITIES.index(finding.severity), reverse=True
    )
    return Checked(
        firing=tuple(firing),
        new=tuple(finding for finding in firing if finding.fingerprint not in before),
        resolved=tuple(find_resolved_since(ledger, now - SHOW_RESOLVED_S, source=SOURCE)),
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
    return read_instant(ledger, LAST_CHECK_KEY)


def describe_user() -> str:
    """Return who calls, for what is recorded: the name of the user, else the number."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
