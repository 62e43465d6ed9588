"""Is a run idle exactly when its declared work did not happen, and is its status always the program's?"""

import os
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.heartbeat import effects, searching
from tests.heartbeat.jobs import Job

# Options (BASE is the test's folder), a program whose work happens, one whose work does not, and why not.
EFFECTS = {
    "a file that changes": (
        ("--expect-change", "BASE/kept"),
        "echo new > BASE/kept",
        "touch BASE/kept",
        "its content is what it was before",
    ),
    "a file that is made": (("--expect-change", "BASE/x"), "echo x > BASE/x", "rm BASE/x", "it does not exist"),
    "a file that is gone": (
        ("--expect-change", "BASE/kept"),
        "echo y >> BASE/kept",
        "rm BASE/kept",
        "it does not exist",
    ),
    "a folder that gains a file": (
        ("--expect-change", "BASE/folder"),
        "echo x > BASE/folder/new",
        ":",
        "its content is what it was before",
    ),
    "a folder whose link moves": (
        ("--expect-change", "BASE/folder"),
        "ln -sfn other BASE/folder/link",
        "ln -sfn other BASE/folder/link",
        "its content is what it was before",
    ),
    "a file that is fresh": (
        ("--expect-fresh", "BASE/kept=1h"),
        "touch BASE/kept",
        "touch -d '2 hours ago' BASE/kept",
        "it last changed 2h ago",
    ),
    "a file of the future": (
        ("--expect-fresh", "BASE/kept=1h"),
        "touch BASE/kept",
        "touch -d '3 days' BASE/kept",
        "it last changed 3d from now: a clock was set back",
    ),
    "a folder with a fresh file": (
        ("--expect-fresh", "BASE/folder=1h"),
        "touch BASE/folder/file",
        "rm -r BASE/folder/*",
        "it holds no file",
    ),
    "a file that is neither fresh nor there": (
        ("--expect-fresh", "BASE/kept=1h"),
        "touch BASE/kept",
        "rm BASE/kept",
        "it does not exist",
    ),
    "a count": (
        ("--expect-count", "items>=3"),
        "echo items=1 >> $AGENTKIT_MARKS; echo items=2 >> $AGENTKIT_MARKS",
        "echo items=2 >> $AGENTKIT_MARKS",
        "items is 2",
    ),
    "a count that never came": (
        ("--expect-count", "items>=0"),
        "echo items=0 >> $AGENTKIT_MARKS",
        ":",
        "items was never marked",
    ),
    "a count that must be zero": (
        ("--expect-count", "failed==0"),
        "echo failed=0 >> $AGENTKIT_MARKS",
        "echo failed=0.5 >> $AGENTKIT_MARKS",
        "failed is 0.5",
    ),
    "output that says it": (("--expect-output", "^done$"), "echo done", "echo almost done", "the output never says it"),
    "output on stderr": (("--expect-output", "done"), "echo done >&2", ":", "the output never says it"),
    "output that must not say it": (("--forbid-output", "0 rows"), "echo 5 rows", "echo 0 rows", "the output says it"),
    "a run that takes long enough": (("--expect-duration", "0.2s.."), "sleep 0.3", ":", "it took "),
    "bytes that are no text": (
        ("--expect-output", "^\\x00ok"),
        "printf '\\000ok'",
        "printf ok",
        "the output never says it",
    ),
}  # fmt: skip


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "kept").write_text("old\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to("where")
    return tmp_path


@pytest.mark.parametrize("name", EFFECTS)
def test_what_happened_is_ok_and_what_did_not_is_idle(job: Job, base: Path, name: str) -> None:
    words, good, bad, why = EFFECTS[name]
    options = [word.replace("BASE", str(base)) for word in words]
    ended = job.run("x", *options, "--", "sh", "-c", good.replace("BASE", str(base)))
    assert (ended.returncode, ended.stderr, job.last()["state"]) == (0, b"", "ok")
    assert [(effect["held"], effect["why"]) for effect in job.last()["effects"]] == [(True, None)]
    ended = job.run("x", *options, "--", "sh", "-c", bad.replace("BASE", str(base)))
    assert (ended.returncode, job.last()["state"], job.last()["status"]) == (0, "idle", 0)
    [effect] = job.last()["effects"]
    assert (effect["held"], effect["why"].startswith(why)) == (False, True)
    assert f"did nothing: {options[0]} " in ended.stderr.decode()
    assert why in ended.stderr.decode()


def test_a_job_that_failed_is_failed_and_not_idle(job: Job) -> None:
    ended = job.run("x", "--expect-output", "done", "--", "sh", "-c", "exit 3")
    assert (ended.returncode, job.last()["state"]) == (3, "failed")


def test_too_slow_is_not_idle(job: Job) -> None:
    ended = job.run("x", "--expect-duration", "..10ms", "--", "sleep", "0.1")
    assert (ended.returncode, job.last()["state"], job.last()["effects"][0]["held"]) == (0, "ok", False)


def test_too_slow_and_without_its_work_is_idle(job: Job) -> None:
    job.run("x", "--expect-duration", "..10ms", "--expect-output", "done", "--", "sleep", "0.1")
    assert job.last()["state"] == "idle"


def test_watched_paths_are_measured_and_judge_nothing(job: Job, base: Path) -> None:
    (base / "folder" / "file").write_bytes(b"x" * 1000)
    job.run("x", "--watch", f"{base}/folder", "--watch", f"{base}/nowhere", "--", "true")
    watched = job.last()["watched"]
    assert (job.last()["state"], watched[f"{base}/nowhere"]["how"]) == ("ok", "missing")
    assert (watched[f"{base}/folder"]["bytes"], watched[f"{base}/folder"]["entries"]) == (1000, 2)


def test_beyond_the_bound_names_sizes_and_times_are_compared(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effects, "MOST_CONTENT_BYTES", 100)
    (base / "folder" / "large").write_bytes(b"x" * 1000)
    first = effects.measure_path(str(base / "folder"))
    os.utime(base / "folder" / "large", (1, 1))
    second = effects.measure_path(str(base / "folder"))
    assert (first["how"], first["bytes"]) == ("names, sizes and times", 1000)
    assert first["digest"] != second["digest"]


def test_a_folder_with_pipes_and_what_cannot_be_read_hangs_nothing(base: Path) -> None:
    os.mkfifo(base / "folder" / "pipe")
    (base / "folder" / "secret").write_text("x")
    (base / "folder" / "secret").chmod(0)
    assert effects.measure_path(str(base / "folder"))["entries"] == 3


@pytest.mark.parametrize("before", [0, 1000, 1_048_570, 1_048_576, 1_500_000, 3_000_000])
@pytest.mark.parametrize("after", [0, 3_000_000])
def test_a_line_anywhere_in_a_long_output_is_found(job: Job, before: int, after: int) -> None:
    filler = "yes 'one more line' | head -c"
    program = f"{filler} {before}; echo; echo 17 rows were lost; {filler} {after} >&2; {filler} {after}"
    words = ("--expect-output", "^1. rows were lost$", "--forbid-output", "rows were lost")
    ended = job.run("x", *words, "--", "sh", "-c", program)
    assert (ended.returncode, [effect["held"] for effect in job.last()["effects"]]) == (0, [True, False])


def test_what_a_long_output_never_says_is_not_found(job: Job) -> None:
    words = ("--expect-output", "rows were lost", "--forbid-output", "rows were lost")
    job.run("x", *words, "--", "sh", "-c", "yes 'one more line' | head -c 5000000")
    assert [effect["held"] for effect in job.last()["effects"]] == [False, True]


def test_a_look_that_takes_too_long_is_given_up(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effects, "LONGEST_LOOK_S", 0.05)
    look = effects._look("--expect-output (x+x+)+y", effects._why_unsaid, "(x+x+)+y", [b"x" * 100], None)
    assert (look["held"], look["why"]) == (False, "it could not be looked at within 50ms")
    monkeypatch.setattr(effects, "_measure", lambda _: time.sleep(60))
    assert effects.measure_path(str(base))["how"] == "it took too long"


def test_a_pattern_that_explodes_in_a_long_output_is_given_up_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "LONGEST_SEARCH_S", 0.05)
    search = searching.Search(["(x+x+)+y", "z"])
    search.add("stdout", bytearray(b"head without end"), memoryview(b"x" * 100 + b"\nz\n"))
    assert (search.found, search.given_up) == ({"z"}, {"(x+x+)+y"})
    for find_fault in (effects._why_unsaid, effects._why_said):
        assert find_fault("(x+x+)+y", [], search) == "the output is too much to search"


# A pattern without a letter is in every line, and where nothing was printed there is none.
@given(
    st.lists(st.binary(max_size=40), max_size=12),
    st.binary(min_size=1, max_size=3).filter(lambda raw: raw.strip(b"\n")),
)
def test_how_a_long_output_is_cut_changes_nothing(pieces: list[bytes], wanted: bytes) -> None:
    search = searching.Search([re.escape(wanted.replace(b"\n", b"")).decode("utf-8", "surrogateescape")])
    [pattern] = search._patterns
    for piece in pieces:
        search.add("stdout", bytearray(), memoryview(piece))
    whole = b"".join(pieces).rpartition(b"\n")
    assert (pattern in search.found) == (searching.compile_pattern(pattern).search(whole[0] + whole[1]) is not None)
