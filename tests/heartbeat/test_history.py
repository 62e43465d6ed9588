import json

import pytest

from agentkit.core.errors import Exit
from agentkit.core.times import format_instant
from tests.heartbeat.answers import Verb, read_records
from tests.heartbeat.machine import HOUR, Machine

pytest_plugins = ("tests.heartbeat.lived",)

HOURLY = {"expect": {"every_s": HOUR}}
EVIL = "\x1b]0;title\x07 \x1b[2Jgone\r\x9b31m"


def test_a_history_is_a_line_a_run_newest_first(verb: Verb, lived: Machine) -> None:
    lived.step(-HOUR)
    first = lived.end(took=1.0, **HOURLY)
    lived.step(60)
    last = lived.end(state="failed", status=3, took=2.0, counters={"items": 12}, note="half of it", **HOURLY)
    ended = verb("history", "backup")
    assert (ended.returncode, ended.stderr) == (0, "")
    head, newest, oldest = ended.stdout.splitlines()
    assert head.split() == ["started", "state", "status", "took", "cpu", "memory", "lines", "try", "run", "marks"]
    assert newest.split()[1:4] == ["failed", "3", "2s"]
    assert newest.endswith(f"{last}  items=12 half of it")
    assert oldest.split()[0] == format_instant(lived.now - 61)
    assert oldest.split()[8] == first


def test_a_history_as_json_is_beats_that_hold_what_was_written(verb: Verb, lived: Machine) -> None:
    lived.step(-600)
    fields: dict[str, object] = {
        "tail": "no\n",
        "counters": {"items": 2},
        "effects": [{"text": "x", "held": False, "why": "y"}],
        "error_words": ["no"],
        "left_behind": [{"pid": 9, "argv0": "sleep"}],
        "watched": {"/x": {"bytes": 3, "entries": 1, "digest": "ab"}},
    }
    run = lived.end(state="idle", **fields, **HOURLY)
    lived.step(60)
    lived.end(state="skipped", status=75, holder={"pid": 7}, took=0.0, **HOURLY)
    lived.step(60)
    lived.start(pid=1, pid_start=1, timeout_s=5.0, **HOURLY)
    lived.check()
    lived.step(60)
    lived.start(**HOURLY)
    started, lost, skipped, idle = read_records(verb("history", "backup", "--json").stdout, "beat")
    assert [record["state"] for record in (started, lost, skipped, idle)] == ["started", "lost", "skipped", "idle"]
    assert {key: idle[key] for key in fields} == fields
    assert (idle["run"], idle["duration_s"], idle["status"]) == (run, 1.0, 0)
    assert skipped["holder"] == {"pid": 7}
    assert "ended_at" in started
    assert started["ended_at"] is None


def test_the_limit_holds_over_pages(verb: Verb, lived: Machine) -> None:
    lived.step(-HOUR)
    runs = []
    for _ in range(230):
        runs.append(lived.end(**HOURLY))
        lived.step(1)
    told = [
        json.loads(line)["run"] for line in verb("history", "backup", "--limit", "220", "--json").stdout.splitlines()
    ]
    assert told == runs[:-221:-1]
    assert len(verb("history", "backup").stdout.splitlines()) == 51


@pytest.mark.parametrize("limit", ["0", "-3", "many"])
def test_a_limit_that_is_none_is_a_usage_error(verb: Verb, lived: Machine, limit: str) -> None:
    lived.end(**HOURLY)
    ended = verb("history", "backup", "--limit", limit)
    assert (ended.returncode, ended.stdout) == (Exit.USAGE, "")


def test_a_job_that_nobody_knows_is_69(verb: Verb, lived: Machine) -> None:
    ended = verb("history", "backup")
    assert (ended.returncode, ended.stdout) == (Exit.UNAVAILABLE, "")
    assert not lived.folder.exists()
    lived.end(**HOURLY)
    assert "did you mean backup?" in verb("history", "backups").stderr


