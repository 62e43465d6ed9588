"""Does what a job says about itself become part of its evidence, and no more than that?"""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.heartbeat.marks import LONGEST_NOTE, MOST_COUNTERS, collect_marks
from tests.heartbeat.jobs import Job


def collect(tmp_path: Path, raw: bytes) -> tuple[dict[str, float], str | None]:
    path = tmp_path / "marks"
    path.write_bytes(raw)
    found = collect_marks(str(path))
    assert path.exists() is False
    return found


def test_a_shell_marks_without_any_program(job: Job) -> None:
    script = (
        'echo items=12 >> "$AGENTKIT_MARKS"; echo items=3 >> "$AGENTKIT_MARKS"; echo note=late >> "$AGENTKIT_MARKS"'
    )
    job.run("x", "--", "sh", "-c", script)
    assert (job.last()["counters"], job.last()["note"]) == ({"items": 15}, "late")
    assert list((job.home / "marks").iterdir()) == []


def test_the_verb_marks_from_inside_a_job(job: Job) -> None:
    mark = f"{sys.executable} -m agentkit heartbeat mark"
    ended = job.run("x", "--", "sh", "-c", f"{mark} items=12 rate=0.5 && {mark} -- items=1 note='two files skipped'")
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert (job.last()["counters"], job.last()["note"]) == ({"items": 13, "rate": 0.5}, "two files skipped")


@pytest.mark.parametrize("word", ["items", "=3", "a b=3", "a\nb=3", "x=1\ny=2", "ä=1", "x" * 65 + "=1", ""])
def test_a_mark_that_is_none_is_refused(job: Job, word: str) -> None:
    mark = [sys.executable, "-m", "agentkit", "heartbeat", "mark", word]
    ended = job.run("x", "--tee", "--", *mark)
    assert (ended.returncode, len(ended.stderr.splitlines()), "counters" in job.last()) == (2, 3, False)


def test_marking_outside_a_job_says_how_to_be_in_one(agentkit, environ) -> None:  # type: ignore[no-untyped-def]
    ended = agentkit("heartbeat", "mark", "items=1")
    assert (ended.returncode, ended.stderr.splitlines()[0]) == (
        69,
        "agentkit: error: no job to mark: AGENTKIT_MARKS is not set",
    )


def test_each_attempt_has_marks_of_its_own(job: Job) -> None:
    job.run("x", "--retries", "1", "--", "sh", "-c", "echo items=1 >> $AGENTKIT_MARKS; exit 1")
    assert [record["counters"] for record in job.closings()] == [{"items": 1}, {"items": 1}]


def test_what_is_no_number_is_part_of_the_note(tmp_path: Path) -> None:
    raw = b"items=many\nhello\n\nnote=one\nnote=two\nsize=1e3\nbig=99999999999999999999\nno=nan\ninf=1e999\n=5\n"
    counters, note = collect(tmp_path, raw)
    assert counters == {"size": 1000.0, "big": 1e20}
    assert note == "items=many; hello; one; two; no=nan; inf=1e999; =5"


def test_too_many_marks_are_cut_and_that_is_said(tmp_path: Path) -> None:
    counters, note = collect(tmp_path, b"items=1\n" * 10_000 + b"late=1\n")
    assert (counters, note) == ({"items": 8192}, "more than 64 KiB of marks: the rest was not read")


def test_too_many_counters_become_part_of_the_note(tmp_path: Path) -> None:
    counters, note = collect(tmp_path, b"".join(b"n%d=1\n" % number for number in range(1000)))
    assert (len(counters), len(note or "")) == (MOST_COUNTERS, LONGEST_NOTE)


@given(st.binary(max_size=500))
def test_any_bytes_are_marks_that_json_can_carry(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    counters, note = collect(tmp_path_factory.mktemp("marks"), raw)
    assert all(abs(value) < 1e301 for value in counters.values())
    assert len(note or "") <= LONGEST_NOTE


@pytest.mark.parametrize(
    ("program", "note"),
    [
        ("mkfifo $AGENTKIT_MARKS", None),
        ("mkfifo $AGENTKIT_MARKS; setsid sh -c 'exec 3<>$AGENTKIT_MARKS; sleep 20' & sleep 0.2", "could not be read"),
        ("mkdir $AGENTKIT_MARKS", "could not be read: Is a directory"),
        ("ln -s /etc/passwd $AGENTKIT_MARKS", "could not be read: Too many levels of symbolic links"),
        ("ln -s /dev/zero $AGENTKIT_MARKS", "could not be read: Too many levels of symbolic links"),
        ("rm -rf $(dirname $AGENTKIT_MARKS)", None),
        ("chmod 0 $(dirname $AGENTKIT_MARKS)", None),
    ],
)
def test_something_else_in_place_of_the_marks_hangs_nothing(job: Job, program: str, note: str | None) -> None:
    ended = job.run("x", "--", "sh", "-c", program)
    assert (ended.returncode, job.last()["state"]) == (0, "ok")
    assert (note or "") in (job.last().get("note") or "")
    assert bool(job.last().get("note")) == bool(note)
    (job.home / "marks").mkdir(exist_ok=True)
    os.chmod(job.home / "marks", 0o700)
