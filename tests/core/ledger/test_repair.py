import os
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.evidence import NewFinding
from agentkit.core.ledger import (
    Ledger,
    findings,
    jobs,
    notes,
    open_ledger,
    repair,
    runs,
    salvage,
    take_in_spool,
    with_ledger,
)
from agentkit.core.ledger.schema import PAGE_BYTES, TABLES

ROOT = Path(__file__).parents[3]
NOW = 1_790_000_000.0
JOBS, RUNS = 12, 40


@pytest.fixture(scope="module")
def sound(tmp_path_factory, request) -> tuple[bytes, bytes]:
    """Return the bytes of a ledger with some of everything, and of the spool that it came from."""
    from agentkit.core.spool import append_record
    from agentkit.core.times import format_instant

    state = str(tmp_path_factory.mktemp("sound"))
    for number in range(RUNS):
        for job in range(JOBS):
            at = format_instant(NOW + 60 * number)
            text = f'{{"v":1,"kind":"beat","job":"job-{job}","run":"R{job}-{number}","state":"ok","ended_at":"{at}",'
            append_record([state], (text + f'"duration_s":2.0,"tail":"{"x" * 300}"}}').encode(), NOW)
    with open_ledger(state) as ledger:
        take_in_spool(ledger, [state], "web-1", NOW)
        new = [NewFinding(f"f{one}", "web-1", "check", "late", "job:a", "", "info", "late") for one in range(9)]
        findings.upsert_findings(ledger, new, NOW)
        jobs.write_learned(ledger, [(job, bytes(3000)) for job in range(1, JOBS + 1)])
    return Path(f"{state}/ledger.db").read_bytes(), Path(f"{state}/spool/2026-09-21.jsonl").read_bytes()


@pytest.fixture
def damaged(state, sound):
    """Return a function that puts a damaged copy of the sound ledger into the state folder."""

    def put(content: bytes) -> str:
        os.makedirs(f"{state}/spool")
        Path(f"{state}/ledger.db").write_bytes(content)
        Path(f"{state}/spool/2026-09-21.jsonl").write_bytes(sound[1])
        return state

    return put


def read_everything(ledger: Ledger) -> list[str]:
    """Read all that commands read; return the runs."""
    for table in TABLES:
        list(ledger.select(f"SELECT * FROM {table}"))
    findings.find_firing(ledger)
    notes.find_unseen_notes(ledger)
    return [
        run.run for job in list(jobs.iterate_jobs(ledger)) for run in runs.find_runs_of(ledger, job.name, limit=1000)
    ]


def zero_pages(content: bytes, pages: list[int]) -> bytes:
    changed = bytearray(content)
    for page in pages:
        changed[(page - 1) * PAGE_BYTES : page * PAGE_BYTES] = bytes(PAGE_BYTES)
    return bytes(changed)


