"""No question that every check asks may read the whole of a table: ten million rows are a normal size."""

import pytest

from agentkit.core.ledger import applying, findings, jobs, runs

HOT = {
    "open runs": (runs.OPEN, 0, "runs_open"),
    "unjudged runs": (runs.UNJUDGED, 3, "runs_unjudged"),
    "runs of a job": (runs.OF_JOB, 3, "runs_of_job"),
    "run by prefix": (runs.BY_PREFIX, 3, "sqlite_autoindex_runs_1"),
    "jobs that are due": (jobs.DUE, 1, "jobs_due"),
    "firing findings": (findings.FIRING, 1, "findings_by_state"),
    "resolved findings": (findings.RESOLVED, 2, "findings_by_state"),
    "job by name": (f"{jobs.SELECT} WHERE name = ?", 1, "sqlite_autoindex_jobs_1"),
    "close a run": (applying.CLOSE, applying.CLOSE.count("?"), "INTEGER PRIMARY KEY"),
}


@pytest.mark.parametrize("name", HOT)
def test_a_hot_question_is_answered_by_an_index(ledger, name):
    statement, count, index = HOT[name]
    plan = [row[3] for row in ledger.select(f"EXPLAIN QUERY PLAN {statement}", [1] * count)]
    assert index in plan[0]
    scans = [step for step in plan if step.startswith("SCAN") and "runs_open" not in step]
    assert scans == []


@pytest.mark.parametrize("statement", [runs.OPEN, runs.UNJUDGED, runs.OF_JOB, jobs.DUE])
def test_no_order_is_made_by_sorting(ledger, statement):
    plan = [row[3] for row in ledger.select(f"EXPLAIN QUERY PLAN {statement}", [1] * statement.count("?"))]
    assert [step for step in plan if "TEMP B-TREE" in step] == []
