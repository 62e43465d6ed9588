"""Which calls of which process stand in what strace writes?

A call that another process interrupted stands on two lines (`<unfinished ...>`, `<... NAME resumed>`), which are one
here. What strace writes is ASCII: what is no letter of it in a path is escaped (strace(1), -x).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

ENDED, KILLED, REPLACED = "ended", "killed", "replaced"
# A line longer than this is none of a call that is asked for.
LONGEST_LINE_BYTES = 1 << 20
MOST_UNFINISHED = 100_000
UNFINISHED = " <unfinished ...>"
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>")
_END = re.compile(r"\+\+\+ (?:exited with (\d+)|killed by (\w+)|superseded by execve in pid (\d+))")
_RESULT = re.compile(
    r"\) += (-?\d+|\?)(?:<(.*)>(?:\(deleted\))?)?(?: /\* (\d+) in strace's PID NS \*/)?"
    r"(?: ([A-Z0-9_]+) \(.*\))?(?: \(.*\))?$"
)
STRING = r'"((?:[^"\\]|\\.)*)"(?:\.\.\.)?'
_ESCAPED = re.compile(rb"\\([0-7]{1,3}|x[0-9a-f]{2}|.)", re.DOTALL)
_SIGNS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f"}


class Called(NamedTuple):
    """A call that has returned: `arguments` and, of a descriptor, what `opened` stand as strace writes them.

    `result` is None where the call never returned, `error` such as `ENOENT`.
    """

    pid: int
    name: str
    arguments: str
    result: int | None
    opened: str | None = None
    error: str | None = None


class Begun(NamedTuple):
    """A call that another process interrupted: it has begun, and has not returned yet."""

    pid: int
    name: str


class Gone(NamedTuple):
    """A process that ended (`how` ENDED with its status, KILLED with the signal's name) or that an exec replaced."""

    pid: int
    how: str
    value: str


class Lines:
    """Takes in what strace writes, in pieces of any length."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_passing_over = False
        self._unfinished: dict[int, str] = {}

    def feed(self, piece: bytes) -> Iterator[Called | Begun | Gone]:
        """Yield what is whole by now."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            if self._is_passing_over:
                self._is_passing_over = False
                continue
            event = self._read(line.decode("ascii", "replace"))
            if event is not None:
                yield event
        if len(self._rest) > LONGEST_LINE_BYTES:
            self._rest, self._is_passing_over = b"", True

    def _read(self, line: str) -> Called | Begun | Gone | None:
        number, _, text = line.partition(" ")
        if not number.isdigit():
            return None
        pid, text = int(number), text.lstrip(" ")
        if text.startswith("+++"):
            return self._read_end(pid, text)
        if text.endswith(UNFINISHED):
            if len(self._unfinished) < MOST_UNFINISHED:
                self._unfinished[pid] = text[: -len(UNFINISHED)]
            return Begun(pid, text.partition("(")[0])
        resumed = _RESUMED.match(text)
        if resumed:
            begun = self._unfinished.pop(pid, "")
            if not begun.startswith(f"{resumed[1]}("):
                return None
            text = begun + text[resumed.end() :]
        return _read_call(pid, text)

    def _read_end(self, pid: int, text: str) -> Gone | None:
        found = _END.match(text)
        if found is None:
            return None
        begun = self._unfinished.pop(pid, None)
        status, signal, by = found.groups()
        if by is not None:
            # The thread that executes gets the number of the first one (ptrace(2), execve under ptrace).
            own = self._unfinished.pop(int(by), None) or begun
            if own is not None:
                self._unfinished[pid] = own
            return Gone(int(by), REPLACED, str(pid))
        return Gone(pid, ENDED, status) if status is not None else Gone(pid, KILLED, signal)


def _read_call(pid: int, text: str) -> Called | None:
    name, bracket, rest = text.partition("(")
    if not bracket:
        return None
    # What comes last is strace's own: no path can look like it, for its quotes and brackets are escaped.
    at = rest.rfind(") ")
    while at >= 0:
        found = _RESULT.match(rest, at)
        if found:
            # The number that a process has for us is another one than in a namespace of its own.
            result = None if found[1] == "?" else int(found[3] or found[1])
            return Called(pid, name, rest[:at], result, found[2], found[4])
        at = rest.rfind(") ", 0, at)
    return None


def unescape(text: str) -> str:
    """Return the path that a string of strace's stands for; bytes that are no UTF-8 as Python holds them in paths."""
    raw = text.encode("ascii", "replace")
    if b"\\" in raw:
        raw = _ESCAPED.sub(_unescape_one, raw)
    return os.fsdecode(raw)


def _unescape_one(found: re.Match[bytes]) -> bytes:
    code = found[1]
    if code[:1] in b"01234567":
        return bytes((int(code, 8) & 0xFF,))
    if code[:1] == b"x" and len(code) == 3:
        return bytes((int(code[1:], 16),))
    return _SIGNS.get(code, code)
