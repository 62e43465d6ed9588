"""Run a program and stop all below it at each system call that changes something; strike at the Nth, by SIGKILL.

    python -m tests.evolve.callstrikes OUTPUT AT WAY LIMIT_S PROGRAM…

strace counts the calls of each process for itself; here all count together, children too, which is what the Nth change
of a command means. WAY: `first` (the program alone; what it started goes on), `caller` (the process that made the call
alone), `all` (each of them). AT 0 strikes nobody. Two lines of JSON on stdout: at the strike, and at the end of all.
What is not gone LIMIT_S after the strike is told, and ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import signal
import struct
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

WAYS = ("first", "caller", "all")
# What changes anything that anybody sees, or waits for the disk: (number of x86_64, of aarch64), None where none is.
CALLS: dict[str, tuple[int | None, int | None]] = {
    "write": (1, 64), "pwrite64": (18, 68), "writev": (20, 66), "sendfile": (40, 71), "copy_file_range": (326, 285),
    "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276), "unlink": (87, None), "unlinkat": (263, 35),
    "link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36), "mkdir": (83, None),
    "mkdirat": (258, 34), "rmdir": (84, None), "truncate": (76, 45), "ftruncate": (77, 46), "chmod": (90, None),
    "fchmod": (91, 52), "fchmodat": (268, 53), "fsync": (74, 82), "fdatasync": (75, 83), "flock": (73, 32),
    "execve": (59, 221), "fork": (57, None), "vfork": (58, None), "clone": (56, 220), "clone3": (435, 435),
    "kill": (62, 129), "exit_group": (231, 94), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "unshare": (272, 97), "creat": (85, None), "open": (2, None), "openat": (257, 56),
}  # fmt: skip
FLAGS_AT = {"open": 1, "openat": 2}
O_CREAT = 0o100
LOAD, JUMP_IF_EQUAL, JUMP_IF_SET, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, TRACE = 0x7FFF0000, 0x7FF00000
ARGUMENTS_AT = 16
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
CONTINUE, SEIZE, LISTEN, SYSCALL_INFO = 7, 0x4206, 0x4208, 0x420E
# Of fork, vfork, clone, exec and seccomp; and with whoever traces ends what is traced.
OPTIONS = 0x2 | 0x4 | 0x8 | 0x10 | 0x80 | 0x100000
EVENT_SECCOMP, EVENT_STOP = 7, 128
ALL_CHILDREN = 0x40000000
INFO_BYTES, NUMBER_AT = 88, 24
STOPPING = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("value", ctypes.c_uint))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("first", ctypes.c_void_p))


class Striker:
    """One program that is run and struck: `seen` is each (call, command line) by its turn."""

    def __init__(self, at: int, way: str, limit_s: int) -> None:
        self._at, self._way, self._limit_s = at, way, limit_s
        self._first = 0
        self._known: set[int] = set()
        self._is_struck = False
        self._status: int | None = None
        self._names = {_number(name): name for name in CALLS if _number(name) is not None}
        self.seen: list[tuple[str, str]] = []

    def run(self, words: list[str], output: str) -> None:
        """Run the program, its stdout and stderr in a file, until nobody of it is there."""
        reader, writer = os.pipe()
        self._first = os.fork()
        if not self._first:
            os.close(writer)
            _become(words, output, reader)
        os.close(reader)
        self._known.add(self._first)
        _trace(SEIZE, self._first, data=OPTIONS)
        os.write(writer, b"\n")
        os.close(writer)
        strays = self._follow()
        _say({"status": self._status, "count": len(self.seen), "strays": strays})

    def _follow(self) -> list[str]:
        signal.signal(signal.SIGALRM, _give_up)
        signal.alarm(self._limit_s)
        try:
            while self._known:
                self._take(*os.waitpid(-1, ALL_CHILDREN))
        except TimeoutError:
            strays = [_read_words(pid) for pid in self._known]
            for pid in self._known:
                _kill(pid)
            return strays
        except ChildProcessError:
            pass  # they were threads, which end without a word
        finally:
            signal.alarm(0)
        return []

    def _take(self, pid: int, status: int) -> None:
        if not os.WIFSTOPPED(status):
            self._known.discard(pid)
            if pid == self._first:
                self._status = os.waitstatus_to_exitcode(status)
            return
        if pid not in self._known:
            self._known.add(pid)
            if self._is_struck and self._way == "all":
                _kill(pid)
        number, event = os.WSTOPSIG(status), status >> 16
        if event == EVENT_SECCOMP:
            self._count(pid)
        if event == EVENT_STOP and number in STOPPING:
            _trace(LISTEN, pid)
        else:
            _trace(CONTINUE, pid, data=0 if event else number)

    def _count(self, pid: int) -> None:
        info = ctypes.create_string_buffer(INFO_BYTES)
        _trace(SYSCALL_INFO, pid, INFO_BYTES, ctypes.addressof(info))
        call = self._names.get(struct.unpack_from("=Q", info.raw, NUMBER_AT)[0], "?")
        words = _read_words(pid)
        self.seen.append((call, words))
        if len(self.seen) != self._at:
            return
        self._is_struck = True
        signal.alarm(self._limit_s)
        victims = {"first": {self._first}, "caller": {pid}, "all": self._known}[self._way]
        for victim in list(victims):
            _kill(victim)
        _say({"call": call, "words": words, "is_first": pid == self._first})


def _become(words: list[str], output: str, reader: int) -> NoReturn:
    """Be the program once somebody follows this process."""
    try:
        os.read(reader, 1)
        sink = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        os.dup2(nothing, 0)
        _filter_calls()
        os.execvp(words[0], words)
    finally:
        os._exit(127)


def _filter_calls() -> None:
    """Let this process and all below it be stopped at the calls of the list, and at no others."""
    rows: list[tuple[int, int, int, int]] = [(LOAD, 0, 0, 0)]
    for name in CALLS:
        number = _number(name)
        if number is None:
            continue
        if name in FLAGS_AT:
            rows += [(JUMP_IF_EQUAL, 0, 4, number), (LOAD, 0, 0, ARGUMENTS_AT + 8 * FLAGS_AT[name]),
                     (JUMP_IF_SET, 0, 1, O_CREAT), (RETURN, 0, 0, TRACE), (RETURN, 0, 0, ALLOW)]  # fmt: skip
        else:
            rows += [(JUMP_IF_EQUAL, 0, 1, number), (RETURN, 0, 0, TRACE)]
    rows.append((RETURN, 0, 0, ALLOW))
    table = (_Instruction * len(rows))(*(_Instruction(*row) for row in rows))
    program = _Program(len(rows), ctypes.addressof(table))
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "no filter of system calls")


def _number(name: str) -> int | None:
    return CALLS[name][platform.machine() == "aarch64"]


def _trace(request: int, pid: int, place: int = 0, data: int = 0) -> None:
    # A process that was killed while it stood still cannot be told anything any more.
    if libc.ptrace(request, pid, place, data) < 0 and request == SEIZE:
        raise OSError(ctypes.get_errno(), "it may not be traced")


def _read_words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _give_up(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError


def _say(record: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def main(words: list[str]) -> None:
    """Run what the words say; the calls that were seen are written beside the output where nobody is struck."""
    output, at, way, limit_s, *program = words
    striker = Striker(int(at), way, int(limit_s))
    striker.run(program, output)
    if int(at) == 0:
        Path(f"{output}.calls").write_text(json.dumps(striker.seen))


if __name__ == "__main__":
    main(sys.argv[1:])
