import os
import re
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit.core.errors import Exit
from agentkit.core.ledger import open_ledger
from agentkit.core.settings import JobSettings
from tests.heartbeat.answers import Verb, read_records
from tests.heartbeat.machine import HOUR, Machine
from tests.heartbeat.terminal import Terminal

pytest_plugins = ("tests.heartbeat.lived",)

HOURLY = {"expect": {"every_s": HOUR}}
Look = Callable[..., Terminal]


def states(verb: Verb, *names: str) -> dict[object, object]:
    ended = verb("status", *names, "--json")
    assert ended.returncode == 0
    return {record["job"]: record["state"] for record in read_records(ended.stdout, "job")}


def test_a_new_machine_has_no_status_and_nothing_is_made_there(verb: Verb, lived: Machine) -> None:
    ended = verb("status")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr.startswith("agentkit: no job has left evidence yet; agentkit heartbeat run NAME")
    assert verb("status", "--json").stdout == ""
    assert not lived.folder.exists()


def test_a_line_says_state_last_run_next_due_streak_success_duration_and_trend(verb: Verb, lived: Machine) -> None:
    lived.step(-3 * HOUR - 100)
    for took in (1.0, 2.0, 9.0):
        lived.step(HOUR)
        lived.end(took=took, **HOURLY)
    ended = verb("status")
    assert (ended.returncode, ended.stderr) == (0, "")
    head, line = ended.stdout.splitlines()
    assert " ".join(head.split()) == "job state last run next due streak 30 days took last runs findings"
    line = re.sub(r"\d+s ago", "N ago", line)
    assert " ".join(line.split()) == "backup ok N ago in 58m 3 ok 100% 9s ▁▂█ -"


def test_records_that_wait_in_the_spool_are_seen_where_no_ledger_is(verb: Verb, lived: Machine) -> None:
    lived.end(**HOURLY)
    assert states(verb) == {"backup": "ok"}
    assert not (lived.folder / "ledger.db").exists()


def test_every_state_is_told_and_the_worst_comes_first(verb: Verb, lived: Machine) -> None:
    lived.step(-6 * HOUR)
    lived.jobs["never"] = JobSettings(every_s=60.0)
    # So far apart that a machine that was started lately does not wait for the next turn.
    lived.end("late", expect={"every_s": 2 * HOUR})
    lived.check()
    lived.step(6 * HOUR)
    lived.end("fine", **HOURLY)
    for state in ("failed", "timeout", "idle"):
        lived.end(state, state, status=1, **HOURLY)
    lived.end("jammed", "skipped", status=75, **HOURLY)
    lived.start("gone", pid=1, pid_start=1, **HOURLY)
    lived.start("busy", **HOURLY)
    (lived.folder / "agentkit.toml").write_text('[jobs.never]\nevery = "60s"\n[jobs.new]\nevery = "1h"\n')
    assert list(states(verb).items()) == [
        ("gone", "lost"),
        ("failed", "failed"),
        ("timeout", "timeout"),
        ("idle", "idle"),
        ("never", "missing"),
        ("late", "late"),
        ("jammed", "skipped"),
        ("busy", "running"),
        ("new", "waiting"),
        ("fine", "ok"),
    ]


def test_a_job_that_ended_well_and_has_a_finding_is_odd(verb: Verb, lived: Machine) -> None:
    lived.step(-30 * 60)
    for _ in range(25):
        lived.end("short", took=60.0, **HOURLY)
        lived.end("well", took=60.0, **HOURLY)
        lived.step(60)
    lived.end("short", took=0.4, **HOURLY)
    lived.check()
    assert list(states(verb).items()) == [("short", "odd"), ("well", "ok")]
    [record] = read_records(verb("status", "short", "--json").stdout, "job")
    assert [found["type"] for found in record["findings"]] == ["too-fast"]  # type: ignore[attr-defined]


def test_a_run_that_another_one_was_skipped_for_goes_on(verb: Verb, lived: Machine) -> None:
    lived.step(-60)
    lived.start(**HOURLY)
    lived.step(30)
    lived.end(state="skipped", status=75, **HOURLY)
    assert states(verb) == {"backup": "running"}


def test_success_is_never_rounded_up_to_all_and_skipped_runs_count_for_nothing(verb: Verb, lived: Machine) -> None:
    lived.step(-HOUR)
    for number in range(300):
        lived.end(state="failed" if number == 7 else "skipped" if number == 9 else "ok", **HOURLY)
        lived.step(1)
    [record] = read_records(verb("status", "--json").stdout, "job")
    assert record["success_share"] == round(298 / 299, 6)
    assert " 99% " in verb("status").stdout


def test_named_jobs_are_shown_alone_and_with_their_findings(verb: Verb, lived: Machine) -> None:
    lived.end("one", "failed", status=3, tail="no \x1b[31mspace\n", **HOURLY)
    lived.end("two", **HOURLY)
    lived.check()
    shown = verb("status", "one").stdout
    assert "two" not in shown
    assert "expected every 1h (said by the options)" in shown
    assert "critical  one failed with status 3 after 1s" in shown
    assert "\x1b" not in shown


