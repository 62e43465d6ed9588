import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.ledger import jobs, runs, take_in_spool

NOW = 1_790_000_000.0


@pytest.fixture
def take_in(ledger, spool, state):
    """Return a function that brings records into the ledger by way of the spool."""

    def take(*records: bytes) -> None:
        spool(*records)
        take_in_spool(ledger, [state], "web-1", NOW)

    return take


def test_a_run_whose_process_is_gone_is_closed_as_lost(ledger, take_in, record):
    take_in(record("a", "R1"))
    (run,) = runs.find_open_runs(ledger)
    assert runs.close_as_lost(ledger, run, NOW + 60, "pid 4121 is gone")
    assert not runs.close_as_lost(ledger, run, NOW + 61, "again")
    (lost,) = runs.iterate_unjudged(ledger)
    assert (lost.state, lost.started_at, lost.ended_at, lost.pid) == ("lost", NOW, NOW + 60, 4121)
    assert lost.detail() == {"why": "pid 4121 is gone"}
    job = jobs.find_job(ledger, "a")
    assert job is not None
    assert (job.last_state, job.streak, job.runs) == ("lost", -1, 1)


def test_the_run_itself_knows_better_than_who_called_it_lost(ledger, take_in, record):
    take_in(record("a", "R0", "ok", NOW - 9), record("a", "R1"))
    (run,) = runs.find_open_runs(ledger)
    runs.close_as_lost(ledger, run, NOW + 60, "pid 4121 is gone")
    runs.mark_judged(ledger, [run.id for run in runs.iterate_unjudged(ledger)])
    take_in(record("a", "R1", "ok", NOW + 59))
    (found,) = runs.iterate_unjudged(ledger)
    assert (found.run, found.state, found.ended_at) == ("R1", "ok", NOW + 59)
    job = jobs.find_job(ledger, "a")
    assert job is not None
    assert (job.streak, job.runs) == (2, 2)
    (day,) = jobs.find_day_sums(ledger, "a", 0)
    assert (day.runs, day.ok, day.lost) == (2, 2, 0)


def test_a_detail_that_is_no_json_any_more_is_shown_as_it_is(ledger, take_in, record):
    take_in(record("a", "R1", "ok"))
    ledger.execute("UPDATE runs SET detail = '{broken'")
    assert runs.find_run(ledger, "R1")[0].detail() == {"unreadable": "{broken"}


def test_unjudged_runs_come_in_the_order_in_which_they_ended(ledger, take_in, record, monkeypatch):
    monkeypatch.setattr(runs, "PAGE_ROWS", 2)
    ends = [5, 3, 9, 3, 1, 7]
    take_in(*(record("a", f"R{number}", "ok", NOW + end) for number, end in enumerate(ends)))
    seen = []
    for run in runs.iterate_unjudged(ledger):
        runs.mark_judged(ledger, [run.id])
        seen.append((run.ended_at, run.id))
    assert seen == sorted(seen)
    assert len(seen) == len(ends)
    assert list(runs.iterate_unjudged(ledger)) == []


def test_unjudged_runs_can_be_limited(ledger, take_in, record, monkeypatch):
    monkeypatch.setattr(runs, "PAGE_ROWS", 2)
    take_in(*(record("a", f"R{number}", "ok", NOW + number) for number in range(6)))
    assert [run.run for run in runs.iterate_unjudged(ledger, limit=3)] == ["R0", "R1", "R2"]
    assert list(runs.iterate_unjudged(ledger, limit=0)) == []


def test_the_runs_of_a_job_come_newest_first_and_page_by_page(ledger, take_in, record):
    take_in(*(record(job, f"R{number}{job}", "ok", NOW + number) for number in range(5) for job in "ab"))
    newest = runs.find_runs_of(ledger, "a", limit=3)
    assert [run.run for run in newest] == ["R4a", "R3a", "R2a"]
    assert [run.run for run in runs.find_runs_of(ledger, "a", limit=3, before=newest[-1].id)] == ["R1a", "R0a"]
    assert runs.find_runs_of(ledger, "unknown", limit=3) == []


def test_a_run_is_found_by_the_beginning_of_its_id(ledger, take_in, record):
    take_in(record("a", "01ABC", "failed"), record("a", "01ABC", "ok", attempt=2), record("b", "01ABD", "ok"))
    assert [run.attempt for run in runs.find_run(ledger, "01abc")] == [1, 2]
    assert [run.job for run in runs.find_run(ledger, "01ABD")] == ["b"]


def test_a_whole_id_is_found_though_another_one_begins_with_it(ledger, take_in, record):
    take_in(record("a", "01", "ok"), record("b", "012", "ok"))
    assert [run.job for run in runs.find_run(ledger, "01")] == ["a"]


def test_the_beginning_of_several_runs_is_an_error_that_lists_them(ledger, take_in, record):
    take_in(*(record("a", f"01{number:02}", "ok") for number in range(20)))
    with pytest.raises(AgentkitError, match=r"0100 \(a\), 0101 \(a\).* and 12 more") as caught:
        runs.find_run(ledger, "01")
    assert caught.value.status == Exit.USAGE


@pytest.mark.parametrize("text", ["02", ""])
def test_no_run_of_that_beginning_is_unavailable(ledger, take_in, record, text):
    take_in(record("a", "0100", "ok"))
    with pytest.raises(AgentkitError) as caught:
        runs.find_run(ledger, text)
    assert caught.value.status == Exit.UNAVAILABLE
