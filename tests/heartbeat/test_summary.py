import tempfile
from pathlib import Path

import pytest

from agentkit.core.errors import Exit
from tests.heartbeat.answers import Verb, read_records
from tests.heartbeat.machine import HOUR, Machine

pytest_plugins = ("tests.heartbeat.lived",)

HOURLY = {"expect": {"every_s": HOUR}}


def summarise(verb: Verb, root: str | None = None) -> tuple[str, list[tuple[str, str]], str | None]:
    """Ask for the summary, with the scheduled lines of a root folder, or none."""
    with tempfile.TemporaryDirectory() as bare:
        Path(bare, "etc").mkdir()
        ended = verb("summary", "--json", "--root", root or bare)
    assert (ended.returncode, ended.stderr) == (0, "")
    [record] = read_records(ended.stdout, "summary")
    lines = record["lines"]
    assert isinstance(lines, list)
    return str(record["title"]), [(line["severity"], line["text"]) for line in lines], record["next"]  # type: ignore[return-value]


def test_a_new_machine_is_told_the_first_step_and_nothing_is_made_there(verb: Verb, lived: Machine) -> None:
    title, lines, next_step = summarise(verb)
    assert title == "heartbeat: watches nothing yet"
    assert lines == [("info", "no job has left evidence yet")]
    assert next_step == "agentkit heartbeat run NAME --every 1h -- PROGRAM…"
    assert not lived.folder.exists()


def test_jobs_that_nobody_checks_are_a_warning(verb: Verb, lived: Machine) -> None:
    lived.end(**HOURLY)
    title, lines, next_step = summarise(verb)
    assert title == "heartbeat: nobody checks"
    assert lines == [("info", "1 job: 1 well"), ("warning", "no check ever ran: what is missing goes unnoticed")]
    assert next_step == "agentkit heartbeat check"


def test_when_all_is_well_there_is_no_next_step(verb: Verb, lived: Machine) -> None:
    lived.end(**HOURLY)
    lived.check()
    title, lines, next_step = summarise(verb)
    assert (title, next_step) == ("heartbeat: all is well", None)
    assert [severity for severity, _ in lines] == ["info", "info"]


def test_a_check_of_more_than_an_hour_ago_is_a_warning(verb: Verb, lived: Machine) -> None:
    lived.step(-2 * HOUR)
    lived.end(expect={"every_s": 24 * HOUR})
    lived.check()
    title, lines, next_step = summarise(verb)
    assert title == "heartbeat: nobody checks"
    assert lines[-1] == ("warning", "the last check was 2h ago")
    assert next_step == "agentkit heartbeat check"


def test_the_worst_findings_come_first_and_the_rest_is_counted(verb: Verb, lived: Machine) -> None:
    lived.step(-60)
    lived.end("slow", effects=[{"text": "--expect-duration 0s..1s", "held": False, "why": "it took 9s"}], **HOURLY)
    lived.end("plain")
    runs = [lived.end(f"bad-{number}", "failed", status=3, **HOURLY) for number in range(6)]
    lived.check()
    title, lines, next_step = summarise(verb)
    assert title == "heartbeat: 7 findings"
    assert lines[0] == ("critical", "8 jobs: 1 well, 6 failed, 1 odd")
    assert [severity for severity, _ in lines[1:6]] == ["critical"] * 5
    assert lines[6:8] == [
        ("critical", "and 2 more findings"),
        ("info", "1 more thing worth knowing: agentkit heartbeat check"),
    ]
    assert next_step in {f"agentkit heartbeat show {run}" for run in runs}


def test_a_job_that_is_late_by_now_is_told_before_any_check_says_so(verb: Verb, lived: Machine) -> None:
    lived.step(-1.5 * HOUR)
    # So far apart that a machine that was started lately does not wait for the next turn.
    lived.end(expect={"every_s": 4500.0, "grace_s": 450.0})
    lived.step(4900)
    lived.check()
    lived.step(400)
    lived.end("other", expect={"every_s": HOUR})
    title, lines, next_step = summarise(verb)
    assert title == "heartbeat: 1 job not well"
    assert lines[0] == ("warning", "2 jobs: 1 well, 1 late")
    assert next_step == "agentkit heartbeat status"


def test_a_person_gets_the_same_as_lines(verb: Verb, lived: Machine) -> None:
    lived.end(state="failed", status=3, **HOURLY)
    lived.check()
    shown = verb("summary").stdout.splitlines()
    assert shown[0] == "heartbeat: 1 finding"
    assert shown[1] == "  critical 1 job: 0 well, 1 failed"
    assert shown[-1].startswith("  next:    agentkit heartbeat show ")


def test_checkup_asks_for_it(verb: Verb, agentkit: Verb, lived: Machine) -> None:
    lived.end(**HOURLY)
    lived.check()
    shown = agentkit("checkup", more={"AGENTKIT_HOME": str(lived.folder)}).stdout.splitlines()
    # How many of this machine's own lines are covered is another story.
    assert shown[0] in ("heartbeat: all is well", "heartbeat: its jobs are well, and not every scheduled line is one")
    assert shown[1].split() == ["1", "job:", "1", "well"]


@pytest.fixture
def scheduled(tmp_path: Path) -> Path:
    """Return the root folder of a machine with a line that is silent and one that is dead."""
    crontab = tmp_path / "disk/etc/crontab"
    crontab.parent.mkdir(parents=True)
    crontab.write_text("0 3 * * * root backup\n0 4 31 2 * root backup\n")
    crontab.chmod(0o644)
    (crontab.parent / "passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    return tmp_path / "disk"


def test_what_is_not_covered_and_who_is_not_told_are_warnings(verb: Verb, lived: Machine, scheduled: Path) -> None:
    title, lines, next_step = summarise(verb, str(scheduled))
    assert lines[1:] == [
        ("warning", "2 scheduled lines: 1 dead, 1 silent"),
        ("warning", "nobody would be told: there is no mail program for cron, and no check with --notify or --ping"),
    ]
    assert (title, next_step) == ("heartbeat: watches nothing yet", "agentkit heartbeat coverage")
    lived.end(**HOURLY)
    lived.check()
    title, _, next_step = summarise(verb, str(scheduled))
    assert title == "heartbeat: its jobs are well, and not every scheduled line is one"
    assert next_step == "agentkit heartbeat coverage"


def test_a_machine_whose_lines_are_covered_is_well(verb: Verb, lived: Machine, scheduled: Path) -> None:
    run = "/usr/local/bin/agentkit heartbeat"
    lines = [f"0 3 * * * root {run} run backup -- backup", f"0 4 * * * root {run} check --notify 'mail root'", ""]
    (scheduled / "etc/crontab").write_text("\n".join(lines))
    lived.end(**HOURLY)
    lived.check()
    title, told, next_step = summarise(verb, str(scheduled))
    assert (title, next_step) == ("heartbeat: all is well", None)
    assert told[-1] == ("info", "2 scheduled lines: 2 covered")


def test_a_wrong_configuration_is_told_by_checkup(agentkit: Verb, verb: Verb, lived: Machine) -> None:
    lived.folder.mkdir()
    Path(lived.folder, "agentkit.toml").write_text("[jobs.x]\nevry = 3\n")
    assert verb("summary", "--json").returncode == Exit.CONFIGURATION
    assert "evry" in agentkit("checkup", more={"AGENTKIT_HOME": str(lived.folder)}).stdout
