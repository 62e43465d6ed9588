"""Values that stand where they cannot, as an editor of databases or a flipped bit leaves them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.evidence import NewFinding
from agentkit.core.ledger import (
    CorruptLedgerError,
    Ledger,
    findings,
    jobs,
    notes,
    open_ledger,
    runs,
    take_in_spool,
    with_ledger,
)
from agentkit.core.ledger.schema import TABLES
from agentkit.core.ledger.soundness import blaming_values, find_misfit

NOW = 1_790_000_000.0


@pytest.fixture
def path(state: str, record, spool) -> str:
    """Return the path of a ledger with some of everything."""
    spool(*(record(job, f"{job}-{number}", "ok", NOW + number) for job in ("a", "b") for number in range(5)))
    with open_ledger(state) as ledger:
        take_in_spool(ledger, [state], "web-1", NOW)
        new = [NewFinding("f1", "web-1", "check", "late", "job:a", "", "warning", "late")]
        findings.upsert_findings(ledger, new, NOW)
        notes.add_note(ledger, "torn", "a torn record", NOW)
        notes.record_accept(ledger, "a", "why not", "somebody", NOW)
        payload = '{"title":"t","type":"late","subject":"job:a","severity":"warning","first_seen":"x"}'
        notes.add_parcel(ledger, "notify", "f1", payload, NOW)
        jobs.write_learned(ledger, [(1, b"x"), (2, b"y")])
    # What was taken in would come back from there.
    for file in Path(f"{state}/spool").glob("*.jsonl"):
        file.unlink()
    return f"{state}/ledger.db"


def spoil(path: str, column: str, value: object) -> None:
    table, _, name = column.partition(".")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE {table} SET {name} = ? WHERE rowid = 1", (value,))


def trip(ledger: Ledger) -> list[str]:
    """Do what fails on a value of another kind."""
    if find_misfit(ledger.connection):
        raise TypeError("'<' not supported between instances of 'str' and 'float'")
    return [job.name for job in jobs.iterate_jobs(ledger)]


def test_a_sound_ledger_holds_no_misfit(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert find_misfit(connection) is None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *((column, b"\xff") for column in ("jobs.name", "findings.title", "notes.text", "words.word", "accepts.by")),
        *((column, "x") for column in ("jobs.streak", "jobs.last_seen_at", "runs.duration_s", "runs.job_id")),
        *((column, "x") for column in ("learned.data", "findings.first_seen_at", "findings.severity", "runs.state")),
        *((column, -1) for column in ("jobs.last_ended_at", "runs.host_id", "jobs.last_state", "runs.ended_at")),
        *((column, "[]") for column in ("outbox.payload", "days.runs", "notes.at")),
    ],
)
def test_what_cannot_stand_there_is_taken_out_and_said(state: str, path: str, column: str, value: object) -> None:
    spoil(path, column, value)
    assert {"a", "b"} >= {name for name in with_ledger(state, trip) if not name.startswith("recovered-")}
    with open_ledger(state) as ledger:
        assert find_misfit(ledger.connection) is None
        [note] = [note for note in notes.find_unseen_notes(ledger) if note.kind == "corrupt"]
        assert f"{column} holds what it cannot hold" in note.text
    assert list(Path(state).glob("ledger.db.corrupt-*"))


def test_a_job_keeps_its_name_and_is_counted_anew(state: str, path: str) -> None:
    spoil(path, "jobs.last_seen_at", "yesterday")
    assert with_ledger(state, trip) == ["a", "b"]
    with open_ledger(state) as ledger:
        job = jobs.find_job(ledger, "a")
        assert job is not None
        assert (job.runs, job.last_seen_at, job.last_state) == (5, NOW + 4, "ok")
        assert jobs.read_learned(ledger, job.id) == b"x"


def test_a_run_loses_a_figure_and_not_itself(state: str, path: str) -> None:
    spoil(path, "runs.cpu_s", b"\0")
    with_ledger(state, trip)
    with open_ledger(state) as ledger:
        found = runs.find_runs_of(ledger, "a", limit=9)
        assert len(found) == 5
        assert [run.cpu_s for run in found].count(None) == 1


def test_a_bug_stays_a_bug_where_all_values_fit(path: str, state: str) -> None:
    def stumble(_: Ledger) -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        with_ledger(state, stumble)
    assert not list(Path(state).glob("ledger.db.corrupt-*"))


def test_what_a_person_can_act_on_is_no_reason_to_look(path: str, state: str) -> None:
    spoil(path, "jobs.streak", "x")
    with open_ledger(state) as ledger:
        with pytest.raises(AgentkitError) as caught, blaming_values(ledger):
            raise AgentkitError("no job 'x'", status=Exit.UNAVAILABLE)
        assert caught.value.status == Exit.UNAVAILABLE
        with pytest.raises(CorruptLedgerError), blaming_values(ledger):
            raise ValueError


def test_every_table_is_looked_at(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for table in TABLES:
            kinds = {row[2] for row in connection.execute(f"PRAGMA table_info({table})")}
            assert kinds <= {"INTEGER", "REAL", "TEXT", "BLOB"}
