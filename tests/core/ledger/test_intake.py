import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit.core import paths
from agentkit.core.evidence import Intake
from agentkit.core.ledger import Ledger, intake, jobs, notes, open_ledger, runs, take_in_spool
from agentkit.core.spool import append_record

NOW = 1_790_000_000.0
DAY_S = 86400.0
TODAY = "2026-09-21.jsonl"


def take_in(ledger: Ledger, *places: str, now: float = NOW) -> Intake:
    return take_in_spool(ledger, places or (os.path.dirname(ledger.path),), "web-1", now)


def test_a_started_record_opens_a_run_and_a_closing_one_completes_it(ledger, spool, record):
    spool(record("backup", "R1", expect={"every_s": 3600.0}, program="/bin/x"))
    assert take_in(ledger) == Intake(records=1, files=1)
    assert [(run.job, run.state, run.pid, run.boot) for run in runs.find_open_runs(ledger)] == [
        ("backup", "started", 4121, "boot-1")
    ]
    spool(record("backup", "R1", "ok", NOW + 2, max_rss_bytes=5, error_words=[]))
    assert take_in(ledger).records == 1
    assert runs.find_open_runs(ledger) == []
    (run,) = runs.iterate_unjudged(ledger)
    assert (run.started_at, run.ended_at, run.duration_s, run.status, run.max_rss_bytes) == (NOW, NOW + 2, 2.0, 0, 5)
    assert (run.pid, run.pid_start, run.boottime_s, run.ended_boottime_s) == (4121, 99, 50.0, 52.0)
    assert run.detail() == {"program": "/bin/x", "tail": "done\n"}
    job = jobs.find_job(ledger, "backup")
    assert job is not None
    assert job.expect() == {"every_s": 3600.0}
    assert (job.last_run, job.last_state, job.last_success_at, job.streak, job.runs) == (run.id, "ok", NOW + 2, 1, 1)


def test_records_that_were_taken_in_are_not_read_again(ledger, spool, record):
    spool(record("a", "R1"), record("a", "R1", "ok", NOW + 1))
    take_in(ledger)
    assert take_in(ledger) == Intake()


def test_the_same_records_at_another_place_change_nothing(ledger, spool, record, tmp_path):
    spool(record("a", "R1"), record("a", "R1", "ok", NOW + 1))
    take_in(ledger)
    other = str(tmp_path / "other")
    spool(record("a", "R1"), record("a", "R1", "failed", NOW + 1), place=other)
    assert take_in(ledger, other) == Intake(repeated=2, files=1)
    assert [run.state for run in runs.iterate_unjudged(ledger)] == ["ok"]
    (day,) = jobs.find_day_sums(ledger, "a", 0)
    assert (day.day, day.runs, day.ok, day.failed, day.duration_sum_s) == ("2026-09-21", 1, 1, 0, 2.0)


def test_a_started_record_that_comes_after_its_end_changes_nothing(ledger, spool, record):
    spool(record("a", "R1", "ok", NOW + 1), record("a", "R1"))
    assert take_in(ledger) == Intake(records=1, repeated=1, files=1)
    assert runs.find_open_runs(ledger) == []
    assert runs.find_run(ledger, "R1")[0].state == "ok"


def test_each_attempt_is_a_run_of_its_own(ledger, spool, record):
    spool(record("a", "R1", "failed", NOW + 1), record("a", "R1", "ok", NOW + 3, attempt=2))
    take_in(ledger)
    assert [(run.attempt, run.state) for run in runs.find_run(ledger, "R1")] == [(1, "failed"), (2, "ok")]


def test_a_line_that_is_still_being_written_waits_for_its_end(ledger, spool, record, state):
    spool(record("a", "R1"))
    whole = record("a", "R1", "ok", NOW + 1)
    with open(f"{state}/spool/{TODAY}", "ab") as file:
        file.write(b"\n" + whole[:40])
        file.flush()
        assert take_in(ledger).records == 1
        assert take_in(ledger) == Intake()
        file.write(whole[40:] + b"\n")
    assert take_in(ledger) == Intake(records=1, files=1)


