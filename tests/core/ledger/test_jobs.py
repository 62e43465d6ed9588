import pytest

from agentkit.core.evidence import Job, JobChange
from agentkit.core.ledger import Ledger, jobs, take_in_spool

NOW = 1_790_000_000.0


@pytest.fixture
def take_in(ledger, spool, state):
    """Return a function that brings records into the ledger by way of the spool."""

    def take(*records: bytes, now: float = NOW + 1000) -> None:
        spool(*records)
        take_in_spool(ledger, [state], "web-1", now)

    return take


def find(ledger: Ledger, name: str) -> Job:
    job = jobs.find_job(ledger, name)
    assert job is not None
    return job


def test_the_streak_counts_good_runs_up_and_bad_ones_down_and_skipped_ones_not_at_all(ledger, take_in, record):
    streaks = []
    for number, state in enumerate(
        ["ok", "ok", "skipped", "ok", "failed", "idle", "skipped", "skipped", "timeout", "ok"]
    ):
        take_in(record("a", f"R{number}", state, NOW + 10 * number))
        job = find(ledger, "a")
        streaks.append((job.streak, job.skipped_in_a_row))
    assert streaks == [(1, 0), (2, 0), (2, 1), (3, 0), (-1, 0), (-2, 0), (-2, 1), (-2, 2), (-3, 0), (1, 0)]
    assert find(ledger, "a").runs == 10


def test_a_skipped_run_is_evidence_but_no_run_of_the_work(ledger, take_in, record):
    take_in(record("a", "R1", "ok", NOW), record("a", "R2", "skipped", NOW + 50))
    job = find(ledger, "a")
    assert (job.last_seen_at, job.last_state) == (NOW + 50, "skipped")
    assert (job.last_started_at, job.last_ended_at, job.last_success_at) == (NOW - 2, NOW, NOW)


def test_evidence_that_comes_late_does_not_turn_the_clock_back(ledger, take_in, record, spool, tmp_path):
    spool(record("a", "R1", "failed", NOW, expect={"every_s": 1.0}), place=str(tmp_path / "late"))
    take_in(record("a", "R2", "ok", NOW + 50, expect={"every_s": 2.0}))
    take_in_spool(ledger, [str(tmp_path / "late")], "web-1", NOW + 1000)
    job = find(ledger, "a")
    assert (job.last_state, job.last_seen_at, job.streak, job.expect()) == ("ok", NOW + 50, 1, {"every_s": 2.0})
    assert job.runs == 2


def test_a_record_of_a_clock_that_ran_ahead_does_not_freeze_the_job(ledger, take_in, record):
    take_in(record("a", "R1", "ok", NOW + 1e9), record("a", "R2", "failed", NOW + 1500), now=NOW + 1001)
    job = find(ledger, "a")
    assert (job.last_state, job.last_seen_at, job.streak) == ("failed", NOW + 1500, -1)


def test_a_job_that_never_came_can_be_remembered(ledger):
    job = jobs.remember_job(ledger, "a", NOW)
    assert (job.first_seen_at, job.last_seen_at, job.runs) == (NOW, None, 0)
    assert jobs.remember_job(ledger, "a", NOW + 9) == job


def test_only_jobs_whose_due_has_passed_are_due(ledger):
    found = {name: jobs.remember_job(ledger, name, NOW) for name in "abcd"}
    dues = {"a": NOW + 5, "b": NOW - 5, "c": NOW - 50, "d": None}
    jobs.update_jobs(ledger, [JobChange(found[name].id, due) for name, due in dues.items()])
    assert [job.name for job in jobs.find_jobs_due_before(ledger, NOW)] == ["c", "b"]


def test_what_the_judge_writes_back_is_read_again(ledger):
    first, second = jobs.remember_job(ledger, "a", NOW), jobs.remember_job(ledger, "b", NOW)
    jobs.update_jobs(ledger, [JobChange(first.id, NOW, '{"odd":[1]}', b"\0\1"), JobChange(second.id, None)])
    assert find(ledger, "a").extra() == {"odd": [1]}
    assert jobs.read_learned(ledger, first.id) == b"\0\1"
    assert jobs.read_learned(ledger, second.id) is None
    jobs.update_jobs(ledger, [JobChange(first.id, NOW)])
    assert jobs.read_learned(ledger, first.id) == b"\0\1"


def test_daily_sums_are_kept_a_day_each(ledger, take_in, record):
    take_in(
        record("a", "R1", "ok", NOW, duration_s=2.0),
        record("a", "R2", "failed", NOW, duration_s=8.0),
        record("a", "R3", "ok", NOW + 86400, duration_s=...),
    )
    first, second = jobs.find_day_sums(ledger, "a", NOW)
    assert (first.day, first.runs, first.ok, first.failed) == ("2026-09-21", 2, 1, 1)
    assert (first.duration_sum_s, first.duration_max_s) == (10.0, 8.0)
    assert (second.day, second.runs, second.duration_sum_s) == ("2026-09-22", 1, 0.0)
    assert jobs.find_day_sums(ledger, "a", NOW + 86400) == [second]


def test_the_newest_evidence_is_that_of_any_job(ledger, take_in, record):
    assert jobs.find_newest_evidence(ledger) is None
    take_in(record("a", "R1", "ok", NOW + 5), record("b", "R2"))
    assert jobs.find_newest_evidence(ledger) == NOW + 5
