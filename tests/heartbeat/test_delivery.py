"""News on its way to real programs on this machine, good ones and bad ones."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import validate

from agentkit.core.ledger import Ledger, open_ledger
from agentkit.core.ledger.findings import resolve_findings
from agentkit.core.ledger.notes import add_parcel, iterate_parcels
from agentkit.heartbeat.delivery import keep_news, notify
from tests.heartbeat.machine import Machine

Check = Callable[..., "subprocess.CompletedProcess[str]"]
SECRET = "uuid-" + "0123456789abcdef" * 2


def _fail(machine: Machine, job: str = "backup", **fields: object) -> None:
    machine.now = time.time()
    machine.end(job, "failed", status=3, expect={"every_s": 86400.0}, **{"tail": "no space\n", **fields})


def _recover(machine: Machine, job: str = "backup") -> None:
    machine.now = time.time()
    machine.end(job, expect={"every_s": 86400.0})


def _program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return tmp_path / "inbox"


@pytest.fixture
def good(tmp_path: Path, inbox: Path) -> str:
    """Return a program that takes the news and keeps it."""
    return _program(tmp_path / "good", f"cat >> {inbox}")


def _records(inbox: Path) -> list[tuple[str, str, str]]:
    lines = inbox.read_text().splitlines() if inbox.exists() else []
    return [(record["state"], record["type"], record["subject"]) for record in map(json.loads, lines)]


def _waiting(machine: Machine, channel: str = "notify") -> int:
    with open_ledger(str(machine.folder)) as ledger:
        return len(list(iterate_parcels(ledger, channel)))


def test_news_is_told_once_when_it_comes_and_once_when_it_goes(
    check: Check, machine: Machine, good: str, inbox: Path, agentkit: Check
) -> None:
    _fail(machine)
    first = check("--notify", good)
    assert (first.returncode, first.stdout, first.stderr) == (1, "", "")
    assert _records(inbox) == [("firing", "failed", "job:backup")]
    record = json.loads(inbox.read_text())
    assert record["evidence"]["tail"] == "no space\n"
    validate(record, json.loads(agentkit("schema", "finding").stdout))
    assert check("--notify", good).returncode == 1
    assert len(_records(inbox)) == 1
    _recover(machine)
    assert check("--notify", good).returncode == 0
    assert _records(inbox)[1:] == [("resolved", "failed", "job:backup")]
    check("--notify", good)
    assert len(_records(inbox)) == 2


def test_a_check_by_hand_takes_no_news_away(check: Check, machine: Machine, good: str, inbox: Path) -> None:
    check("--notify", good)
    _fail(machine)
    assert "backup" in check().stdout
    check("--notify", good)
    assert _records(inbox) == [("firing", "failed", "job:backup")]


def test_what_came_and_went_between_two_checks_that_tell_is_told(
    check: Check, machine: Machine, good: str, inbox: Path
) -> None:
    check("--notify", good)
    _fail(machine)
    check()
    _recover(machine)
    check()
    check("--notify", good)
    check("--notify", good)
    assert _records(inbox) == [("resolved", "failed", "job:backup")]


def test_a_program_that_is_named_later_is_told_what_holds(
    check: Check, machine: Machine, good: str, inbox: Path
) -> None:
    _fail(machine)
    _fail(machine, "gone")
    check()
    _recover(machine, "gone")
    check()
    check("--notify", good)
    assert _records(inbox) == [("firing", "failed", "job:backup")]


def test_text_is_for_a_person(check: Check, machine: Machine, good: str, inbox: Path) -> None:
    _fail(machine, tail="tar: \x1b[31mno space\x1b[0m\n")
    check("--notify", good, "--notify-as", "text")
    title, _, where, tail = inbox.read_text().splitlines()
    assert title == "critical  backup failed with status 3 after 1s"
    assert "agentkit heartbeat show" in where
    assert tail.strip() == "| tar: \\x1b[31mno space\\x1b[0m"


def test_a_program_gets_all_news_with_one_start(check: Check, machine: Machine, inbox: Path, tmp_path: Path) -> None:
    program = _program(tmp_path / "mail", f"echo start >> {inbox}; cat >/dev/null")
    for number in range(5):
        _fail(machine, f"job-{number}")
    check("--notify", program)
    assert inbox.read_text() == "start\n"


BAD_PROGRAMS = {
    "missing": (None, "could not be started: No such file or directory"),
    "failing": ("cat >/dev/null; echo first >&2; echo smtp is down >&2; exit 4", "ended with status 4: smtp is down"),
    "speaking on stdout": ("echo no route; exit 1", "ended with status 1: no route"),
    "shot": ("kill -9 $$", "was ended by signal 9"),
    "hanging": ("sleep 300", "was not done within 1s"),
    "hanging behind a child": ("sleep 300 & wait", "was not done within 1s"),
    "not executable": ("-", "could not be started: Permission denied"),
}


@pytest.mark.parametrize("kind", BAD_PROGRAMS)
def test_what_a_bad_program_did_not_take_goes_first_to_the_next(
    check: Check, machine: Machine, good: str, inbox: Path, kind: str
) -> None:
    text, said = BAD_PROGRAMS[kind]
    tmp_path = inbox.parent
    bad = str(tmp_path / "bad") if text is None else _program(tmp_path / "bad", text)
    if text == "-":
        os.chmod(bad, 0o644)
    _fail(machine)
    ended = check("--notify", bad, notify_limit="1s")
    assert (ended.returncode, ended.stdout) == (1, "")
    kept = "1 finding is kept for the next check, the first: backup failed with status 3 after 1s"
    assert ended.stderr == f"agentkit: error: --notify: {bad}: {said}; {kept}\n"
    _fail(machine, "later")
    assert "2 findings are kept" in check("--notify", bad, notify_limit="1s").stderr
    assert check("--notify", good).stderr == ""
    assert _records(inbox) == [("firing", "failed", "job:backup"), ("firing", "failed", "job:later")]
    assert _waiting(machine) == 0


def test_a_program_that_reads_nothing_holds_nobody_up(check: Check, machine: Machine, tmp_path: Path) -> None:
    _fail(machine, tail="x" * 60_000)
    for number in range(40):
        _fail(machine, f"job-{number}", tail="x" * 60_000)
    ended = check("--notify", _program(tmp_path / "deaf", "exit 0"))
    assert (ended.returncode, ended.stderr) == (1, "")
    assert _waiting(machine) == 0


def test_the_worst_news_comes_first(check: Check, machine: Machine, good: str, inbox: Path) -> None:
    _fail(machine, "a")
    check("--notify", good)
    inbox.unlink()
    _recover(machine, "a")
    machine.end("b")
    _fail(machine, "d")
    _fail(machine, "c")
    check("--notify", good)
    assert [(state, subject) for state, _, subject in _records(inbox)] == [
        ("firing", "job:c"),
        ("firing", "job:d"),
        ("firing", "job:b"),
        ("resolved", "job:a"),
    ]


def test_a_huge_backlog_arrives_whole_in_bounded_pieces(machine: Machine, inbox: Path, tmp_path: Path) -> None:
    program = _program(tmp_path / "big", f"cat >> {inbox}; echo >> {tmp_path}/starts")
    with open_ledger(str(machine.folder)) as ledger:
        titles = _pile_up(ledger, 150)
        assert notify(ledger, [program], limit_s=100, as_text=False, now=machine.now) is None
    assert [json.loads(line)["title"] for line in inbox.read_text().splitlines()] == titles
    assert 2 <= len((tmp_path / "starts").read_text()) <= 10
    assert _waiting(machine) == 0


def test_one_limit_holds_for_all_pieces(machine: Machine, tmp_path: Path) -> None:
    program = _program(tmp_path / "slow", f"cat >/dev/null; echo >> {tmp_path}/starts; sleep 0.7")
    with open_ledger(str(machine.folder)) as ledger:
        _pile_up(ledger, 300)
        trouble = notify(ledger, [program], limit_s=1, as_text=False, now=machine.now)
    assert trouble is not None
    assert "kept for the next check" in trouble
    # The second piece was on its way when the limit came; what was taken before is not told again.
    assert len((tmp_path / "starts").read_text()) <= 2
    assert 0 < _waiting(machine) < 300


def _pile_up(ledger: Ledger, count: int) -> list[str]:
    """Let news of some 60 kB each wait, and return their titles."""
    titles = [f"news {number}" for number in range(count)]
    with ledger.transaction():
        for title in titles:
            add_parcel(ledger, "notify", title, json.dumps({"title": title, "evidence": {"tail": "x" * 60_000}}), 1.0)
    return titles


def test_two_checks_at_once_tell_the_news_once(
    check: Check, machine: Machine, environ: dict[str, str], inbox: Path, tmp_path: Path
) -> None:
    program = _program(tmp_path / "slow", f"cat >> {inbox}; : > {tmp_path}/began; sleep 3")
    _fail(machine)
    words = [sys.executable, "-m", "agentkit", "heartbeat", "check", "--notify", program]
    with subprocess.Popen(words, env={**environ, "AGENTKIT_HOME": str(machine.folder)}) as other:
        _wait_for((tmp_path / "began").exists)
        assert check("--notify", program).stderr == ""
        assert other.wait(timeout=60) == 1
    assert len(_records(inbox)) == 1


def test_what_was_accepted_while_a_check_waited_is_told_once(machine: Machine) -> None:
    _fail(machine)
    firing = machine.check().firing
    began_at = machine.now
    with open_ledger(str(machine.folder)) as ledger:
        keep_news(ledger, firing, began_at)
        # Accepted after the next check read its clock, and before it came to the ledger.
        resolve_findings(ledger, [finding.fingerprint for finding in firing], began_at + 2)
        for now in (began_at + 1, began_at + 3):
            keep_news(ledger, (), now)
        states = [json.loads(parcel.payload)["state"] for parcel in iterate_parcels(ledger, "notify")]
    assert states == ["firing", "resolved"]


def test_a_check_killed_while_it_tells_tells_again(
    check: Check, machine: Machine, environ: dict[str, str], good: str, inbox: Path
) -> None:
    tmp_path = inbox.parent
    program = _program(tmp_path / "slow", f": > {tmp_path}/began; sleep 300")
    _fail(machine)
    words = [sys.executable, "-m", "agentkit", "heartbeat", "check", "--notify", program]
    with subprocess.Popen(words, env={**environ, "AGENTKIT_HOME": str(machine.folder)}) as other:
        _wait_for((tmp_path / "began").exists)
        other.kill()
        other.wait(timeout=60)
    check("--notify", good)
    assert _records(inbox) == [("firing", "failed", "job:backup")]


def test_news_stands_in_the_outbox_as_soon_as_its_finding_does(machine: Machine) -> None:
    """A crash right after the check has settled loses nothing: both are one transaction."""
    from agentkit.core.config import Configuration
    from agentkit.core.ledger.findings import find_firing
    from agentkit.heartbeat.check import Checked, run_check
    from agentkit.heartbeat.delivery import keep_news

    _fail(machine)
    configuration = Configuration("none", "host-1", machine.heartbeat, {})
    with open_ledger(str(machine.folder)) as ledger:

        def keep(checked: Checked) -> None:
            keep_news(ledger, checked.firing, machine.now)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_check(ledger, str(machine.folder), machine.environ, configuration, clocks=machine.clocks, keep=keep)
        assert find_firing(ledger) == []
        assert list(iterate_parcels(ledger, "notify")) == []


def _wait_for(predicate: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not predicate():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)