def test_a_torn_record_costs_only_itself_and_is_kept_as_a_note(ledger, spool, record, state):
    spool(record("a", "R1"))
    with open(f"{state}/spool/{TODAY}", "ab") as file:
        file.write(b'\n{"v":1,"kind":"be')
    spool(record("a", "R1", "ok", NOW + 1))
    assert take_in(ledger) == Intake(records=2, torn=1, files=1)
    (note,) = notes.find_unseen_notes(ledger)
    assert (note.kind, note.detail) == ("torn", '{"v":1,"kind":"be')
    assert f"{state}/spool/{TODAY} byte" in note.text


def test_a_torn_end_of_a_day_long_past_is_told_and_the_file_is_removed(ledger, spool, record, state):
    spool(record("a", "R1"))
    with open(f"{state}/spool/{TODAY}", "ab") as file:
        file.write(b'\n{"v":1')
    assert take_in(ledger, now=NOW + 2 * DAY_S) == Intake(records=1, files=1)
    assert take_in(ledger, now=NOW + 3 * DAY_S) == Intake(torn=1, files=1, removed=1)
    assert not os.path.exists(f"{state}/spool/{TODAY}")
    assert list(ledger.select("SELECT * FROM spool_files WHERE place = ?", (state,))) != []
    take_in(ledger, now=NOW + 3 * DAY_S)
    assert list(ledger.select("SELECT * FROM spool_files")) == []


def test_a_file_that_a_writer_has_open_is_not_removed(ledger, spool, record, state):
    spool(record("a", "R1"))
    with open(f"{state}/spool/{TODAY}", "ab", buffering=0) as file:
        assert take_in(ledger, now=NOW + 9 * DAY_S).removed == 0
        file.write(b"\n" + record("a", "R1", "ok", NOW + 1) + b"\n")
    assert take_in(ledger, now=NOW + 9 * DAY_S) == Intake(records=1, files=1, removed=1)


def test_a_new_file_of_the_same_name_is_read_from_its_beginning(ledger, spool, record, state):
    spool(record("a", "R1"), record("a", "R2"))
    take_in(ledger)
    os.rename(f"{state}/spool/{TODAY}", f"{state}/kept")  # its inode must not be given to the new one
    spool(record("a", "R3"), record("a", "R4"))
    assert take_in(ledger).records == 2


def test_a_file_that_was_cut_is_read_from_its_beginning(ledger, spool, record, state):
    spool(record("a", "R1"), record("a", "R2"))
    take_in(ledger)
    os.truncate(f"{state}/spool/{TODAY}", 0)
    spool(record("a", "R3"))
    assert take_in(ledger).records == 1


def test_what_is_no_spool_file_is_left_alone(ledger, spool, record, state):
    spool(record("a", "R1"))
    os.mkfifo(f"{state}/spool/2026-09-20.jsonl")
    Path(f"{state}/spool/notes.txt").write_text("x")
    Path(f"{state}/spool/2026-13-45.jsonl").write_text("")
    assert take_in(ledger, now=NOW + 99 * DAY_S).records == 1
    assert stat.S_ISFIFO(os.stat(f"{state}/spool/2026-09-20.jsonl").st_mode)
    assert [note.kind for note in notes.find_unseen_notes(ledger)] == ["spool"]
    take_in(ledger)
    assert len(notes.find_unseen_notes(ledger)) == 1


def test_a_fallback_place_that_others_can_write_is_not_believed(ledger, spool, record, tmp_path, monkeypatch):
    place = str(tmp_path / "fallback")
    monkeypatch.setattr(paths, "fallback_folders", lambda: ("/nowhere", place))
    spool(record("a", "R1"), place=place)
    os.chmod(place, 0o777)
    assert take_in(ledger, place) == Intake()
    os.chmod(place, 0o700)
    assert take_in(ledger, place).records == 1


