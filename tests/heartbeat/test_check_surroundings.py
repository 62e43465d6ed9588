"""What check makes of crontabs, silence, clocks, foreign locks and its own ledger, with the clock as the only fake."""

import os
from pathlib import Path

import pytest

from agentkit.core.ledger import open_ledger
from agentkit.core.settings import HeartbeatSettings
from tests.heartbeat.machine import HOUR, Machine

DAY = 24 * HOUR
HOURLY = {"expect": {"every_s": HOUR}}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_crontab_line_is_the_schedule_of_its_job(machine: Machine) -> None:
    machine.crontab("0 * * * * {u} /opt/a/bin/agentkit heartbeat run backup -- true")
    assert machine.check().firing == ()
    machine.end(took=0)
    assert machine.check().firing == ()
    machine.step(3 * HOUR)
    assert machine.firing() == [("silent-machine", "host:host-1")]


def test_a_crontab_line_that_never_brought_evidence_is_missing(machine: Machine) -> None:
    machine.crontab("0 * * * * {u} agentkit heartbeat run backup -- true")
    machine.check()
    machine.step(3 * HOUR)
    assert machine.firing() == [("missing", "job:backup")]


def test_a_line_that_has_gone_is_vanished_and_nothing_else(machine: Machine) -> None:
    machine.crontab("0 * * * * {u} agentkit heartbeat run backup -- true")
    machine.end(took=0)
    machine.check()
    machine.step(60)
    machine.crontab("# nothing")
    assert machine.firing() == [("vanished", "job:backup")]
    machine.step(3 * HOUR)
    assert machine.firing() == [("vanished", "job:backup")]
    machine.crontab("30 * * * * {u} agentkit heartbeat run backup -- true")
    assert ("vanished", "job:backup") not in machine.firing()


def test_an_edited_line_is_not_vanished(machine: Machine) -> None:
    machine.crontab("0 * * * * {u} agentkit heartbeat run backup -- true")
    machine.check()
    machine.step(60)
    machine.crontab("# a line more", "5 * * * * {u} agentkit heartbeat run backup -- false")
    assert machine.firing() == []


def test_lines_that_lead_to_another_ledger_are_not_ours(machine: Machine) -> None:
    machine.crontab("0 * * * * {u} AGENTKIT_HOME=/elsewhere agentkit heartbeat run other -- true")
    machine.check()
    machine.step(DAY)
    assert machine.check().firing == ()


def test_a_line_that_cron_drops_is_dead(machine: Machine) -> None:
    machine.crontab("0 * * * * nobody-of-that-name agentkit heartbeat run backup -- true")
    found = machine.check().firing
    assert [(f.type, f.subject) for f in found if f.severity != "info"] == [("dead-line", "job:backup")]
    assert "nobody-of-that-name" in found[0].title


def test_a_line_that_kills_its_whole_file_is_one_finding(machine: Machine) -> None:
    lines = [f"{minute} * * * * {{u}} agentkit heartbeat run job-{minute} -- true" for minute in range(9)]
    machine.crontab(*lines, "61 4 * * * {u} true")
    [found] = [f for f in machine.check().firing if f.type == "dead-line"]
    assert (found.subject, found.severity) == ("file:/etc/crontab", "critical")
    assert "9 lines" in found.title
    assert found.evidence()["jobs"] == [f"job-{number}" for number in range(9)]


def test_when_nothing_at_all_comes_in_that_is_one_finding(machine: Machine) -> None:
    for number in range(50):
        machine.end(f"job-{number}", took=0, **HOURLY)
    machine.check()
    machine.step(2 * HOUR)
    checked = machine.check()
    assert [(f.type, f.subject) for f in checked.firing] == [("silent-machine", "host:host-1")]
    assert "does cron run?" in checked.firing[0].title


def test_one_silent_job_among_living_ones_is_late_alone(machine: Machine) -> None:
    for name in ("one", "two", "three"):
        machine.end(name, took=0, **HOURLY)
    machine.step(2 * HOUR)
    machine.end("one", took=0, **HOURLY)
    machine.end("two", took=0, **HOURLY)
    assert machine.firing() == [("late", "job:three")]


