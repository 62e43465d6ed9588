"""Accept against a real ledger: with the clock that tests move where time matters, else through the real program."""

from pathlib import Path

import pytest

from agentkit.core.config import Configuration
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.ledger import open_ledger
from agentkit.core.ledger.jobs import find_job
from agentkit.core.ledger.notes import find_accepts
from agentkit.core.settings import JobSettings
from agentkit.heartbeat.acceptance import accept_job
from tests.heartbeat.answers import Verb, read_records
from tests.heartbeat.machine import HOUR, Machine

pytest_plugins = ("tests.heartbeat.lived",)

HOURLY = {"expect": {"every_s": HOUR}}
LINE = "0 * * * * {u} agentkit heartbeat run backup -- true"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def accept(machine: Machine, name: str = "backup", *, reason: str = "moved", is_dry: bool = False) -> list[str]:
    settings = Configuration("none", "host-1", machine.heartbeat, machine.jobs)
    return accept_job(machine.environ, settings, name, reason, by="root", clocks=machine.clocks, is_dry=is_dry)


def test_an_odd_state_that_is_accepted_is_normal_from_then_on(machine: Machine) -> None:
    for _ in range(25):
        machine.end(took=60.0, **HOURLY)
        machine.step(60)
    for _ in range(3):
        machine.end(took=0.4, **HOURLY)
        machine.step(60)
    assert machine.firing() == [("too-fast", "job:backup")]
    assert accept(machine) == [
        "resolved too-fast: backup took 0.4s; the last 25 runs took 60s",
        "learnt from 3 odd runs what is normal now",
    ]
    assert machine.firing() == []
    machine.end(took=0.4, **HOURLY)
    machine.step(60)
    assert machine.firing() == []


def test_without_accept_it_would_go_on_firing(machine: Machine) -> None:
    for took in [60.0] * 25 + [0.4] * 4:
        machine.end(took=took, **HOURLY)
        machine.step(60)
    unjudged = "nothing to accept yet: no check has judged the last run of backup; agentkit heartbeat check"
    assert accept(machine, is_dry=True) == [unjudged]
    machine.check()
    assert accept(machine, is_dry=True)[-1] == "would learn from 4 odd runs what is normal now"
    assert machine.firing() == [("too-fast", "job:backup")]


def test_a_late_job_is_expected_no_more_until_it_comes_again(machine: Machine) -> None:
    machine.end(took=0, **HOURLY)
    machine.check()
    machine.step(3 * HOUR)
    assert machine.firing() == [("late", "job:backup")]
    assert accept(machine)[-1] == "retired backup: it is expected again when it leaves evidence"
    machine.step(24 * HOUR)
    assert machine.firing() == []
    machine.end(took=0, **HOURLY)
    assert machine.firing() == []
    machine.step(3 * HOUR)
    assert machine.firing() == [("late", "job:backup")]


def test_a_job_that_is_late_before_any_check_said_so_is_retired_too(machine: Machine) -> None:
    machine.end(took=0, **HOURLY)
    machine.jobs["backup"] = JobSettings(every_s=HOUR)
    machine.step(3 * HOUR)
    # Its last run is judged after it was accepted: an old run is no return.
    assert accept(machine) == ["retired backup: it is expected again when it leaves evidence"]
    assert machine.firing() == []
    machine.step(24 * HOUR)
    assert machine.firing() == []
    # A change elsewhere in the configuration makes all due times anew.
    machine.jobs["other"] = JobSettings(watched=False)
    assert machine.firing() == []


def test_a_job_of_the_configuration_that_is_retired_stays_so(machine: Machine) -> None:
    machine.jobs["backup"] = JobSettings(every_s=HOUR)
    machine.check()
    machine.step(3 * HOUR)
    assert machine.firing() == [("missing", "job:backup")]
    accept(machine)
    machine.jobs["other"] = JobSettings(every_s=30 * 24 * HOUR)
    machine.step(3 * HOUR)
    assert machine.firing() == []
    machine.step(3 * HOUR)
    assert machine.firing() == []


def test_a_vanished_line_that_is_accepted_is_forgotten(machine: Machine) -> None:
    machine.crontab(LINE)
    machine.end(took=0, **HOURLY)
    machine.check()
    machine.step(60)
    machine.crontab("# nothing")
    assert machine.firing() == [("vanished", "job:backup")]
    told = accept(machine)
    assert "forgot the crontab line 0 * * * * of /etc/crontab" in told
    assert told[-1].startswith("retired backup")
    machine.step(24 * HOUR)
    assert machine.firing() == []


def test_a_line_that_comes_back_with_evidence_is_expected_again(machine: Machine) -> None:
    machine.crontab(LINE)
    machine.end(took=0)
    machine.check()
    machine.step(60)
    machine.crontab("# nothing")
    machine.check()
    accept(machine)
    machine.step(60)
    machine.crontab(LINE)
    machine.end(took=0)
    assert machine.firing() == []
    machine.end("other", took=0)
    machine.step(3 * HOUR)
    machine.end("other", took=0)
    assert machine.firing() == [("late", "job:backup")]


