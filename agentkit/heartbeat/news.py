"""What did the runs show that ended since the last check?

Read page by page, so that a backlog of any length stays small in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from agentkit.core.evidence import Job, JobChange, Run, read_number
from agentkit.core.ledger import Ledger
from agentkit.core.ledger.jobs import find_job, read_learned, update_jobs
from agentkit.core.ledger.notes import read_value, write_value
from agentkit.core.ledger.runs import find_run, iterate_unjudged, mark_judged
from agentkit.core.lines import INFO, WARNING
from agentkit.heartbeat.expectation import Promises
from agentkit.heartbeat.judging import JobMemory, judge_run, read_memory, write_extra
from agentkit.heartbeat.lateness import find_due
from agentkit.heartbeat.memory import decode_learned, encode_learned
from agentkit.heartbeat.sighting import Sighting
from agentkit.heartbeat.surroundings import find_clock_jumps

CLOCK_KEY = "clock"
PAGE_RUNS = 1000
# A retry that was announced and does not come within this is a failure after all.
RETRY_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class News:
    """What the runs since the last check showed; `ended_jobs` are those of which a run really ended."""

    sightings: tuple[Sighting, ...]
    ended_jobs: frozenset[str]


def judge_news(ledger: Ledger, promises: Promises, now: float) -> News:
    """Judge every run that no check has judged, in the order in which they ended."""
    seen: dict[str, list[Sighting]] = {}
    ended: set[str] = set()
    around: list[Sighting] = []
    clock = read_value(ledger, CLOCK_KEY)
    for page in _read_pages(iterate_unjudged(ledger)):
        decided = [(run, is_retried) for run in page if (is_retried := _was_retried(ledger, run, now)) is not None]
        jumps, clock = find_clock_jumps([run for run, _ in decided], clock)
        around += jumps
        memories: dict[str, tuple[Job, JobMemory]] = {}
        for run, is_retried in decided:
            if not is_retried:
                _judge_one(ledger, run, promises, memories=memories, seen=seen, ended=ended)
        around += _keep(ledger, memories, promises, now)
        mark_judged(ledger, [run.id for run, _ in decided])
    if clock:
        write_value(ledger, CLOCK_KEY, clock)
    return News((*_each_once(seen.values()), *around), frozenset(ended))


def _read_pages(runs: Iterator[Run]) -> Iterator[list[Run]]:
    while page := list(islice(runs, PAGE_RUNS)):
        yield page


def _was_retried(ledger: Ledger, run: Run, now: float) -> bool | None:
    """Tell whether another attempt followed this one; None while it still may."""
    if '"retry_after_s"' not in (run.detail_text or ""):
        return False
    pause_s = read_number(run.detail().get("retry_after_s"))
    if any(other.attempt > run.attempt for other in find_run(ledger, run.run)):
        return True
    may_come = pause_s is not None and now < (run.ended_at or now) + pause_s + RETRY_PATIENCE_S
    return None if may_come else False


def _judge_one(
    ledger: Ledger,
    run: Run,
    promises: Promises,
    *,
    memories: dict[str, tuple[Job, JobMemory]],
    seen: dict[str, list[Sighting]],
    ended: set[str],
) -> None:
    if run.job not in memories:
        job = find_job(ledger, run.job)
        if job is None:
            return
        memories[run.job] = job, read_memory(job, decode_learned(read_learned(ledger, job.id)))
    job, memory = memories[run.job]
    settings = promises.settings.get(job.name)
    memory, sightings = judge_run(memory, run, job.expect(), settings.duration_s if settings else None)
    memories[run.job] = job, memory
    if run.state != "skipped":
        ended.add(run.job)
        if run.job in seen:
            # A later run shows that these are over; they are told once all the same.
            earlier = seen[run.job]
            seen[run.job] = [replace(sighting, is_over=True) for sighting in earlier if sighting.type != "skipping"]
    if sightings:
        seen.setdefault(run.job, []).extend(sightings)


def _keep(ledger: Ledger, memories: dict[str, tuple[Job, JobMemory]], promises: Promises, now: float) -> list[Sighting]:
    """Write back what was learnt and when each job is due next; return what is to be said about the jobs themselves."""
    sightings, changes = [], []
    for job, memory in memories.values():
        due = find_due(job, promises.of(job), now)
        changes.append(JobChange(job.id, due, write_extra(job, memory), encode_learned(memory.learned)))
        if memory.trouble:
            sightings.append(Sighting("ledger", f"job:{job.name}", WARNING, f"{job.name}: {memory.trouble}", "learned"))
        if promises.are_silent_about(job):
            title = f"nobody knows when {job.name} is to run: its absence would go unnoticed"
            evidence = {"fix": f"heartbeat run {job.name} --every 1h -- …, or [jobs.{job.name}] in the configuration"}
            sightings.append(Sighting("unwatched", f"job:{job.name}", INFO, title, evidence=evidence))
    update_jobs(ledger, changes)
    return sightings


def _each_once(groups: Iterable[list[Sighting]]) -> Iterable[Sighting]:
    """Yield the newest sighting of each trouble: a job that failed five times since the last check is one finding."""
    for group in groups:
        yield from {(sighting.type, sighting.subject, sighting.key): sighting for sighting in group}.values()
