import itertools
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.depmap.tracing.lines import Begun, Called, Gone, Lines, unescape

SAID = b"""10 openat(AT_FDCWD</tmp>, "a) = 3</b>", O_RDONLY|O_CLOEXEC) = 3</tmp/a) = 3\\74/b\\76>
10 vfork( <unfinished ...>
11 execve("./x", ["./x", "a, b) = 0"], 0x55 /* 9 vars */ <unfinished ...>
10 <... vfork resumed>)              = 11
11 <... execve resumed>)             = 0
11 openat(AT_FDCWD</tmp>, "no", O_RDONLY) = -1 ENOENT (No such file or directory)
11 exit_group(3)                     = ?
11 +++ exited with 3 +++
10 connect(3<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("127.0.0.1")}, 16) = 0
12 +++ superseded by execve in pid 13 +++
10 unlink("gone") = 0
10 clone(child_stack=NULL, flags=SIGCHLD) = 2 /* 3658 in strace's PID NS */
10 openat(AT_FDCWD</tmp>, "t", O_RDWR) = 4</tmp/t>(deleted)
10 +++ killed by SIGKILL (core dumped) +++
"""
EVENTS = [
    Called(10, "openat", 'AT_FDCWD</tmp>, "a) = 3</b>", O_RDONLY|O_CLOEXEC', 3, "/tmp/a) = 3\\74/b\\76"),
    Begun(10, "vfork"),
    Begun(11, "execve"),
    Called(10, "vfork", "", 11),
    Called(11, "execve", '"./x", ["./x", "a, b) = 0"], 0x55 /* 9 vars */', 0),
    Called(11, "openat", 'AT_FDCWD</tmp>, "no", O_RDONLY', -1, None, "ENOENT"),
    Called(11, "exit_group", "3", None),
    Gone(11, "ended", "3"),
    Called(10, "connect", '3<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("127.0.0.1")}, 16', 0),
    Gone(13, "replaced", "12"),
    Called(10, "unlink", '"gone"', 0),
    Called(10, "clone", "child_stack=NULL, flags=SIGCHLD", 3658),
    Called(10, "openat", 'AT_FDCWD</tmp>, "t", O_RDWR', 4, "/tmp/t"),
    Gone(10, "killed", "SIGKILL"),
]


@given(st.lists(st.integers(1, len(SAID)), max_size=20))
def test_calls_are_the_same_whatever_the_pieces(cuts: list[int]) -> None:
    lines = Lines()
    places = [0, *sorted(cuts), len(SAID)]
    found = [event for start, end in itertools.pairwise(places) for event in lines.feed(SAID[start:end])]
    assert found == EVENTS


@given(st.binary(max_size=200))
def test_no_bytes_at_all_trouble_it(raw: bytes) -> None:
    lines = Lines()
    for event in (*lines.feed(raw), *lines.feed(b"\n" + raw + b"\n")):
        assert event.pid >= 0


def test_a_line_without_an_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentkit.depmap.tracing.lines.LONGEST_LINE_BYTES", 100)
    lines = Lines()
    for _ in range(50):
        assert list(lines.feed(b"1 open(" + b"x" * 90)) == []
        assert len(lines._rest) <= 100
    assert list(lines.feed(b'\n1 unlink("a") = 0\n')) == [Called(1, "unlink", '"a"', 0)]


def test_names_of_any_bytes_are_read_as_strace_really_writes_them(tmp_path: Path) -> None:
    names = [b"a b", b'"quoted"', b"back\\slash", b"new\nline", b"\xff\xfe", "ä€".encode(), b"<x>", b"\0011", b") = 0"]
    log = tmp_path / "log"
    (tmp_path / "in").mkdir()
    paths = [os.fsencode(tmp_path / "in") + b"/" + name for name in names]
    for path in paths:
        with open(path, "wb"):
            pass
    subprocess.run(["strace", "-f", "-yy", "-e", "trace=openat", "-o", log, "cat", *paths], timeout=60, check=True)
    events = [
        one for one in Lines().feed(log.read_bytes()) if isinstance(one, Called) and b"/in/" in one.arguments.encode()
    ]
    assert [os.fsencode(unescape(one.opened or "")) for one in events] == paths