def test_what_a_check_sees_anew_each_time_stays_and_is_told(machine: Machine) -> None:
    machine.end(took=0, state="failed", status=1, **HOURLY)
    machine.crontab("0 * * * * nobody-of-that-name agentkit heartbeat run backup -- true")
    machine.check()
    told = accept(machine)
    assert told[0].startswith("resolved failed: backup failed with status 1")
    assert told[-1].startswith("still there, dead-line: cron will not run")
    assert machine.firing() == [("dead-line", "job:backup")]


def test_going_back_and_forth_is_counted_anew(machine: Machine) -> None:
    for turn in range(12):
        machine.end(state="failed" if turn % 2 else "ok", status=turn % 2, **HOURLY)
        machine.step(60)
    machine.end(**HOURLY)
    machine.check()
    assert machine.firing() == [("flapping", "job:backup")]
    accept(machine)
    machine.step(60)
    machine.end(**HOURLY)
    assert machine.firing() == []


def test_accepting_twice_is_accepting_once(machine: Machine) -> None:
    machine.end(took=0, **HOURLY)
    machine.step(3 * HOUR)
    machine.check()
    accept(machine, reason=" moved ")
    machine.step(60)
    assert accept(machine) == ["nothing to accept: backup looks as usual"]
    with open_ledger(str(machine.folder)) as ledger:
        [recorded] = find_accepts(ledger, "backup")
        job = find_job(ledger, "backup")
    assert (recorded.reason, recorded.by, recorded.at) == ("moved", "root", machine.now - 60)
    assert job is not None
    assert (job.accept_reason, job.next_due_at) == ("moved", None)


def test_a_dry_run_says_the_same_and_changes_nothing(machine: Machine) -> None:
    machine.crontab(LINE)
    machine.end(took=0, **HOURLY)
    machine.check()
    machine.crontab("# nothing")
    machine.step(3 * HOUR)
    machine.check()
    before = machine.firing()
    told = accept(machine, is_dry=True)
    assert machine.firing() == before
    with open_ledger(str(machine.folder)) as ledger:
        assert find_accepts(ledger, "backup") == []
    done = {"resolve": "resolved", "forget": "forgot", "retire": "retired"}
    assert all(line.startswith("would ") for line in told)
    assert accept(machine) == [
        " ".join([done[verb], *rest]) for verb, *rest in (line.removeprefix("would ").split(" ") for line in told)
    ]


def test_an_acceptance_that_cannot_be_written_changes_nothing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.end(took=0, **HOURLY)
    machine.step(3 * HOUR)
    before = machine.firing()

    def refuse(*_: object) -> None:
        raise AgentkitError("no room", status=Exit.CANNOT_WRITE)

    with monkeypatch.context() as patch:
        patch.setattr("agentkit.heartbeat.acceptance.record_accept", refuse)
        with pytest.raises(AgentkitError):
            accept(machine)
    assert machine.firing() == before


def test_the_program_accepts_and_status_says_why(verb: Verb, lived: Machine) -> None:
    lived.step(-3 * HOUR)
    # Due again soon after a start: the machine that runs this test may have been started a minute ago.
    lived.end(expect={"every_s": 20.0, "grace_s": 0.0})
    lived.check()
    lived.step(3 * HOUR)
    ended = verb("accept", "backup", "--reason", "moved to \x1b[31mweb-2")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "retired backup: it is expected again when it leaves evidence\n"
    [record] = read_records(verb("status", "--json").stdout, "job")
    assert (record["state"], record["next_at"]) == ("retired", None)
    shown = verb("status", "backup").stdout
    assert ": moved to \\x1b[31mweb-2\n" in shown
    lived.end(**HOURLY)
    [record] = read_records(verb("status", "--json").stdout, "job")
    assert record["state"] == "ok"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["backup"], Exit.USAGE),
        (["backup", "--reason", ""], Exit.USAGE),
        (["backup", "--reason", " \n"], Exit.USAGE),
        (["--reason", "x"], Exit.USAGE),
        (["bakcup", "--reason", "x"], Exit.UNAVAILABLE),
    ],
)
def test_words_that_accept_nothing_are_refused(verb: Verb, lived: Machine, words: list[str], status: int) -> None:
    lived.end(**HOURLY)
    ended = verb("accept", *words)
    assert (ended.returncode, ended.stdout) == (status, "")
    assert ended.stderr.startswith("agentkit: error: ")


def test_on_a_new_machine_nothing_is_made(verb: Verb, lived: Machine) -> None:
    assert verb("accept", "backup", "--reason", "x").returncode == Exit.UNAVAILABLE
    assert not lived.folder.exists()


def test_that_nobody_knows_a_schedule_is_not_made_untrue_by_accepting_it(machine: Machine) -> None:
    machine.end()
    machine.check()
    assert accept(machine) == [
        "nothing to accept: backup looks as usual",
        "still there, unwatched: nobody knows when backup is to run: its absence would go unnoticed",
    ]
