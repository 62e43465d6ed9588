"""Check against a real ledger and spool, with the clock as the only fake."""

from pathlib import Path

import pytest

from agentkit.core.settings import JobSettings
from tests.heartbeat.machine import HOUR, Machine

DAY = 24 * HOUR
HOURLY = {"expect": {"every_s": HOUR}}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_machine_without_jobs_is_well(machine: Machine) -> None:
    checked = machine.check()
    assert checked.firing == ()
    assert checked.is_well


def test_a_failed_run_is_a_finding_until_a_later_run_is_good(machine: Machine) -> None:
    machine.end(state="failed", status=3, tail="no space\n", **HOURLY)
    first = machine.check()
    assert [(f.type, f.subject, f.severity) for f in first.new] == [("failed", "job:backup", "critical")]
    assert first.new[0].evidence()["tail"] == "no space\n"
    assert not first.is_well
    machine.step(60)
    assert machine.check().new == ()
    assert machine.firing() == [("failed", "job:backup")]
    machine.step(HOUR / 2)
    machine.end(**HOURLY)
    last = machine.check()
    assert last.firing == ()
    assert [f.type for f in last.gone] == ["failed"]
    assert [f.type for f in last.resolved] == ["failed"]


def test_a_failure_between_two_checks_is_told_though_the_newest_run_is_good(machine: Machine) -> None:
    machine.end(state="failed", status=3, **HOURLY)
    machine.step(60)
    machine.end(**HOURLY)
    assert machine.firing() == [("failed", "job:backup")]
    machine.step(60)
    assert machine.firing() == []


def test_a_resolved_finding_is_told_for_a_day(machine: Machine) -> None:
    machine.end(state="failed", status=3, expect={"every_s": 30 * DAY})
    machine.check()
    machine.step(60)
    machine.end(expect={"every_s": 30 * DAY})
    machine.check()
    machine.step(DAY - 60)
    assert [f.type for f in machine.check().resolved] == ["failed"]
    machine.step(120)
    assert machine.check().resolved == ()


def test_a_failure_that_goes_on_is_one_finding(machine: Machine) -> None:
    for _ in range(5):
        machine.end(state="failed", status=1, **HOURLY)
        machine.step(60)
    assert machine.firing() == [("failed", "job:backup")]
    machine.end(state="failed", status=1, **HOURLY)
    checked = machine.check()
    assert checked.new == ()
    assert checked.firing[0].count == 2


def test_a_timeout_an_idle_run_and_a_signal_have_their_types(machine: Machine) -> None:
    machine.end("slow", "timeout", status=124, **HOURLY)
    machine.end("lazy", "idle", effects=[{"text": "--expect-change /x", "held": False, "why": "same"}], **HOURLY)
    machine.end("shot", "failed", status=137, signal=9, **HOURLY)
    found = {f.subject: (f.type, f.title) for f in machine.check().firing}
    assert found["job:slow"][0] == "timeout"
    assert found["job:lazy"] == ("idle", "lazy ended with 0 and did nothing: --expect-change /x: same")
    assert found["job:shot"] == ("failed", "shot was ended by signal 9 after 1s")


def test_a_run_longer_than_declared_is_too_slow_and_no_idle_run(machine: Machine) -> None:
    machine.end(effects=[{"text": "--expect-duration 0s..1s", "held": False, "why": "it took 9s"}], **HOURLY)
    assert machine.firing() == [("too-slow", "job:backup")]


@pytest.mark.parametrize(("took", "found"), [(0.5, "too-fast"), (601.0, "too-slow"), (5.0, None)])
def test_a_time_that_the_configuration_says_is_held_from_the_first_run_on(
    machine: Machine, took: float, found: str | None
) -> None:
    machine.jobs["backup"] = JobSettings(every_s=HOUR, duration_s=(1.0, 600.0))
    machine.end(took=took)
    assert machine.firing() == ([(found, "job:backup")] if found else [])


def test_a_job_past_its_grace_is_late(machine: Machine) -> None:
    machine.end(**HOURLY, took=0)
    machine.check()
    machine.step(HOUR + 359)
    assert machine.firing() == []
    machine.step(2)
    checked = machine.check()
    assert [(f.type, f.subject, f.severity) for f in checked.firing] == [("late", "job:backup", "warning")]
    assert checked.firing[0].title == "backup has left no evidence for 66m (expected every 1h)"
    machine.step(HOUR)
    assert machine.check().firing[0].severity == "critical"
    machine.end(**HOURLY)
    assert machine.firing() == []


def test_a_job_in_the_configuration_that_never_came_is_missing(machine: Machine) -> None:
    machine.jobs["backup"] = JobSettings(every_s=HOUR)
    assert machine.firing() == []
    machine.step(HOUR + 361)
    assert machine.firing() == [("missing", "job:backup")]


def test_a_job_that_nobody_wants_watched_is_never_late(machine: Machine) -> None:
    machine.jobs["backup"] = JobSettings(watched=False)
    machine.end(**HOURLY)
    machine.check()
    machine.step(10 * DAY)
    assert machine.check().firing == ()


def test_a_run_that_goes_on_is_no_late_job(machine: Machine) -> None:
    machine.end(**HOURLY, took=0)
    machine.step(HOUR)
    machine.start(**HOURLY)
    machine.check()
    machine.step(HOUR / 2)
    assert machine.firing() == []


