"""Whose evidence is due and did not come?

Only the jobs whose `next_due_at` has passed are looked at, through an index: the cost does not grow with the runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agentkit.core.evidence import Job
from agentkit.core.lines import CRITICAL, WARNING
from agentkit.core.times import format_duration, format_instant
from agentkit.heartbeat.expectation import Expectation, Promises
from agentkit.heartbeat.sighting import Sighting

# After a break a job gets its next turn, if that comes within an hour and its grace, before it is called late.
PATIENCE_S = 4000.0


@dataclass(frozen=True, slots=True)
class Lateness:
    """What came of the jobs that were due: who is late, and when the others are due next (None: never)."""

    sightings: tuple[Sighting, ...]
    next_due: Mapping[int, float | None]


def find_late(
    due: list[Job],
    promises: Promises,
    *,
    now: float,
    unbroken_since: float,
    newest_evidence: float | None,
    vanished: frozenset[str],
    host: str,
) -> Lateness:
    """Return who is late among the jobs whose stored due time has passed.

    When one that a crontab line runs is due and nothing at all came in since, cron itself is dead, which is one
    finding instead of one a job.
    """
    next_due: dict[int, float | None] = {}
    late: list[tuple[Job, Expectation, float]] = []
    for job in due:
        expectation = promises.of(job)
        # Evidence from the future (a clock that was set back) says nothing new: the stored time stands.
        due_at = job.next_due_at if _came_at(job) > now else find_due(job, expectation, now)
        if expectation is None or due_at is None or due_at >= now:
            next_due[job.id] = due_at
        elif not is_awaiting_its_turn(expectation, unbroken_since, now) and job.name not in vanished:
            late.append((job, expectation, due_at))
    silent = _see_silence(late, newest_evidence, promises, now, host)
    if silent:
        return Lateness((silent,), next_due)
    return Lateness(tuple(_see_late(*entry, now) for entry in late), next_due)


def find_due(job: Job, expectation: Expectation | None, now: float) -> float | None:
    """Return when the job is late, judged from its newest evidence; None when nothing is expected of it."""
    if expectation is None or is_retired(job):
        return None
    # Evidence from the future must not excuse a job for ever.
    return expectation.find_due(min(_came_at(job), now))


def retire(job: Job) -> dict[str, object]:
    """Return what is to stand in the job's `extra` when its absence was accepted."""
    return {**job.extra(), "retired": True, "retired_seen_at": job.last_seen_at}


def is_retired(job: Job) -> bool:
    """Tell whether the job's absence was accepted, and it has left no evidence since: with that it is expected again.

    Runs that came before and are judged later are no return, so it is the evidence that counts, not the judging.
    """
    extra = job.extra()
    return bool(extra.get("retired")) and extra.get("retired_seen_at") == job.last_seen_at


def is_awaiting_its_turn(expectation: Expectation, unbroken_since: float, now: float) -> bool:
    """Tell whether the machine was off or asleep so lately that the job's first turn since has not come yet."""
    first_turn = expectation.find_due(unbroken_since)
    return first_turn is not None and first_turn > now and first_turn - unbroken_since <= PATIENCE_S


def _came_at(job: Job) -> float:
    if job.last_started_at is None or job.last_state == "skipped":
        # A skipped run is evidence too: cron did its part.
        return job.first_seen_at if job.last_seen_at is None else job.last_seen_at
    return job.last_started_at


def _see_silence(
    late: list[tuple[Job, Expectation, float]],
    newest_evidence: float | None,
    promises: Promises,
    now: float,
    host: str,
) -> Sighting | None:
    """Return the one finding that nothing at all came in, if that is so; a job that never came proves nothing."""
    came_before = [(job, due_at) for job, _, due_at in late if job.last_seen_at is not None]
    is_clockwork = any(job.name in promises.schedules for job, _ in came_before) or len(came_before) > 1
    if not came_before or not is_clockwork or newest_evidence is None:
        return None
    first_due = min(due_at for _, due_at in came_before)
    if newest_evidence >= first_due:
        return None
    jobs = [job.name for job, _ in came_before]
    named = ", ".join(jobs[:5]) + (f" and {len(jobs) - 5} more" if len(jobs) > 5 else "")
    title = f"no job has left evidence for {format_duration(now - newest_evidence)}; due: {named}; does cron run?"
    evidence = {"newest_evidence": format_instant(newest_evidence), "due": jobs}
    return Sighting("silent-machine", f"host:{host}", CRITICAL, title, evidence=evidence)


def _see_late(job: Job, expectation: Expectation, due_at: float, now: float) -> Sighting:
    evidence = {"due": format_instant(due_at), "expected": expectation.describe(), "said_by": expectation.said_by}
    subject = f"job:{job.name}"
    if job.last_seen_at is None:
        title = f"{job.name} has never left evidence, expected {expectation.describe()} ({expectation.said_by})"
        return Sighting("missing", subject, CRITICAL, title, evidence=evidence)
    evidence["last_seen"] = format_instant(job.last_seen_at)
    silence = format_duration(max(0.0, now - (job.last_started_at or job.last_seen_at)))
    title = f"{job.name} has left no evidence for {silence} (expected {expectation.describe()})"
    period = expectation.period_s() or 0.0
    severity = CRITICAL if now - due_at > period else WARNING
    return Sighting("late", subject, severity, title, evidence=evidence)
