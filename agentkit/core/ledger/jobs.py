"""What does the ledger know of each job?"""

# ruff: noqa: S608  # what is put into a statement here are lists of columns from this module
from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime

from agentkit.core.evidence import DaySum, Job, JobChange
from agentkit.core.ledger.store import Ledger

SELECT = """
SELECT id, name, first_seen_at, expect, next_due_at, last_run, last_state, last_seen_at, last_started_at, last_ended_at,
    last_success_at, streak, skipped_in_a_row, runs, accepted_at, accept_reason, extra FROM jobs
"""
DUE = f"{SELECT} WHERE next_due_at < ? ORDER BY next_due_at"
EPOCH = date(1970, 1, 1).toordinal()


def find_job(ledger: Ledger, name: str) -> Job | None:
    """Return a job, or None when the ledger never heard of it."""
    row = ledger.first(f"{SELECT} WHERE name = ?", (name,))
    return None if row is None else Job(*row)


def iterate_jobs(ledger: Ledger) -> Iterator[Job]:
    """Yield all jobs by name. Do not write to jobs meanwhile: make a list of them first."""
    for row in ledger.select(f"{SELECT} ORDER BY name"):
        yield Job(*row)


def find_jobs_due_before(ledger: Ledger, instant: float) -> list[Job]:
    """Return the jobs whose next_due_at has passed, the longest overdue first."""
    return [Job(*row) for row in ledger.select(DUE, (instant,))]


def remember_job(ledger: Ledger, name: str, at: float) -> Job:
    """Return a job, made when it is new: somebody expects it, though it never left evidence."""
    with ledger.transaction():
        ledger.execute("INSERT OR IGNORE INTO jobs (name, first_seen_at) VALUES (?, ?)", (name, at))
        row = ledger.first(f"{SELECT} WHERE name = ?", (name,))
    return Job(*(row or ()))


def update_jobs(ledger: Ledger, changes: Iterable[JobChange]) -> None:
    """Write back what a judge concluded about many jobs, in one transaction."""
    changes = list(changes)
    with ledger.transaction():
        ledger.execute_many(
            "UPDATE jobs SET next_due_at = ?, extra = ? WHERE id = ?",
            [(change.next_due_at, change.extra_text, change.job_id) for change in changes],
        )
        write_learned(ledger, ((change.job_id, change.learned) for change in changes if change.learned is not None))


def read_learned(ledger: Ledger, job_id: int) -> bytes | None:
    """Return what was learnt about a job."""
    row = ledger.first("SELECT data FROM learned WHERE job_id = ?", (job_id,))
    return None if row is None else bytes(row[0])


def write_learned(ledger: Ledger, learned: Iterable[tuple[int, bytes]]) -> None:
    """Keep what was learnt about jobs, by their ids."""
    ledger.execute_many("INSERT OR REPLACE INTO learned (job_id, data) VALUES (?, ?)", learned)


def find_newest_evidence(ledger: Ledger) -> float | None:
    """Return the instant of the newest record of any job; None when nothing ever came in."""
    row = ledger.first("SELECT max(last_seen_at) FROM jobs")
    return None if row is None else row[0]


def find_day_sums(ledger: Ledger, job: str, since: float) -> list[DaySum]:
    """Return the daily sums of a job from the day of an instant on, oldest first."""
    columns = "day, days.runs, ok, failed, timeout, lost, idle, skipped, duration_sum_s, duration_max_s"
    statement = (
        f"SELECT name, {columns} FROM jobs CROSS JOIN days ON job_id = jobs.id WHERE name = ? AND day >= ? ORDER BY day"
    )
    first_day = datetime.fromtimestamp(since, UTC).toordinal() - EPOCH
    return [
        DaySum(row[0], date.fromordinal(EPOCH + row[1]).isoformat(), *row[2:])
        for row in ledger.select(statement, (job, first_day))
    ]
