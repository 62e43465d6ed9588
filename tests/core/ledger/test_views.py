import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.ledger import (
    CorruptLedgerError,
    jobs,
    open_ledger,
    open_read_only,
    open_view,
    runs,
    take_in_spool,
    views,
)
from agentkit.core.spool import append_record

ROOT = Path(__file__).parents[3]
NOW = 1_790_000_000.0


def view(state: str, *places: str) -> "views.Ledger":
    return open_view(state, [state, *places], "web-1", NOW)


def names(ledger) -> list[str]:
    return [job.name for job in jobs.iterate_jobs(ledger)]


def snapshot(folder: str) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def test_a_view_of_nothing_is_empty_and_creates_nothing(state):
    with view(state) as found:
        assert names(found) == []
        assert runs.find_open_runs(found) == []
    with open_read_only(state) as found:
        assert names(found) == []
    assert not os.path.exists(state)


def test_a_view_without_a_ledger_shows_what_waits_in_any_spool_and_creates_nothing(state, spool, record, tmp_path):
    other = str(tmp_path / "other")
    spool(record("a", "R1"))
    spool(record("b", "R2"), place=other)
    before = snapshot(str(tmp_path))
    with view(state, other) as found:
        assert names(found) == ["a", "b"]
    assert snapshot(str(tmp_path)) == before


def test_a_view_of_a_ledger_that_can_be_written_takes_the_spool_in_for_good(state, spool, record):
    open_ledger(state).close()
    spool(record("a", "R1"))
    with view(state) as found:
        assert names(found) == ["a"]
    with open_ledger(state) as ledger:
        assert names(ledger) == ["a"]


def test_reading_only_changes_nothing_and_leaves_nothing_behind(state, spool, record):
    with open_ledger(state) as ledger:
        spool(record("a", "R1"))
        take_in_spool(ledger, [state], "web-1", NOW)
    before = snapshot(state)
    with open_read_only(state) as found:
        assert names(found) == ["a"]
        with pytest.raises(AgentkitError):
            jobs.remember_job(found, "b", NOW)
    assert snapshot(state) == before


def test_a_malformed_ledger_is_not_repaired_by_who_only_reads(state):
    os.makedirs(state)
    Path(f"{state}/ledger.db").write_bytes(b"garbage" * 99)
    with pytest.raises(CorruptLedgerError):
        open_read_only(state)
    assert os.listdir(state) == ["ledger.db"]


def test_a_newer_ledger_is_refused_by_a_view_too(state):
    with open_ledger(state) as ledger:
        ledger.execute("PRAGMA user_version = 2")
    for use in (lambda: view(state), lambda: open_read_only(state)):
        with pytest.raises(AgentkitError) as caught:
            use()
        assert caught.value.status == Exit.CONFIGURATION


def test_while_another_program_writes_for_long_a_view_shows_all_the_same(state, spool, record):
    with open_ledger(state) as ledger, ledger.transaction():
        jobs.remember_job(ledger, "not-yet", NOW)
        spool(record("a", "R1"))
        with open_view(state, [state], "web-1", NOW, busy_s=0.05) as found:
            assert names(found) == ["a"]
            assert found.notices == ()


def test_a_ledger_too_large_for_a_copy_is_shown_without_the_spool_and_says_so(state, spool, record, monkeypatch):
    monkeypatch.setattr(views, "COPY_LIMIT_BYTES", 1000)
    with open_ledger(state) as ledger:
        jobs.remember_job(ledger, "a", NOW)
        with ledger.transaction():
            spool(record("b", "R1"))
            with open_view(state, [state], "web-1", NOW, busy_s=0.05) as found:
                assert names(found) == ["a"]
                (notice,) = found.notices
                assert "records that wait in the spool are not shown" in notice


SHOW = """
import os, sys
from agentkit.core.ledger import jobs, open_view, runs
state = sys.argv[1]
with open_view(state, [state], "web-1", 1790000000.0) as found:
    print([(job.name, job.last_state) for job in jobs.iterate_jobs(found)], found.notices, sorted(os.listdir(state)))
"""


def show_mounted(state: str, before: str) -> str:
    """Show a view of the folder in a namespace where `before` was done to it as `$1`."""
    words = ["unshare", "--mount", "--map-root-user", "sh", "-ec", f'{before}\nexec "$2" -c "$3" "$1"', "sh", state]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*words, sys.executable, SHOW], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    return done.stdout


READ_ONLY = 'mount --bind "$1" "$1"\nmount -o remount,bind,ro "$1"'


def test_a_read_only_folder_is_shown_with_its_spool(state, spool, record):
    spool(record("a", "R1"))
    with open_ledger(state) as ledger:
        take_in_spool(ledger, [state], "web-1", NOW)
    assert show_mounted(state, READ_ONLY) == "[('a', 'started')] () ['ledger.db', 'ledger.lock', 'spool']\n"
    spool(record("a", "R1", "ok", NOW + 1), record("b", "R2"))
    shown = "[('a', 'ok'), ('b', 'started')] () ['ledger.db', 'ledger.lock', 'spool']\n"
    assert show_mounted(state, READ_ONLY) == shown


def test_a_read_only_folder_with_the_log_of_a_living_writer_is_shown_as_it_stands_now(state, spool, record):
    spool(record("a", "R1"))
    with open_ledger(state) as ledger:
        take_in_spool(ledger, [state], "web-1", NOW)
        files = ["ledger.db", "ledger.db-shm", "ledger.db-wal", "ledger.lock", "spool"]
        assert show_mounted(state, READ_ONLY) == f"[('a', 'started')] () {files}\n"


def test_a_full_disk_is_shown_with_its_spool(state, spool, record):
    spool(record("a", "R1"))
    with open_ledger(state) as ledger:
        take_in_spool(ledger, [state], "web-1", NOW)
    spool(record("a", "R1", "ok", NOW + 1))
    fill = (
        'cp -a "$1" "$1.kept"\nmount -t tmpfs -o size=400k none "$1"\ncp -a "$1.kept/." "$1"\n'
        'cat /dev/zero > "$1/ballast" 2>/dev/null || true'
    )
    assert show_mounted(state, fill).startswith("[('a', 'ok')] () ['ballast', 'ledger.db', ")


def test_a_folder_whose_name_is_no_utf_8_is_read_without_writing(state: str, record) -> None:
    place = os.fsdecode(os.fsencode(state) + b"\xff")
    append_record([place], record("a", "R1", "ok"), NOW)
    with open_ledger(place) as ledger:
        take_in_spool(ledger, [place], "web-1", NOW)
    with open_read_only(place) as ledger:
        assert [job.name for job in jobs.iterate_jobs(ledger)] == ["a"]
