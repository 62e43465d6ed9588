import os

import pytest

from agentkit.core.evidence import CrontabLine, NewFinding
from agentkit.core.ledger import findings, jobs, lines, notes, prune, runs, take_in_spool

NOW = 1_790_000_000.0
DAY_S = 86400.0
FAR = 1 << 40


@pytest.fixture
def filled(ledger, spool, record, state):
    """A ledger with a run a day for 300 days of `daily`, and three old ones of `rare`."""
    old = [record("rare", f"Z{number}", "ok", NOW - (400 - number) * DAY_S, tail="x" * 4000) for number in range(3)]
    daily = [record("daily", f"R{age}", "ok", NOW - age * DAY_S, tail="x" * 4000) for age in range(300, 0, -1)]
    spool(*old, *daily)
    take_in_spool(ledger, [state], "web-1", NOW)
    runs.mark_judged(ledger, [run.id for run in runs.iterate_unjudged(ledger)])
    return ledger


def left(ledger, job: str) -> list[str]:
    return [run.run for run in runs.find_runs_of(ledger, job, limit=1000)]


def test_runs_older_than_the_bound_go_and_daily_sums_stay(filled):
    pruned = prune.prune(filled, 100, FAR, NOW)
    assert pruned.runs == 200
    assert left(filled, "daily") == [f"R{age}" for age in range(1, 101)]
    assert len(jobs.find_day_sums(filled, "daily", 0)) == 300
    assert pruned.is_within_bound


def test_the_last_runs_of_each_job_stay_however_old_they_are(filled):
    prune.prune(filled, 1, FAR, NOW)
    assert left(filled, "daily") == [f"R{age}" for age in range(1, 51)]
    assert left(filled, "rare") == ["Z2", "Z1", "Z0"]


def test_the_file_gets_smaller_until_it_is_within_its_bytes(filled, state):
    before = os.path.getsize(f"{state}/ledger.db") + os.path.getsize(f"{state}/ledger.db-wal")
    bound = 700_000
    pruned = prune.prune(filled, 10_000, bound, NOW)
    assert pruned.bytes_before == before > bound
    assert pruned.is_within_bound
    assert os.path.getsize(f"{state}/ledger.db") <= bound
    remaining = left(filled, "daily")
    assert 50 < len(remaining) < 300
    assert remaining == [f"R{age}" for age in range(1, len(remaining) + 1)]


def test_a_bound_that_cannot_be_reached_is_said(filled):
    pruned = prune.prune(filled, 10_000, 1000, NOW)
    assert not pruned.is_within_bound
    assert len(left(filled, "daily")) == 50


def test_open_and_unjudged_runs_stay(filled, spool, record, state):
    spool(record("daily", "OPEN", at=NOW - 290 * DAY_S), record("daily", "UNJUDGED", "ok", NOW - 290 * DAY_S))
    take_in_spool(filled, [state], "web-1", NOW)
    prune.prune(filled, 1, 1000, NOW, kept_runs=0)
    assert left(filled, "daily") == ["UNJUDGED", "OPEN"]


def test_many_small_steps_remove_as_much_as_a_large_one(filled, monkeypatch):
    monkeypatch.setattr(prune, "BATCH_ROWS", 7)
    monkeypatch.setattr(prune, "GIVE_BACK_PAGES", 3)
    assert prune.prune(filled, 100, FAR, NOW).runs == 200


def test_what_was_told_and_is_over_goes_with_its_time(ledger):
    new = [NewFinding(name, "web-1", "check", "late", "job:a", "", "info", "late") for name in "abc"]
    findings.upsert_findings(ledger, new, NOW - 200 * DAY_S)
    findings.resolve_findings(ledger, ["a"], NOW - 150 * DAY_S)
    findings.resolve_findings(ledger, ["b"], NOW - 50 * DAY_S)
    notes.add_note(ledger, "torn", "unseen", NOW - 150 * DAY_S)
    notes.mark_notes_seen(ledger, [notes.add_note(ledger, "torn", "seen", NOW - 150 * DAY_S)])
    at = NOW - 150 * DAY_S
    lines.see_lines(ledger, [CrontabLine(name, "/f", None, "@daily", "true", None, at, at, None) for name in "xy"])
    lines.mark_lines_gone(ledger, ["x"], at)
    pruned = prune.prune(ledger, 100, FAR, NOW)
    assert (pruned.runs, pruned.findings, pruned.notes, pruned.crontab_lines) == (0, 1, 1, 1)
    assert findings.find_finding(ledger, "a") is None
    assert [note.text for note in notes.find_unseen_notes(ledger)] == ["unseen"]
    assert [line.identity for line in lines.find_lines(ledger)] == ["y"]


def test_a_reader_in_the_middle_keeps_its_view_and_prunes_on(filled, state):
    from agentkit.core.ledger import open_read_only

    with open_read_only(state) as reader:
        rows = reader.select("SELECT id FROM runs ORDER BY id")
        first = next(rows)[0]
        pruned = prune.prune(filled, 100, FAR, NOW)
        assert [first, *(row[0] for row in rows)] == list(range(1, 304))
    assert pruned.runs == 200