def pages_of(content: bytes, table: str, tmp_path: Path) -> list[int]:
    """Return the leaf pages of a table, found by what stands on them: pages that lose rows of it when they are gone."""
    found = []
    for page in range(2, len(content) // PAGE_BYTES + 1):
        path = tmp_path / "probe.db"
        path.write_bytes(zero_pages(content, [page]))
        with closing(sqlite3.connect(path)) as connection:
            try:
                connection.execute(f"SELECT sum(length(rowid)) FROM {table} NOT INDEXED").fetchall()
            except sqlite3.DatabaseError:
                found.append(page)
    return found


def status_of(state: str) -> int:
    try:
        with_ledger(state, read_everything)
    except AgentkitError as error:
        return error.status
    return Exit.OK


EVERYTHING = {f"R{job}-{number}" for job in range(JOBS) for number in range(RUNS)}


def test_a_sound_ledger_is_left_alone(damaged, sound):
    state = damaged(sound[0])
    assert "it is whole now" in repair.repair(state, "invented")
    assert Path(f"{state}/ledger.db").read_bytes() == sound[0]


@pytest.mark.parametrize(
    "content", [b"", b"SQLite format 3\0", b"garbage" * 999, bytes(20_000)], ids=["empty", "short", "garbage", "zeros"]
)
def test_what_is_no_database_is_set_aside_and_said(damaged, content):
    state = damaged(content)
    with open_ledger(state) as ledger:
        (notice,) = ledger.notices
        (note,) = notes.find_unseen_notes(ledger)
    assert (note.kind, note.text) == ("corrupt", notice)
    assert "nothing could be read" in notice or " 0 rows were taken over" in notice
    (aside,) = [name for name in os.listdir(state) if name.startswith("ledger.db.corrupt-")]
    assert aside in notice
    assert Path(f"{state}/{aside}").read_bytes() == content
    with open_ledger(state) as ledger:
        assert ledger.notices == ()


def test_a_folder_in_the_place_of_the_file_is_set_aside(state):
    os.makedirs(f"{state}/ledger.db/inside")
    with open_ledger(state) as ledger:
        assert "it is no regular file" in ledger.notices[0]
    (aside,) = [name for name in os.listdir(state) if name.startswith("ledger.db.corrupt-")]
    assert os.listdir(f"{state}/{aside}") == ["inside"]


def test_a_database_of_somebody_else_is_set_aside_whole(state):
    os.makedirs(state)
    with closing(sqlite3.connect(f"{state}/ledger.db")) as connection:
        connection.execute("CREATE TABLE runs (song TEXT)")
        connection.commit()
    content = Path(f"{state}/ledger.db").read_bytes()
    with open_ledger(state) as ledger:
        assert "it is no ledger" in ledger.notices[0]
    (aside,) = [name for name in os.listdir(state) if name.startswith("ledger.db.corrupt-")]
    assert Path(f"{state}/{aside}").read_bytes() == content


def test_a_lost_page_of_runs_costs_only_its_rows_and_the_spool_brings_them_back(damaged, sound, tmp_path):
    leaves = pages_of(sound[0], "runs", tmp_path)[1:]
    state = damaged(zero_pages(sound[0], [leaves[3], leaves[7]]))
    found = with_ledger(state, read_everything)
    assert len(EVERYTHING) - 60 < len(found) < len(EVERYTHING)
    with open_ledger(state) as ledger:
        (note,) = notes.find_unseen_notes(ledger)
        assert f"{len(EVERYTHING) - len(found)} lost (runs " in note.text
        assert [len(findings.find_firing(ledger)), len(list(jobs.iterate_jobs(ledger)))] == [9, JOBS]
        taken = take_in_spool(ledger, [state], "web-1", NOW)
        assert taken.records == len(EVERYTHING) - len(found)
        assert set(read_everything(ledger)) == EVERYTHING


def test_jobs_whose_rows_are_lost_keep_their_names_and_runs(damaged, sound, tmp_path):
    state = damaged(zero_pages(sound[0], [pages_of(sound[0], "jobs", tmp_path)[-1]]))
    assert set(with_ledger(state, read_everything)) == EVERYTHING
    with open_ledger(state) as ledger:
        job = jobs.find_job(ledger, "job-3")
        assert job is not None
        assert (job.runs, job.last_state, job.last_ended_at) == (RUNS, "ok", NOW + 60 * (RUNS - 1))


def test_without_its_first_page_a_ledger_is_read_by_the_schema_of_a_fresh_one(damaged, sound):
    state = damaged(zero_pages(sound[0], [1]))
    with open_ledger(state) as ledger:
        assert set(read_everything(ledger)) == EVERYTHING
        assert len(findings.find_firing(ledger)) == 9
        assert ", 0 lost; set aside" in ledger.notices[0]


def test_a_ledger_cut_short_gives_what_is_left(damaged, sound):
    state = damaged(sound[0][: len(sound[0]) * 2 // 3])
    with open_ledger(state) as ledger:
        assert "it is cut short" in ledger.notices[0]
        found = set(read_everything(ledger))
        assert len(found) > len(EVERYTHING) // 3
        take_in_spool(ledger, [state], "web-1", NOW)
        assert set(read_everything(ledger)) == EVERYTHING


def test_days_are_counted_once_though_runs_are_taken_in_again(damaged, sound, tmp_path, monkeypatch):
    monkeypatch.setattr(repair.time, "time", lambda: NOW + 3600)
    state = damaged(zero_pages(sound[0], pages_of(sound[0], "runs", tmp_path)[4:6]))
    with_ledger(state, read_everything)
    with open_ledger(state) as ledger:
        take_in_spool(ledger, [state], "web-1", NOW)
        for job in list(jobs.iterate_jobs(ledger)):
            (day,) = jobs.find_day_sums(ledger, job.name, 0)
            assert (day.runs, day.ok, day.duration_sum_s) == (RUNS, RUNS, 2.0 * RUNS)


@pytest.mark.parametrize("number", range(28))
def test_whatever_was_flipped_or_cut_the_ledger_is_whole_afterwards(
    damaged, sound, number, random_choices: random.Random
):
    choices = random.Random(random_choices.random() + number)
    content = bytearray(sound[0])
    match number % 4:
        case 0:
            content = content[: choices.randrange(len(content))]
        case 1:
            for _ in range(choices.choice([1, 3, 50])):
                content[choices.randrange(len(content))] ^= 1 << choices.randrange(8)
        case 2:
            start = choices.randrange(len(content))
            content[start : start + 5000] = choices.randbytes(len(content[start : start + 5000]))
        case 3:
            # The header and the list of tables are a small target otherwise.
            for _ in range(3):
                content[choices.randrange(PAGE_BYTES)] ^= 1 << choices.randrange(8)
    state = damaged(bytes(content))
    if (status := status_of(state)) == Exit.CONFIGURATION:
        # One bit makes a newer version of it: then it is refused.
        assert Path(f"{state}/ledger.db").read_bytes() == bytes(content)
        return
    assert status == Exit.OK
    if not repair.is_whole(f"{state}/ledger.db"):
        # Some flips show only in an index that nobody has read yet.
        repair.repair(state, "asked for")
    assert repair.is_whole(f"{state}/ledger.db")
    aside = [name for name in os.listdir(state) if name.startswith("ledger.db.corrupt-") and not name.endswith("-wal")]
    with open_ledger(state) as ledger:
        assert len(aside) == sum(note.kind == "corrupt" for note in notes.find_unseen_notes(ledger))
        take_in_spool(ledger, [state], "web-1", NOW)
    for name in aside:
        if len(aside) == 1:
            assert Path(f"{state}/{name}").read_bytes() == bytes(content)


def test_a_text_that_is_no_text_any_more_is_taken_over_with_its_bad_byte_spelt_out(damaged, sound):
    state = damaged(sound[0].replace(b'"tail":"xxxx', b'"tail":"x\xffxx', 1))
    assert set(with_ledger(state, read_everything)) == EVERYTHING
    with open_ledger(state) as ledger:
        (note,) = notes.find_unseen_notes(ledger)
        assert "a text is no UTF-8" in note.text
        assert [run.run for run in runs.iterate_unjudged(ledger) if "x\\xffxx" in (run.detail_text or "")] != []


def test_a_name_of_a_column_that_is_no_text_any_more_is_repaired(damaged, sound):
    state = damaged(sound[0].replace(b"severity TEXT NOT NULL", b"sev\xffrity TEXT NOT NULL", 1))
    assert set(with_ledger(state, read_everything)) == EVERYTHING
    with open_ledger(state) as ledger:
        assert [note.kind for note in notes.find_unseen_notes(ledger)] == ["corrupt"]


def test_a_repair_that_is_killed_at_any_moment_is_done_by_the_next_one(damaged, sound, random_choices: random.Random):
    state = damaged(zero_pages(sound[0], [20, 40]))
    script = "import sys; from agentkit.core.ledger import repair; repair.repair(sys.argv[1], 'bad pages')"
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    for _ in range(12):
        process = subprocess.Popen([sys.executable, "-c", script, state], env=environ, stderr=subprocess.PIPE)
        time.sleep(random_choices.uniform(0.08, 0.25))
        process.kill()
        assert process.communicate(timeout=60)[1] == b""
        assert os.path.exists(f"{state}/ledger.db")
    with_ledger(state, read_everything)
    with open_ledger(state) as ledger:
        assert {note.kind for note in notes.find_unseen_notes(ledger)} == {"corrupt"}
        assert len(findings.find_firing(ledger)) == 9
        take_in_spool(ledger, [state], "web-1", NOW)
        assert set(read_everything(ledger)) == EVERYTHING


def test_a_repair_without_room_changes_nothing(damaged, sound, monkeypatch):
    state = damaged(sound[0][:50_000])

    def fill(*_: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    monkeypatch.setattr(repair, "take_over", fill)
    with pytest.raises(AgentkitError) as caught:
        open_ledger(state)
    assert caught.value.status == Exit.CANNOT_WRITE
    assert Path(f"{state}/ledger.db").read_bytes() == sound[0][:50_000]
    assert not {"ledger.db.new", "ledger.db.scratch"} & set(os.listdir(state))


def test_rows_that_lead_round_in_circles_end_the_walk(monkeypatch, sound, tmp_path):
    (tmp_path / "a.db").write_bytes(sound[0])
    monkeypatch.setattr(salvage, "PROBE_LIMIT", 50)
    with closing(sqlite3.connect(tmp_path / "a.db")) as source, closing(sqlite3.connect(":memory:")) as target:
        source.execute("DROP TABLE findings")
        source.execute("CREATE VIEW findings AS SELECT 5 AS rowid, * FROM runs")
        target.isolation_level = None
        repair.create_schema(target)
        done = {one.table: one for one in salvage.take_over(source, target)}
    assert done["runs"].taken == len(EVERYTHING)
    assert done["findings"].taken == 0