def test_a_record_longer_than_the_limit_is_told_and_the_next_one_is_read(ledger, spool, record, state):
    os.makedirs(f"{state}/spool")
    with open(f"{state}/spool/{TODAY}", "wb") as file:
        file.write(b"\n" + b"x" * (intake.RECORD_LIMIT_BYTES + 5) + b"\n")
    spool(record("a", "R1"))
    taken = take_in(ledger)
    assert (taken.records, taken.torn) == (1, 2)


def test_a_record_longer_than_a_chunk_is_taken_in_whole(ledger, spool, record):
    tail = "x" * intake.CHUNK_BYTES
    spool(record("a", "R1", "ok", tail=tail), record("a", "R2"))
    assert take_in(ledger).records == 2
    assert runs.find_run(ledger, "R1")[0].detail()["tail"] == tail


def test_the_notes_of_a_spool_full_of_rubbish_are_bounded_and_the_rest_is_counted(ledger, state):
    os.makedirs(f"{state}/spool")
    Path(f"{state}/spool/{TODAY}").write_bytes(b"rubbish\n" * 5000)
    assert take_in(ledger).torn == 5000
    found = notes.find_unseen_notes(ledger)
    assert len(found) == intake.NOTE_LIMIT + 1
    assert "4900 more torn records" in found[-1].text


ODD = [
    {"kind": "sonnet"},
    {"state": "dancing"},
    {"state": ["ok"]},
    {"job": ...},
    {"job": 7},
    {"job": "UPPER"},
    {"job": "a/b"},
    {"job": "x" * 300},
    {"run": ""},
    {"run": None},
    {"run": "two words"},
    {"attempt": 0},
    {"attempt": True},
    {"attempt": "1"},
    {"ended_at": "yesterday"},
    {"ended_at": "2026-01-01T00:00:00"},
    {"ended_at": "0001-01-01T00:00:00+00:00"},
    {"ended_at": 5},
    {"ended_at": None, "at": None},
]


@pytest.mark.parametrize("wrong", ODD, ids=str)
def test_a_record_with_an_impossible_core_becomes_a_note(ledger, spool, record, wrong):
    odd = json.loads(record("a", "R1", "ok")) | wrong
    spool(json.dumps({name: value for name, value in odd.items() if value is not ...}).encode(), record("b", "R2"))
    assert take_in(ledger) == Intake(records=1, odd=1, files=1)
    (note,) = notes.find_unseen_notes(ledger)
    assert note.kind == "odd"
    assert list(jobs.iterate_jobs(ledger)) == [jobs.find_job(ledger, "b")]


def test_a_measure_of_a_wrong_kind_is_told_and_stands_in_the_note_alone(ledger, spool, record):
    wrong = {"status": "0", "cpu_s": -1, "max_rss_bytes": 1 << 70, "boot": "two words", "host": 5, "expect": []}
    spool(record("a", "R1", "ok", **wrong))
    assert take_in(ledger) == Intake(records=1, odd=1, files=1)
    (run,) = runs.find_run(ledger, "R1")
    assert (run.status, run.cpu_s, run.max_rss_bytes, run.boot, run.host) == (None, None, None, None, "web-1")
    assert run.detail() == {"tail": "done\n"}
    assert str(1 << 70) in str(notes.find_unseen_notes(ledger)[0].detail)


def test_a_run_that_changes_its_job_is_odd(ledger, spool, record):
    spool(record("a", "R1"), record("b", "R1", "ok", NOW + 1))
    assert take_in(ledger).odd == 1
    assert [run.job for run in runs.find_open_runs(ledger)] == ["a"]


