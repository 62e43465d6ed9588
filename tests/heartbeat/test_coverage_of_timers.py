"""How do systemd's timers stand: who is told of a failure, what ends a run, will it run at all?"""

from pathlib import Path

import pytest

from tests.heartbeat.disk import RUN, Disk


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "disk")


def test_a_timer_is_silent_without_a_voice_and_a_limit(disk: Disk) -> None:
    disk.timer("bare", "ExecStart=/bin/backup")
    [line] = disk.coverage().lines
    assert (line.file, line.number, line.user) == ("/etc/systemd/system/bare.timer", None, "root")
    assert (line.schedule, line.command, line.state) == ("daily", "/bin/backup", "silent")
    assert [reason.code for reason in line.reasons] == ["no-on-failure", "no-time-limit"]
    assert line.fix == "agentkit heartbeat adopt --systemd bare.timer"
    assert line.next is not None


def test_a_timer_with_a_voice_and_a_limit_is_covered(disk: Disk) -> None:
    disk.timer("told", "ExecStart=/bin/backup", "TimeoutStartSec=1h", unit=("OnFailure=tell@%n.service",))
    assert [line.state for line in disk.coverage().lines] == ["covered"]


def test_a_timer_whose_service_is_wrapped_is_covered(disk: Disk) -> None:
    disk.timer("wrapped", f"ExecStart={RUN} wrapped -- /bin/backup")
    [line] = disk.coverage().lines
    assert (line.state, line.jobs) == ("covered", ("wrapped",))


@pytest.mark.parametrize("setting", ["TimeoutStartSec=infinity", "TimeoutStartSec=0", "TimeoutSec=infinity"])
def test_an_endless_limit_is_none(disk: Disk, setting: str) -> None:
    disk.timer("endless", "ExecStart=/bin/backup", setting, unit=("OnFailure=tell.service",))
    assert [reason.code for reason in disk.coverage().lines[0].reasons] == ["no-time-limit"]


def test_a_failure_that_the_service_throws_away_is_a_reason(disk: Disk) -> None:
    service = ("ExecStart=-/bin/backup", "TimeoutStartSec=1h")
    disk.timer("ignored", *service, unit=("OnFailure=tell.service",))
    assert [reason.code for reason in disk.coverage().lines[0].reasons] == ["status-discarded"]


def test_a_timer_that_starts_nothing_is_dead(disk: Disk) -> None:
    disk.unit("lonely.timer", "[Timer]", "OnCalendar=daily")
    disk.enable("lonely.timer")
    disk.timer("masked", "ExecStart=/bin/backup")
    (disk.root / "etc/systemd/system/masked.service").unlink()
    (disk.root / "etc/systemd/system/masked.service").symlink_to("/dev/null")
    found = {line.file: line for line in disk.coverage().lines}
    lonely, masked = found["/etc/systemd/system/lonely.timer"], found["/etc/systemd/system/masked.timer"]
    assert (lonely.state, lonely.reasons[0].code) == ("dead", "no-service")
    assert (masked.state, masked.fix) == ("dead", "systemctl unmask masked.service")


def test_a_timer_that_is_not_enabled_is_no_scheduled_line(disk: Disk) -> None:
    disk.unit("off.timer", "[Timer]", "OnCalendar=daily")
    disk.unit("off.service", "[Service]", "ExecStart=/bin/backup")
    assert disk.coverage().lines == ()