def test_one_run_is_shown_whole_by_the_beginning_of_its_id(verb: Verb, lived: Machine) -> None:
    lived.step(-600)
    run = lived.end(
        state="failed", status=143, signal=15, took=65.0, timeout_s=120.0, max_rss_bytes=12 << 20, blocks_in=1,
        blocks_out=8, stderr_bytes=2048, stderr_lines=40, program="/opt/backup", cwd="/srv", note="half",
        counters={"items": 12},
        effects=[{"text": "--expect-change /x", "held": False, "why": "same"}, {"text": "y", "held": True}],
        watched={"/data": {"bytes": 2048, "entries": 3, "digest": "ab"}}, error_words=["ERROR: no room"],
        left_behind=[{"pid": 77, "argv0": "sleep"}], orphans=[{"pid": 78, "status": 1}], tail="one\ntwo\n", **HOURLY,
    )  # fmt: skip
    ended = verb("show", run[:20].lower())
    assert (ended.returncode, ended.stderr) == (0, "")
    shown = [" ".join(line.split()) for line in ended.stdout.splitlines()]
    assert shown[0] == f"backup {run} failed"
    for line in (
        "took 65s of at most 2m",
        "status signal 15",
        "program /opt/backup",
        "cwd /srv",
        "memory 12 MiB",
        "disk 1 block read, 8 written (512 bytes each)",
        "stderr 40 lines, 2.0 KiB",
        "marks items=12 half",
        "missed --expect-change /x: same",
        "held y",
        "/data: 2.0 KiB, 3 inside",
        "pid 77 sleep",
        "pid 78 ended with 1",
        "ERROR: no room",
        "| two",
    ):
        assert line in shown


def test_every_attempt_of_a_run_is_shown(verb: Verb, lived: Machine) -> None:
    lived.step(-600)
    run = lived.end(state="failed", status=1, retry_after_s=5.0, **HOURLY)
    lived.step(10)
    lived.end(run=run, attempt=2, **HOURLY)
    shown = verb("show", run).stdout
    assert "tried again   after 5.0s" in shown
    assert f"backup {run} attempt 2 ok" in shown
    assert [record["attempt"] for record in read_records(verb("show", run, "--json").stdout, "beat")] == [1, 2]


def test_a_run_that_is_none_or_several_is_an_error(verb: Verb, lived: Machine) -> None:
    runs = [lived.end(**HOURLY), lived.end(**HOURLY)]
    ended = verb("show", runs[0][:4])
    assert (ended.returncode, ended.stdout) == (Exit.USAGE, "")
    assert all(run in ended.stderr for run in runs)
    assert verb("show", "ZZZ").returncode == Exit.UNAVAILABLE
    assert verb("show", "").returncode == Exit.UNAVAILABLE


def test_what_a_job_printed_reaches_no_terminal_as_it_is(verb: Verb, lived: Machine) -> None:
    run = lived.end(
        state="failed", status=1, tail=EVIL, error_words=[EVIL], note=EVIL, program=EVIL, trouble=EVIL,
        effects=[{"text": EVIL, "held": False, "why": EVIL}], watched={EVIL: {"bytes": 1}}, counters={EVIL: 1},
        left_behind=[{"pid": 1, "argv0": EVIL}], holder={"program": EVIL}, **HOURLY,
    )  # fmt: skip
    lived.check()
    for words in (["show", run], ["history", "backup"], ["status", "backup"], ["summary"], ["check"]):
        shown = verb(*words).stdout
        assert "gone" in shown
        assert not set(shown) & set("\x1b\x07\r\x9b"), words


@pytest.mark.parametrize("odd", [{"effects": [3]}, {"watched": [1]}, {"error_words": "x"}, {"left_behind": {"a": 1}}])
def test_a_record_of_another_shape_is_shown_without_that(verb: Verb, lived: Machine, odd: dict[str, object]) -> None:
    run = lived.end(**odd, **HOURLY)
    ended = verb("show", run)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "took" in ended.stdout