def test_a_clock_that_jumps_is_named_once(machine: Machine) -> None:
    machine.end(**HOURLY)
    machine.check()
    machine.step(-2 * HOUR)
    machine.end(**HOURLY, boottime_s=1e6)
    machine.step(60)
    machine.end(**HOURLY, boottime_s=1e6 + 60)
    assert machine.firing() == [("clock-jump", "host:clock")]
    machine.step(60)
    assert machine.firing() == []


def test_evidence_from_the_future_does_not_excuse_a_job_for_ever(machine: Machine) -> None:
    machine.end(**HOURLY, took=0)
    machine.check()
    machine.step(-30 * DAY)
    machine.check()
    machine.step(2 * HOUR)
    # The ledger's next due lies a month ahead; the check knows that the evidence is of a future.
    assert ("late", "job:backup") in machine.firing()


def test_after_a_long_sleep_a_job_gets_its_next_turn_before_it_is_late(machine: Machine) -> None:
    machine.end(**HOURLY, took=0)
    machine.check()
    machine.sleep(9 * HOUR)
    assert machine.firing() == []
    machine.step(HOUR + 300)
    assert machine.firing() == []
    machine.step(120)
    assert machine.firing() == [("late", "job:backup")]


def test_after_a_pause_of_the_whole_machine_too(machine: Machine) -> None:
    machine.end(**HOURLY, took=0)
    machine.check()
    machine.step(9 * HOUR)
    # The time since boot stood still meanwhile, as on a virtual machine that was put aside.
    machine.booted_at += 9 * HOUR
    assert machine.firing() == []


def test_a_job_whose_next_turn_is_far_is_late_right_after_a_sleep(machine: Machine) -> None:
    machine.end(expect={"every_s": DAY}, took=0)
    machine.check()
    machine.sleep(30 * HOUR)
    assert machine.firing() == [("late", "job:backup")]


def test_a_machine_that_was_just_started_waits_for_the_first_turn(machine: Machine) -> None:
    machine.end(**HOURLY, took=0)
    machine.check()
    machine.step(9 * HOUR)
    machine.booted_at = machine.now - 60
    assert machine.firing() == []
    machine.step(HOUR + 400)
    assert machine.firing() == [("late", "job:backup")]


def test_a_lock_of_a_dead_owner_is_stale(tmp_path: Path) -> None:
    dead, alive, folder, empty = (tmp_path / name for name in ("dead.pid", "alive.pid", "folder.lock", "new.lock"))
    dead.write_text("999999999\n")
    alive.write_text(f"{os.getpid()}\n")
    folder.mkdir()
    empty.write_text("")
    machine = Machine(tmp_path, heartbeat=HeartbeatSettings(lock_files=tuple(map(str, (dead, alive, folder, empty)))))
    for path in (dead, folder, empty):
        os.utime(path, (machine.now - 2 * DAY, machine.now - 2 * DAY))
    os.utime(alive)
    os.utime(empty, (machine.now, machine.now))
    assert machine.firing() == [("stale-lock", f"file:{dead}"), ("stale-lock", f"file:{folder}")]
    dead.unlink()
    assert machine.firing() == [("stale-lock", f"file:{folder}")]


def test_a_torn_record_is_said(machine: Machine) -> None:
    machine.end(**HOURLY)
    spool = next((machine.folder / "spool").glob("*.jsonl"))
    with spool.open("ab") as file:
        file.write(b'\n{"v":1,"kind":"beat","jo\n')
    assert [kind for kind, _ in machine.firing()] == ["ledger"]
    machine.step(60)
    assert machine.firing() == []


def test_a_check_that_dies_half_way_leaves_the_runs_to_the_next(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.end(state="failed", status=1, **HOURLY)
    with monkeypatch.context() as patch:
        patch.setattr("agentkit.heartbeat.check.find_late", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            machine.check()
    assert [f.type for f in machine.check().new] == ["failed"]


def test_a_memory_that_cannot_be_read_is_said_and_starts_again(machine: Machine) -> None:
    machine.end(**HOURLY)
    machine.check()
    with open_ledger(str(machine.folder)) as ledger, ledger.transaction():
        ledger.execute("UPDATE learned SET data = x'00'")
    machine.step(60)
    machine.end(**HOURLY)
    assert machine.firing() == [("ledger", "job:backup")]
    machine.step(60)
    machine.end(**HOURLY)
    assert machine.firing() == []