BEAT = b'{"kind":"beat","job":"a","state":"ok","at":"2026-01-01T00:00:00Z",'
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(
    ["v", "kind", "at", "host", "job", "run", "attempt", "state", "started_at", "ended_at", "duration_s", "status",
     "signal", "pid", "boot", "boottime_s", "expect", "tail", "left_behind"]
)  # fmt: skip
plausible = st.fixed_dictionaries(
    {"kind": st.just("beat"), "job": st.sampled_from(["a", "b"]), "run": st.sampled_from(["R1", "R2"])},
    optional={
        "attempt": st.integers(1, 2),
        "state": st.sampled_from(["started", "ok", "failed", "skipped", "lost"]),
        "at": st.datetimes(timezones=st.timezones()).map(str),
        "started_at": st.datetimes().map(lambda when: when.isoformat() + "Z"),
        "ended_at": st.datetimes().map(lambda when: when.isoformat() + "Z"),
    },
)
odd_records = st.lists(
    st.one_of(
        st.tuples(plausible, st.dictionaries(keys, anything, max_size=3)).map(
            lambda two: json.dumps(two[0] | two[1]).encode()
        ),
        st.dictionaries(keys, anything).map(lambda one: json.dumps(one).encode()),
        st.binary(max_size=60).map(lambda some: some.replace(b"\n", b" ")),
        st.just(b"[" * 100_000),
        st.just(b'{"kind":"beat","job":"a","run":"R3","state":"ok","at":"2026-01-01T00:00:00Z","x":1e999,"y":NaN}'),
        st.just(
            b'{"kind":"beat","job":"a","run":"R4","state":"ok","at":"2026-01-01T00:00:00Z","tail":"\\ud800\\u0000"}'
        ),
    ),
    max_size=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=odd_records)
def test_whatever_the_spool_holds_every_line_is_counted_and_the_sums_agree(lines, tmp_path_factory):
    state = str(tmp_path_factory.mktemp("odd"))
    os.mkdir(f"{state}/spool")
    Path(f"{state}/spool/{TODAY}").write_bytes(b"".join(b"\n" + line + b"\n" for line in lines))
    with open_ledger(state) as ledger:
        taken = take_in(ledger)
        lower = taken.records + taken.repeated + taken.torn
        assert lower <= sum(bool(line) for line in lines) <= lower + taken.odd
        closed = list(runs.iterate_unjudged(ledger))
        sums = [day for job in jobs.iterate_jobs(ledger) for day in jobs.find_day_sums(ledger, job.name, 0)]
        assert sum(day.runs for day in sums) == len(closed) == sum(job.runs for job in jobs.iterate_jobs(ledger))
        assert sum(day.ok + day.failed + day.timeout + day.lost + day.idle + day.skipped for day in sums) == len(closed)
        for run in closed:
            json.dumps(run.detail(), allow_nan=False)
        assert take_in(ledger) == Intake()


def test_an_attempt_that_another_one_follows_is_no_run_of_its_own(ledger, spool, record):
    spool(record("a", "R1", state="failed", attempt=1, retry_after_s=1.0))
    spool(record("a", "R1", state="ok", attempt=2))
    take_in(ledger)
    job = jobs.find_job(ledger, "a")
    assert (job.runs, job.streak) == (1, 1)
    [day] = jobs.find_day_sums(ledger, "a", 0)
    assert (day.runs, day.ok, day.failed) == (1, 1, 0)


def test_a_state_folder_whose_name_is_no_utf_8_is_one_like_any_other(state: str, record) -> None:
    place = os.fsdecode(os.fsencode(state) + b"\xff\xfe")
    append_record([place], record("a", "R1", "ok"), NOW)
    append_record([place], b"torn", NOW)
    for taken in (1, 0):
        with open_ledger(place) as ledger:
            assert take_in_spool(ledger, [place], "web-1", NOW).records == taken
            assert [note.kind for note in notes.find_unseen_notes(ledger)] == ["torn"]
