from collections.abc import Callable

from tests.heartbeat.answers import Verb, read_records
from tests.heartbeat.machine import HOUR, Machine
from tests.heartbeat.terminal import Terminal

pytest_plugins = ("tests.heartbeat.lived",)

HOURLY = {"expect": {"every_s": HOUR}}
Look = Callable[..., Terminal]


def test_on_a_terminal_good_news_is_said_too(look: Look, lived: Machine) -> None:
    lived.end(**HOURLY)
    assert look("check").finish() == (0, "all is well\n")


def test_what_is_merely_worth_knowing_is_told_on_a_terminal_and_in_json_alone(
    verb: Verb, look: Look, lived: Machine
) -> None:
    lived.end()
    status, shown = look("check").finish()
    assert status == 0
    assert "info      nobody knows when backup is to run" in shown
    assert shown.endswith("all is well\n")
    assert verb("check").stdout == ""
    assert [record["severity"] for record in read_records(verb("check", "--json").stdout, "finding")] == ["info"]


def test_the_end_of_the_output_stands_under_a_failure_on_a_terminal_and_in_no_cron_mail(
    verb: Verb, look: Look, lived: Machine
) -> None:
    tail = "".join(f"line {number}\n" for number in range(30)) + "\x1b[31mno space\x07\n"
    run = lived.end(state="failed", status=3, tail=tail, **HOURLY)
    _, shown = look("check").finish()
    assert "| \\x1b[31mno space\\x07\n" in shown
    assert "| line 21\n" in shown
    assert "| line 20\n" not in shown
    assert "\x1b" not in shown
    mailed = verb("check").stdout
    assert mailed.startswith("critical  backup failed with status 3 after 1s\n          failed; since ")
    assert mailed.endswith(f"\n          agentkit heartbeat show {run}\n")


def test_what_has_gone_is_said_once_and_for_a_day_in_json(verb: Verb, lived: Machine) -> None:
    lived.step(-60)
    lived.end(state="failed", status=3, **HOURLY)
    lived.check()
    lived.step(30)
    lived.end(**HOURLY)
    assert verb("check").stdout.startswith("resolved  backup is no longer failed, as it was since ")
    assert verb("check").stdout == ""
    assert [record["state"] for record in read_records(verb("check", "--json").stdout, "finding")] == ["resolved"]