def test_an_unknown_name_is_69_with_the_nearest_names(verb: Verb, lived: Machine) -> None:
    lived.end("backup", **HOURLY)
    ended = verb("status", "bakcup")
    assert (ended.returncode, ended.stdout) == (Exit.UNAVAILABLE, "")
    assert ended.stderr == "agentkit: error: no job 'bakcup' has left evidence\nagentkit: hint: did you mean backup?\n"
    assert "agentkit heartbeat status lists the jobs" in verb("status", "zzz").stderr


def test_a_check_that_has_not_run_for_a_day_is_warned_of_and_one_that_never_ran_is_not(
    verb: Verb, lived: Machine
) -> None:
    lived.step(-26 * HOUR)
    lived.end(**HOURLY)
    for words in (["status"], ["history", "backup"], ["accept", "backup", "--reason", "x", "--dry-run"]):
        assert verb(*words).stderr == ""
    lived.check()
    for words in (["status"], ["history", "backup"], ["accept", "backup", "--reason", "x", "--dry-run"], ["prune"]):
        assert verb(*words).stderr.startswith("agentkit: warning: the last check was 26h ago"), words
    assert verb("summary").stderr == ""


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_terminal_gets_what_fits_and_no_line_more_than_that(look: Look, lived: Machine, width: int) -> None:
    lived.step(-HOUR)
    for took in (1.0, 2.0):
        lived.end("nightly-database-export-of-everything", took=took, **HOURLY)
    status, shown = look("status", width=width, more={"NO_COLOR": "1"}).finish()
    assert status == 0
    assert "\x1b" not in shown
    assert all(len(line) <= width for line in shown.splitlines())
    assert ("▁█" in shown) is (width >= 80)
    assert ("30 days" in shown) is (width == 200)


def test_states_are_coloured_unless_somebody_says_no(look: Look, lived: Machine) -> None:
    lived.end(state="failed", status=1, **HOURLY)
    assert "\x1b[31mfailed" in look("status").finish()[1]
    assert "\x1b" not in look("status", more={"NO_COLOR": "1"}).finish()[1]
    assert "\x1b" not in look("status", more={"TERM": "dumb"}).finish()[1]


def test_a_watch_draws_again_until_ctrl_c_and_gives_the_screen_back(look: Look, lived: Machine) -> None:
    lived.end("one", **HOURLY)
    terminal = look("status", "--watch", "--interval", "100ms")
    terminal.read_until("one")
    lived.end("two", "failed", status=1, **HOURLY)
    terminal.read_until("two")
    terminal.press_ctrl_c()
    status, shown = terminal.finish()
    assert status == 0
    assert "Traceback" not in shown
    assert "\x1b[?1049l" in shown


def test_a_watch_draws_no_more_lines_than_there_are(look: Look, lived: Machine) -> None:
    for number in range(20):
        lived.end(f"job-{number:02d}", **HOURLY)
    terminal = look("status", "--watch", height=10)
    shown = terminal.read_until("and 13 more, 13 of them well")
    terminal.press_ctrl_c()
    assert terminal.finish()[0] == 0
    assert "job-06" in shown
    assert "job-07" not in shown


@pytest.mark.parametrize("words", [["--watch"], ["--watch", "--json"], ["--interval", "0s"], ["--interval", "soon"]])
def test_a_watch_that_cannot_be_is_refused_in_a_line(verb: Verb, words: list[str]) -> None:
    ended = verb("status", *words)
    assert (ended.returncode, ended.stdout) == (Exit.USAGE, "")
    assert ended.stderr.startswith("agentkit: error: --")


def test_a_ledger_that_can_only_be_read_is_shown_with_its_spool(verb: Verb, lived: Machine) -> None:
    lived.end("one", **HOURLY)
    lived.check()
    lived.end("two", **HOURLY)
    with open_ledger(str(lived.folder)) as ledger, ledger.transaction():
        # Another program writes, and goes on writing: a view does not wait for it.
        assert set(states(verb)) == {"one", "two"}


def test_a_configuration_that_is_wrong_is_78(verb: Verb, lived: Machine) -> None:
    lived.folder.mkdir()
    Path(lived.folder, "agentkit.toml").write_text("[heartbeat]\nkeep_day = 3\n")
    ended = verb("status")
    assert ended.returncode == Exit.CONFIGURATION
    assert "keep_days" in ended.stderr


def test_a_watch_that_is_ended_from_outside_ends(look: Look, lived: Machine) -> None:
    lived.end("one", **HOURLY)
    terminal = look("status", "--watch")
    terminal.read_until("one")
    os.kill(terminal.process.pid, signal.SIGTERM)
    assert terminal.finish()[0] == -signal.SIGTERM


def test_a_value_that_cannot_be_is_repaired_and_the_command_asked_for_again(verb: Verb, lived: Machine) -> None:
    lived.end(**HOURLY)
    lived.check()
    with sqlite3.connect(lived.folder / "ledger.db") as connection:
        connection.execute("UPDATE jobs SET last_state = 'garbage'")
    connection.close()
    ended = verb("status")
    assert (ended.returncode, ended.stdout) == (Exit.TRY_LATER, "")
    assert "jobs.last_state holds what it cannot hold" in ended.stderr
    assert "agentkit: hint: the same command again" in ended.stderr
    assert states(verb) == {"backup": "ok"}
