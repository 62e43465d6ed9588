"""How does one beat change the ledger, exactly once?

A run is one row for (run, attempt). Its `started` record opens the row, its closing record closes it; whatever comes
again or too late changes nothing. One exception: a run that a reader closed as `lost` is closed again by its own
record, because the run knows better than the one who missed it.
"""

# ruff: noqa: S608  # what is put into a statement here are lists of columns from this module
from __future__ import annotations

from dataclasses import dataclass, field

from agentkit.core.evidence import BAD_STATES, GOOD_STATES, STARTED, read_object
from agentkit.core.ledger.beats import INTEGERS, REALS, Beat, OddRecordError, write_json
from agentkit.core.ledger.store import Ledger

DAY_S = 86400
# What a closing record says when another attempt of the same run is to follow.
AGAIN = "retry_after_s"
STREAK_LIMIT = 1000
MEASURED = tuple(name for name in (*INTEGERS, *REALS) if name != "boottime_s")
COLUMNS = (
    "started_at",
    "ended_at",
    "boot_id",
    "boottime_s",
    "ended_boottime_s",
    "detail",
    "judged",
    "state",
    *MEASURED,
)
INSERT = (
    f"INSERT INTO runs (host_id, job_id, run, attempt, {', '.join(COLUMNS)}) "
    f"VALUES (?, ?, ?, ?, {', '.join('?' * len(COLUMNS))})"
)
CLOSE = (
    "UPDATE runs SET started_at = coalesce(started_at, ?), ended_at = ?, boot_id = coalesce(boot_id, ?), "
    "boottime_s = coalesce(boottime_s, ?), ended_boottime_s = ?, detail = ?, judged = ?, state = ?, "
    f"{', '.join(f'{name} = coalesce(?, {name})' for name in MEASURED)} WHERE id = ?"
)
JOB_COLUMNS = (
    "expect", "last_run", "last_state", "last_seen_at", "last_started_at", "last_ended_at", "last_success_at", "streak",
    "skipped_in_a_row", "runs",
)  # fmt: skip
DAY_STATES = ("ok", "failed", "timeout", "lost", "idle", "skipped")


@dataclass(slots=True)
class JobTally:
    """A job's row while a batch changes it."""

    id: int
    expect: str | None = None
    last_run: int | None = None
    last_state: str | None = None
    last_seen_at: float | None = None
    last_started_at: float | None = None
    last_ended_at: float | None = None
    last_success_at: float | None = None
    streak: int = 0
    skipped_in_a_row: int = 0
    runs: int = 0
    is_streak_doubtful: bool = False


@dataclass(slots=True)
class DayTally:
    """What a batch adds to one day of one job."""

    runs: int = 0
    states: dict[str, int] = field(default_factory=dict)
    duration_sum_s: float = 0.0
    duration_max_s: float = 0.0


@dataclass(slots=True)
class Batch:
    """What one transaction has changed and not yet written; `now` is the reader's clock."""

    own_host: str
    now: float
    jobs: dict[str, JobTally] = field(default_factory=dict)
    words: dict[str, int] = field(default_factory=dict)
    days: dict[tuple[int, int], DayTally] = field(default_factory=dict)


def apply_beat(ledger: Ledger, batch: Batch, beat: Beat) -> bool:
    """Bring one beat into the ledger; return whether it changed anything.

    Needs an open transaction that ends with `flush`. Raises OddRecordError when it contradicts what is known.
    """
    row = ledger.first(
        "SELECT runs.id, name, state, ended_at, duration_s, detail FROM runs JOIN jobs ON jobs.id = job_id "
        "WHERE run = ? AND attempt = ?",
        (beat.run, beat.attempt),
    )
    if row is not None and row["name"] != beat.job:
        raise OddRecordError(f"run {beat.run} belongs to the job {row['name']}, not to {beat.job}")
    job = find_tally(ledger, batch, beat.job)
    if row is None:
        run_id = _insert(ledger, batch, job, beat)
    elif beat.state == STARTED or not (row["state"] == STARTED or (row["state"] == "lost" and beat.state != "lost")):
        return False
    else:
        run_id = row["id"]
        boot_id = find_word(ledger, batch, beat.boot) if beat.boot else None
        detail = {**read_object(row["detail"]), **beat.detail}
        ledger.execute(CLOSE, (*_values(beat, boot_id, detail), run_id))
        if row["state"] == "lost":
            _count_day(batch, job.id, row["ended_at"], "lost", row["duration_s"], sign=-1)
            job.is_streak_doubtful = True
            job.runs -= 1
    if beat.state == STARTED:
        _note_start(batch, job, run_id, beat)
    elif AGAIN in beat.detail:
        # An attempt that another one follows is no end of a run: a retry that heals counts as one good run.
        _note_seen(batch, job, run_id, beat)
    else:
        _count_day(batch, job.id, beat.at, beat.state, beat.measured.get("duration_s"), sign=1)
        _note_end(batch, job, run_id, beat)
    return True