def test_an_open_run_whose_wrapper_is_gone_is_lost(machine: Machine) -> None:
    machine.start(pid=1, pid_start=1, **HOURLY)
    assert machine.firing() == [("lost", "job:backup")]
    machine.step(60)
    assert machine.firing() == [("lost", "job:backup")]
    machine.end(**HOURLY)
    assert machine.firing() == []


def test_an_open_run_of_before_the_last_boot_is_lost(machine: Machine) -> None:
    machine.start(boot="another", **HOURLY)
    assert machine.firing() == [("lost", "job:backup")]


def test_an_open_run_of_another_namespace_stays_undecided_until_its_time_limit(machine: Machine) -> None:
    machine.start(pid_namespace=1, timeout_s=600.0, expect={"every_s": DAY})
    assert machine.firing() == []
    machine.step(600 + 121)
    assert machine.firing() == [("lost", "job:backup")]


def test_a_closing_record_that_comes_after_all_replaces_lost(machine: Machine) -> None:
    run = machine.start(pid_namespace=1, timeout_s=600.0, expect={"every_s": DAY})
    machine.step(800)
    assert machine.firing() == [("lost", "job:backup")]
    machine.end(run=run, took=790.0)
    assert machine.firing() == []


def test_three_skipped_runs_in_a_row_are_a_finding(machine: Machine) -> None:
    for expected in ([], [], [("skipping", "job:backup")]):
        machine.end(state="skipped", status=75, holder={"pid": 7}, **HOURLY)
        assert machine.firing() == expected
        machine.step(60)
    machine.end(**HOURLY)
    assert machine.firing() == []


def test_skipped_runs_do_not_excuse_a_failure(machine: Machine) -> None:
    machine.end(state="failed", status=1, **HOURLY)
    machine.check()
    machine.step(60)
    machine.end(state="skipped", status=75, **HOURLY)
    assert machine.firing() == [("failed", "job:backup")]


def test_a_job_that_goes_back_and_forth_is_flapping(machine: Machine) -> None:
    for turn in range(12):
        machine.end(state="failed" if turn % 2 else "ok", status=turn % 2, **HOURLY)
        machine.step(60)
    machine.check()
    machine.step(60)
    machine.end(**HOURLY)
    assert ("flapping", "job:backup") in machine.firing()


def test_a_failed_attempt_is_none_when_its_retry_came(machine: Machine) -> None:
    run = machine.end(state="failed", status=1, retry_after_s=10.0, **HOURLY)
    assert machine.firing() == []
    machine.step(10)
    machine.end(run=run, attempt=2)
    assert machine.firing() == []


def test_a_failed_attempt_whose_retry_never_came_is_a_failure(machine: Machine) -> None:
    machine.end(state="failed", status=1, retry_after_s=10.0, **HOURLY)
    machine.check()
    machine.step(71)
    assert machine.firing() == [("failed", "job:backup")]


def test_odd_runs_are_named_after_twenty_healthy_ones_and_while_they_last(machine: Machine) -> None:
    for turn in range(25):
        machine.end(took=60.0 + turn % 5, **HOURLY)
        machine.step(60)
        assert machine.firing() == []
    for _ in range(3):
        machine.end(took=0.4, **HOURLY)
        machine.step(60)
        assert machine.firing() == [("too-fast", "job:backup")]
    title = machine.check().firing[0].title
    assert title == "backup took 0.4s; the last 25 runs took 60s to 64s"
    machine.end(took=61.0, **HOURLY)
    assert machine.firing() == []


def test_several_signs_of_one_trouble_are_one_finding(machine: Machine) -> None:
    for _ in range(25):
        machine.end(stdout_lines=12, stdout_bytes=400, blocks_out=800, **HOURLY)
        machine.step(60)
    machine.check()
    machine.end(stdout_lines=0, stdout_bytes=0, blocks_out=0, **HOURLY)
    found = [f for f in machine.check().firing if f.severity != "info"]
    assert [(f.type, f.title) for f in found] == [
        ("too-small", "backup printed 0 lines; the last 25 runs printed 12 lines")
    ]
    assert found[0].evidence()["also"] == ["wrote 0 B to disk; the last 25 runs wrote 400 KiB"]


def test_the_worst_findings_come_first(machine: Machine) -> None:
    machine.end("curious")
    machine.check()
    machine.step(60)
    for name in ("a", "b", "c"):
        machine.end(name, "failed", status=1, **HOURLY)
    assert [f.severity for f in machine.check().firing] == ["critical"] * 3 + ["info"]


def test_high_values_are_told_and_change_no_status(machine: Machine) -> None:
    for _ in range(25):
        machine.end(took=60.0, **HOURLY)
        machine.step(60)
    machine.check()
    machine.end(took=600.0, **HOURLY)
    checked = machine.check()
    assert [(f.type, f.severity) for f in checked.firing] == [("too-slow", "info")]
    assert checked.is_well


def test_a_job_without_a_schedule_is_named_once_as_information(machine: Machine) -> None:
    machine.end()
    checked = machine.check()
    assert [(f.type, f.severity) for f in checked.firing] == [("unwatched", "info")]
    assert checked.is_well
    machine.step(60)
    machine.end(**HOURLY)
    assert machine.check().firing == ()
