"""Is a report told by what it holds, and is whatever stands in its place refused without waiting for it?"""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import AgentkitError, Exit
from agentkit.ratchet.outcomes import FAIL, PASS, SKIP, write_lines
from agentkit.ratchet.reports import pair
from agentkit.ratchet.reports.pair import read_two_reports
from agentkit.ratchet.reports.reading import read_report
from tests.ratchet.junitreports import write_junit

OUTCOMES = {"tests.test_a::b": PASS, "tests.test_a::c[1]": FAIL}
PRINTED = (
    "= test session starts =\ntests/test_a.py::b PASSED [ 50%]\ntests/test_a.py::c[1] FAILED [100%]\n"
    "= short test summary info =\nFAILED tests/test_a.py::c[1] - assert 0\n= 1 failed, 1 passed in 0.10s =\n"
)


@pytest.mark.parametrize(
    "raw",
    [
        write_junit(OUTCOMES),
        b"\n  " + write_junit(OUTCOMES).partition(b"?>")[2],
        b"\xef\xbb\xbf" + write_junit(OUTCOMES),
        write_junit(OUTCOMES).decode().replace("utf-8", "utf-16").encode("utf-16"),
        write_lines(OUTCOMES),
        PRINTED.encode(),
    ],
    ids=["junit", "bare", "marked", "utf-16", "lines", "pytest"],
)
def test_each_form_says_the_same_whatever_the_file_is_called(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "report").write_bytes(raw)
    assert read_report(str(tmp_path / "report")) == OUTCOMES


def test_the_lines_that_were_written_are_a_report_whatever_the_ids_hold(tmp_path: Path) -> None:
    outcomes = {"a\nb": PASS, "a\tb": FAIL, "a\0\x1b[31m": SKIP, "a\udcff": PASS, "b\ud800": PASS, "é\\n": FAIL}
    (tmp_path / "report").write_bytes(write_lines(outcomes))
    assert read_report(str(tmp_path / "report")) == outcomes


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"hello\n", "is no report that is known"),
        (b"\0\0\0\0", "is no report that is known"),
        (bytes(range(128, 256)) * 1000, "is no report that is known"),
        (b'{"a": 1}\n', "is no report that is known"),
        (b"passed\ta\n", "is no report that is known"),
        (b"pass\ta\nfail\tb", "line 2 has no end: the file is torn"),
        (b"<", "torn"),
        (b"<?xml version='1.0'?>\n", "torn"),
        (b"<testsuites/>", "has no test in it"),
        (b"\xff\xfe", "torn"),
    ],
)
def test_what_is_no_report_is_named_with_its_path(raw: bytes, said: str, tmp_path: Path) -> None:
    path = str(tmp_path / "report.xml")
    Path(path).write_bytes(raw)
    with pytest.raises(AgentkitError, match=said) as caught:
        read_report(path)
    assert caught.value.status == Exit.BAD_DATA
    assert caught.value.message.startswith(f"report {path}: ")


@given(st.binary(max_size=300))
def test_no_bytes_at_all_lead_to_a_traceback(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(raw)
    try:
        read_report(str(path))
    except AgentkitError:
        return


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo", "loop", "secret", "nul", "long", "device", "kernel"])
def test_what_is_no_plain_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    path = str(tmp_path / "report")
    if kind == "folder":
        os.mkdir(path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "loop":
        os.symlink(path, path)
    elif kind == "secret":
        Path(path).write_bytes(b"")
        os.chmod(path, 0)
    path = {"nul": path + "\0", "long": "x" * 5000, "device": "/dev/zero", "kernel": "/proc/self/mem"}.get(kind, path)
    with pytest.raises(AgentkitError) as caught:
        read_report(path)
    assert caught.value.status == Exit.BAD_DATA


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have a child help with reports of any size; returns the children that there were."""
    made: list[int] = []
    real = os.fork

    def fork() -> int:
        child = real()
        made.append(child)
        return child

    monkeypatch.setattr(pair, "LEAST_BYTES", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(os, "fork", fork)
    return made


def test_two_large_reports_are_read_as_each_by_itself(tmp_path: Path, forks: list[int]) -> None:
    old, new, lines = str(tmp_path / "old"), str(tmp_path / "new"), str(tmp_path / "lines")
    many = {f"tests.test_{number}::case é": PASS for number in range(20_000)}
    Path(old).write_bytes(write_junit(many))
    Path(new).write_bytes(write_junit(OUTCOMES))
    Path(lines).write_bytes(write_lines(many))
    assert read_two_reports(old, new) == (many, OUTCOMES)
    assert read_two_reports(new, old) == (OUTCOMES, many)
    assert len(forks) == 2
    assert read_two_reports(lines, new) == (many, OUTCOMES)
    assert len(forks) == 2


@pytest.mark.parametrize("which", [0, 1])
def test_a_bad_one_of_two_is_named_and_no_child_is_left(which: int, tmp_path: Path, forks: list[int]) -> None:
    paths = [str(tmp_path / "old"), str(tmp_path / "new")]
    for place, path in enumerate(paths):
        Path(path).write_bytes(b"<" if place == which else write_junit(OUTCOMES))
    with pytest.raises(AgentkitError, match=f"report {paths[which]}: torn"):
        read_two_reports(*paths)
    assert len(forks) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(forks[0], 0)


def test_a_child_that_dies_costs_time_and_nothing_else(
    tmp_path: Path, forks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair.marshal, "dumps", lambda _: b"\xe3half of it")
    path = tmp_path / "report"
    path.write_bytes(write_junit(OUTCOMES))
    assert read_two_reports(str(path), str(path)) == (OUTCOMES, OUTCOMES)
    assert len(forks) == 1
