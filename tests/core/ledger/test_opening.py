import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.ledger import CorruptLedgerError, Ledger, jobs, notes, open_ledger, opening, with_ledger

ROOT = Path(__file__).parents[3]
NOW = 1_790_000_000.0


def run_on_small_disk(folder: Path, size: str, script: str) -> "subprocess.CompletedProcess[str]":
    """Run a script where folder/small is a disk of that size; a namespace of its own takes the disk away again."""
    (folder / "small").mkdir()
    mount = f'mount -t tmpfs -o size={size} none "$1" && exec "$2" -c "$3"'
    words = ["unshare", "--mount", "--map-root-user", "sh", "-c", mount, "sh", str(folder / "small"), sys.executable]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    return subprocess.run([*words, script], env=environ, capture_output=True, text=True, timeout=60, check=False)


def mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_folder_and_file_are_made_and_closed_to_others(tmp_path):
    old = os.umask(0)
    try:
        open_ledger(str(tmp_path / "a" / "b")).close()
    finally:
        os.umask(old)
    assert [mode(str(tmp_path / name)) for name in ("a", "a/b")] == [0o700, 0o700]
    assert [mode(str(tmp_path / "a/b" / name)) for name in ("ledger.db", "ledger.lock")] == [0o600, 0o600]
    assert sorted(os.listdir(tmp_path / "a/b")) == ["ledger.db", "ledger.lock"]


def test_a_ledger_keeps_what_was_written(state):
    with open_ledger(state) as ledger:
        jobs.remember_job(ledger, "a", NOW)
        assert ledger.notices == ()
    with open_ledger(state) as ledger:
        assert [job.name for job in jobs.iterate_jobs(ledger)] == ["a"]


def test_it_survives_a_power_cut_because_each_commit_is_synced(ledger):
    row = ledger.first("PRAGMA synchronous")
    assert row is not None
    assert row[0] == 2
    row = ledger.first("PRAGMA journal_mode")
    assert row is not None
    assert row[0] == "wal"