def flush(ledger: Ledger, batch: Batch) -> None:
    """Write the sums of the batch; the last thing in its transaction."""
    for job in batch.jobs.values():
        if job.is_streak_doubtful:
            job.streak = _count_streak(ledger, job.id)
    ledger.execute_many(
        f"UPDATE jobs SET {', '.join(f'{name} = ?' for name in JOB_COLUMNS)} WHERE id = ?",
        [(*(getattr(job, name) for name in JOB_COLUMNS), job.id) for job in batch.jobs.values()],
    )
    ledger.execute_many(
        f"INSERT INTO days (job_id, day, runs, {', '.join(DAY_STATES)}, duration_sum_s, duration_max_s) "
        f"VALUES (?, ?, ?, {', '.join('?' * len(DAY_STATES))}, ?, ?) ON CONFLICT (job_id, day) DO UPDATE SET "
        "runs = runs + excluded.runs, duration_sum_s = duration_sum_s + excluded.duration_sum_s, "
        "duration_max_s = max(duration_max_s, excluded.duration_max_s), "
        + ", ".join(f"{state} = {state} + excluded.{state}" for state in DAY_STATES),
        [
            (
                *key,
                day.runs,
                *(day.states.get(state, 0) for state in DAY_STATES),
                day.duration_sum_s,
                day.duration_max_s,
            )
            for key, day in batch.days.items()
        ],
    )
    batch.jobs.clear()
    batch.words.clear()
    batch.days.clear()


def find_tally(ledger: Ledger, batch: Batch, name: str) -> JobTally:
    """Return the job's row, made when it is new."""
    job = batch.jobs.get(name)
    if job is None:
        row = ledger.first(f"SELECT id, {', '.join(JOB_COLUMNS)} FROM jobs WHERE name = ?", (name,))
        if row is None:
            added = ledger.execute("INSERT INTO jobs (name, first_seen_at) VALUES (?, ?)", (name, batch.now))
            job = JobTally(added.lastrowid or 0)
        else:
            job = JobTally(*row)
        batch.jobs[name] = job
    return job


def find_word(ledger: Ledger, batch: Batch, word: str) -> int:
    """Return the id of a repeated text, given when it is new."""
    word_id = batch.words.get(word)
    if word_id is None:
        row = ledger.first("SELECT id FROM words WHERE word = ?", (word,))
        word_id = row[0] if row else ledger.execute("INSERT INTO words (word) VALUES (?)", (word,)).lastrowid or 0
        batch.words[word] = word_id
    return word_id


def _insert(ledger: Ledger, batch: Batch, job: JobTally, beat: Beat) -> int:
    host_id = find_word(ledger, batch, beat.host or batch.own_host)
    boot_id = find_word(ledger, batch, beat.boot) if beat.boot else None
    values = (host_id, job.id, beat.run, beat.attempt, *_values(beat, boot_id, beat.detail))
    return ledger.execute(INSERT, values).lastrowid or 0


def _values(beat: Beat, boot_id: int | None, detail: dict[str, object]) -> list[str | int | float | None]:
    is_start = beat.state == STARTED
    boottime_s = beat.measured.get("boottime_s")
    return [
        beat.started_at,
        None if is_start else beat.at,
        boot_id,
        boottime_s if is_start else None,
        None if is_start else boottime_s,
        write_json(detail) if detail else None,
        None if is_start else 0,
        beat.state,
        *(beat.measured.get(name) for name in MEASURED),
    ]


def _is_news(instant: float, known: float | None, now: float) -> bool:
    # A clock that was wrong once must not freeze a job's row until the future it spoke of.
    return known is None or instant >= min(known, now)


def _note_start(batch: Batch, job: JobTally, run_id: int, beat: Beat) -> None:
    if _is_news(beat.at, job.last_started_at, batch.now):
        job.last_started_at = beat.at
        job.expect = beat.expect_text or job.expect
    if _is_news(beat.at, job.last_seen_at, batch.now):
        job.last_seen_at, job.last_run, job.last_state = beat.at, run_id, STARTED


def _note_seen(batch: Batch, job: JobTally, run_id: int, beat: Beat) -> None:
    if _is_news(beat.at, job.last_seen_at, batch.now):
        job.last_seen_at, job.last_run, job.last_state = beat.at, run_id, beat.state
        job.expect = beat.expect_text or job.expect


def _note_end(batch: Batch, job: JobTally, run_id: int, beat: Beat) -> None:
    job.runs += 1
    _note_seen(batch, job, run_id, beat)
    if beat.state == "skipped":
        job.skipped_in_a_row += 1
        return
    job.skipped_in_a_row = 0
    if beat.started_at is not None and _is_news(beat.started_at, job.last_started_at, batch.now):
        job.last_started_at = beat.started_at
    if _is_news(beat.at, job.last_ended_at, batch.now):
        job.last_ended_at = beat.at
        if beat.state in GOOD_STATES:
            job.streak = max(job.streak, 0) + 1
        elif beat.state in BAD_STATES:
            job.streak = min(job.streak, 0) - 1
    if beat.state in GOOD_STATES and _is_news(beat.at, job.last_success_at, batch.now):
        job.last_success_at = beat.at


def _count_day(batch: Batch, job_id: int, at: float, state: str, duration_s: float | None, *, sign: int) -> None:
    day = batch.days.setdefault((job_id, int(at // DAY_S)), DayTally())
    day.runs += sign
    day.states[state] = day.states.get(state, 0) + sign
    day.duration_sum_s += sign * (duration_s or 0.0)
    day.duration_max_s = max(day.duration_max_s, (duration_s or 0.0) if sign > 0 else 0.0)


def _count_streak(ledger: Ledger, job_id: int) -> int:
    streak = 0
    statement = "SELECT state, detail FROM runs WHERE job_id = ? ORDER BY id DESC LIMIT ?"
    for row in ledger.select(statement, (job_id, STREAK_LIMIT)):
        if AGAIN in (row[1] or ""):
            continue
        step = 1 if row[0] in GOOD_STATES else -1 if row[0] in BAD_STATES else 0
        if streak * step < 0:
            break
        streak += step
    return streak
