from collections.abc import Callable

import pytest

from agentkit.core.errors import Exit
from agentkit.core.ledger import open_ledger
from agentkit.core.ledger.prunable import count_prunable
from agentkit.core.ledger.prune import prune
from tests.heartbeat.answers import Verb
from tests.heartbeat.machine import HOUR, Machine
from tests.heartbeat.terminal import Terminal

pytest_plugins = ("tests.heartbeat.lived",)

DAY = 24 * HOUR
HOURLY = {"expect": {"every_s": HOUR}}


def leave_old_runs(machine: Machine, count: int = 80, *, tail: str = "") -> None:
    """Leave that many runs of 100 days ago, judged; 50 of each job stay whatever the bounds say."""
    machine.step(-100 * DAY)
    for number in range(count):
        state = "failed" if number == 3 else "ok"
        machine.end("old", state, tail=tail, boottime_s=1e6 + 60 * number, **HOURLY)
        machine.step(60)
    machine.check()
    machine.check()
    machine.step(100 * DAY - 60 * count)
    machine.check()


def count_runs(machine: Machine) -> int:
    with open_ledger(str(machine.folder)) as ledger:
        row = ledger.first("SELECT count(*) FROM runs")
    assert row is not None
    return int(row[0])


def test_what_is_older_than_the_configured_days_goes_and_is_counted(verb: Verb, lived: Machine) -> None:
    leave_old_runs(lived)
    ended = verb("prune")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[:2] == ["removed 30 runs", "removed 1 resolved finding"]
    assert count_runs(lived) == 50
    again = verb("prune")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_the_configuration_and_the_options_set_the_bounds(verb: Verb, lived: Machine) -> None:
    leave_old_runs(lived)
    (lived.folder / "agentkit.toml").write_text("[heartbeat]\nkeep_days = 200\n")
    assert verb("prune").stdout == ""
    assert verb("prune", "--days", "99").stdout.startswith("removed 30 runs\n")


def test_a_size_takes_the_oldest_runs(verb: Verb, lived: Machine) -> None:
    leave_old_runs(lived, 200, tail="x" * 8000)
    dry = verb("prune", "--days", "300", "--bytes", "1MiB", "--dry-run")
    assert dry.stdout.startswith("would remove the oldest of 150 more runs: the ledger has ")
    ended = verb("prune", "--days", "300", "--bytes", "1MiB")
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[0].startswith("removed ")
    assert 50 <= count_runs(lived) < 200


def test_a_size_that_cannot_be_reached_is_a_warning_and_1(verb: Verb, lived: Machine) -> None:
    leave_old_runs(lived)
    ended = verb("prune", "--bytes", "1KiB")
    assert ended.returncode == Exit.FINDINGS
    assert "more than 1.0 KiB: each job keeps its last 50 runs" in ended.stderr
    assert count_runs(lived) == 50


def test_a_dry_run_says_the_same_and_removes_nothing(verb: Verb, lived: Machine) -> None:
    leave_old_runs(lived)
    dry = verb("prune", "--dry-run")
    assert (dry.returncode, dry.stderr) == (0, "")
    assert count_runs(lived) == 80
    done = verb("prune").stdout.splitlines()
    assert dry.stdout.splitlines() == [line.replace("removed", "would remove") for line in done if "removed" in line]


def test_what_would_go_is_what_goes(lived: Machine) -> None:
    leave_old_runs(lived, 120)
    lived.end("old", **HOURLY)
    lived.end("young", **HOURLY)
    lived.check()
    with open_ledger(str(lived.folder)) as ledger:
        for kept in (0, 1, 50, 500):
            # One of the runs that a job keeps is the young one, which no check has judged.
            foreseen = count_prunable(ledger, 30, lived.now, kept_runs=kept)
            assert foreseen.runs == max(0, min(120, 121 - kept))
        foreseen = count_prunable(ledger, 30, lived.now)
        assert prune(ledger, 30, 1 << 40, lived.now).runs == foreseen.runs == 71


def test_quiet_says_nothing_of_what_went(verb: Verb, lived: Machine) -> None:
    leave_old_runs(lived)
    ended = verb("prune", "--quiet")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert count_runs(lived) == 50


def test_on_a_terminal_nothing_to_do_is_said(look: Callable[..., Terminal], lived: Machine) -> None:
    lived.end(**HOURLY)
    lived.check()
    assert look("prune").finish() == (0, "nothing to remove\n")


def test_on_a_new_machine_nothing_is_made(verb: Verb, lived: Machine) -> None:
    assert verb("prune").returncode == 0
    assert not lived.folder.exists()


@pytest.mark.parametrize(
    "words",
    [["--days", "0"], ["--days", "-1"], ["--days", "x"], ["--bytes", "0"], ["--bytes", "much"], ["--bytes", ""]],
)
def test_bounds_that_are_none_are_a_usage_error(verb: Verb, lived: Machine, words: list[str]) -> None:
    lived.end(**HOURLY)
    ended = verb("prune", *words)
    assert (ended.returncode, ended.stdout) == (Exit.USAGE, "")
    assert words[0] in ended.stderr