def test_a_transaction_happens_whole_or_not_at_all(ledger):
    def half() -> None:
        with ledger.transaction():
            jobs.remember_job(ledger, "a", NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert not ledger.in_transaction
    assert list(jobs.iterate_jobs(ledger)) == []


def test_many_programs_that_open_a_missing_ledger_make_one(state):
    script = "import sys; from agentkit.core.ledger import open_ledger; open_ledger(sys.argv[1]).close()"
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    programs = [
        subprocess.Popen([sys.executable, "-c", script, state], env=environ, stderr=subprocess.PIPE) for _ in range(8)
    ]
    assert [program.communicate(timeout=60)[1] for program in programs] == [b""] * 8
    assert sorted(os.listdir(state)) == ["ledger.db", "ledger.lock"]


@pytest.mark.parametrize("version", [2, 7, 2**31 - 1])
def test_a_newer_ledger_is_refused_and_not_touched(state, version):
    with open_ledger(state) as ledger:
        jobs.remember_job(ledger, "a", NOW)
        ledger.execute(f"PRAGMA user_version = {version}")
    before = Path(f"{state}/ledger.db").read_bytes()
    for use in (lambda: open_ledger(state), lambda: with_ledger(state, lambda ledger: ledger.path)):
        with pytest.raises(AgentkitError, match=f"has version {version}") as caught:
            use()
        assert caught.value.status == Exit.CONFIGURATION
    assert Path(f"{state}/ledger.db").read_bytes() == before
    assert sorted(os.listdir(state)) == ["ledger.db", "ledger.lock"]


def test_a_newer_version_that_stands_in_the_log_only_is_refused_too(state):
    with open_ledger(state) as ledger:
        ledger.execute("PRAGMA user_version = 2")
        with pytest.raises(AgentkitError) as caught:
            open_ledger(state)
    assert caught.value.status == Exit.CONFIGURATION


def test_a_log_without_its_ledger_is_not_played_into_the_new_one(state):
    with open_ledger(state) as ledger:
        jobs.remember_job(ledger, "a", NOW)
        wal = Path(f"{state}/ledger.db-wal").read_bytes()
    os.unlink(f"{state}/ledger.db")
    Path(f"{state}/ledger.db-wal").write_bytes(wal)
    with open_ledger(state) as ledger:
        assert list(jobs.iterate_jobs(ledger)) == []
    assert [name for name in os.listdir(state) if "corrupt" in name] != []


def test_a_folder_that_cannot_be_made_is_cannot_write(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AgentkitError) as caught:
        open_ledger(str(tmp_path / "file" / "state"))
    assert caught.value.status == Exit.CANNOT_WRITE


def test_a_link_that_leads_nowhere_is_not_replaced_by_an_empty_ledger(tmp_path, state):
    os.mkdir(state)
    os.symlink(tmp_path / "not-mounted" / "ledger.db", f"{state}/ledger.db")
    with pytest.raises(AgentkitError, match="leads nowhere") as caught:
        open_ledger(state)
    assert caught.value.status == Exit.UNAVAILABLE
    assert os.path.islink(f"{state}/ledger.db")


def test_work_is_done_again_after_a_repair_and_only_once_more(state):
    open_ledger(state).close()
    calls = []

    def work(ledger: Ledger) -> str:
        calls.append(ledger.notices)
        raise CorruptLedgerError(ledger.path, "invented")

    with pytest.raises(CorruptLedgerError):
        with_ledger(state, work)
    assert [len(notices) for notices in calls] == [0, 1]
    assert "it is whole now" in calls[1][0]


def test_whoever_wants_to_replace_the_file_waits_until_nobody_has_it_open(state):
    with open_ledger(state):
        with pytest.raises(AgentkitError, match="is in use") as caught:
            opening.enter_door(state, alone=True, limit_s=0.05)
        assert caught.value.status == Exit.TRY_LATER
    door = opening.enter_door(state, alone=True, limit_s=0.05)
    assert door is not None
    try:
        with pytest.raises(AgentkitError, match="repaired or upgraded") as caught:
            opening.enter_door(state, alone=False, limit_s=0.05)
        assert caught.value.status == Exit.TRY_LATER
    finally:
        os.close(door)


def test_a_full_disk_is_cannot_write_and_nothing_is_half_written(tmp_path):
    script = f"""
import os, sys
from agentkit.core.errors import AgentkitError
from agentkit.core.ledger import jobs, notes, open_ledger
state = {str(tmp_path)!r} + "/small/state"
with open_ledger(state) as ledger:
    jobs.remember_job(ledger, "before", 1.0)
open({str(tmp_path)!r} + "/small/ballast", "wb").close()
with open({str(tmp_path)!r} + "/small/ballast", "wb", buffering=0) as file:
    try:
        while file.write(bytes(4096)):
            pass
    except OSError:
        pass
statuses = []
for _ in range(2):
    try:
        with open_ledger(state) as ledger, ledger.transaction():
            for number in range(500):
                notes.add_note(ledger, "x", "y" * 900, 1.0)
    except AgentkitError as error:
        statuses.append(error.status)
os.unlink({str(tmp_path)!r} + "/small/ballast")
with open_ledger(state) as ledger:
    print(statuses, [job.name for job in jobs.iterate_jobs(ledger)], notes.find_unseen_notes(ledger), ledger.notices)
"""
    done = run_on_small_disk(tmp_path, "512k", script)
    assert (done.stderr, done.stdout) == ("", f"{[Exit.CANNOT_WRITE] * 2} ['before'] [] ()\n")


def test_a_full_disk_leaves_no_half_made_ledger(tmp_path):
    script = f"""
import os
from agentkit.core.errors import AgentkitError
from agentkit.core.ledger import open_ledger
state = {str(tmp_path)!r} + "/small/state"
try:
    open_ledger(state)
except AgentkitError as error:
    print(error.status, os.path.exists(state + "/ledger.db"))
"""
    done = run_on_small_disk(tmp_path, "64k", script)
    assert (done.stderr, done.stdout) == ("", f"{Exit.CANNOT_WRITE} False\n")


def test_a_wrong_statement_is_a_bug_and_not_a_full_disk(ledger):
    with pytest.raises(AgentkitError) as caught:
        ledger.execute("SELEKT")
    assert caught.value.status == Exit.INTERNAL
    assert notes.find_unseen_notes(ledger) == []
