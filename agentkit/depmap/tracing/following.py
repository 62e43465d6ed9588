"""How does a program run under strace as it would without, and what strace says of it reach us as it happens?

What strace says comes through a pipe: nothing of it ever lies on a disk.
"""

from __future__ import annotations

import fcntl
import math
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, Protocol, Self

from agentkit.core import tree
from agentkit.core.errors import AgentkitError

PIPE_BYTES = 1 << 20
READ_BYTES = 1 << 16
TICK_S = 0.05
LONGEST_PAUSE_S = 60.0
# What the program leaves running may end by itself a moment later.
AFTER_END_S = 0.5
GRACE_S = 0.3
GIVE_UP_S = 1.0
PASSED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
FROM_THE_TERMINAL = (signal.SIGINT, signal.SIGQUIT)


class Reader(Protocol):
    """Who reads what strace says, and knows the program by it."""

    program: int | None
    has_ended: bool

    def feed(self, piece: bytes) -> None:
        """Take in a piece."""


@dataclass(frozen=True, slots=True)
class Followed:
    """How it came to an end: at its limit, or by a signal to us (`asked`), and which processes would not end."""

    timed_out: bool = False
    asked: int | None = None
    unkillable: tuple[int, ...] = ()


def follow(
    build: Callable[[str], Sequence[str]],
    reader: Reader,
    *,
    environ: Mapping[str, str],
    limit: timedelta,
    lets_go: bool,
    stdout: int | IO[bytes] | None,
    tell: Callable[[str], None],
) -> Followed:
    """Run the command line that `build` returns for the path to which strace writes; return how it ended.

    The program has our stdin and stderr, and `stdout`. It ends with the last process of it, or with `lets_go` soon
    after the program itself; at `limit` all of it is ended. Raises AgentkitError when strace does not start.
    """
    with _Run(reader, limit, tell, lets_go=lets_go) as run:
        followed = run.go(build, environ, stdout)
    if run.fault is not None:
        raise run.fault
    return followed


class _Run:
    """One run: owns the pipe, the signals and all processes of it."""

    def __init__(self, reader: Reader, limit: timedelta, tell: Callable[[str], None], *, lets_go: bool) -> None:
        self._reader = reader
        self._limit_s = limit.total_seconds()
        self._tell = tell
        self._lets_go = lets_go
        self._has_told = False
        self._ended_at: float | None = None
        self._status: int | None = None
        self.fault: Exception | None = None
        self._asked: int | None = None
        self._strace: subprocess.Popen[bytes] | None = None
        self._pipe, self._writing = os.pipe()
        os.set_blocking(self._pipe, False)
        try:
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        except OSError:
            pass  # a smaller pipe only makes the program wait for us a little more often
        self._waking, self._woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before_fd = signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        numbers = (*PASSED_ON, *FROM_THE_TERMINAL, signal.SIGCHLD)
        # What nohup or the shell's & made deaf stays deaf, for us and for the program.
        self._before = {
            number: signal.signal(number, self._note)
            for number in numbers
            if signal.getsignal(number) != signal.SIG_IGN
        }
        self._has_terminal = _has_terminal()
        tree.become_subreaper()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._status is None and self._strace is not None:
            self._end_all()
        tree.become_subreaper(False)
        signal.set_wakeup_fd(self._before_fd)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        for descriptor in (self._pipe, self._writing, self._waking, self._woken):
            os.close(descriptor)

    def go(
        self, build: Callable[[str], Sequence[str]], environ: Mapping[str, str], stdout: int | IO[bytes] | None
    ) -> Followed:
        """Run it to its end."""
        # By our own descriptor: one that strace inherited would go on to the program, and to all that it starts.
        command = build(f"/proc/{os.getpid()}/fd/{self._writing}")
        due = time.monotonic() + self._limit_s
        try:
            self._strace = subprocess.Popen(command, env=dict(environ), stdout=stdout)
        except OSError as error:
            raise AgentkitError(f"strace could not be started: {error.strerror}") from error
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        poll.register(self._waking, select.POLLIN)
        while True:
            now = time.monotonic()
            if self._status is not None:
                self._read_all()
                return Followed()
            if now >= due or self._asked is not None:
                left = self._end_all()
                self._read_all()
                return Followed(timed_out=now >= due, asked=self._asked, unkillable=tuple(left))
            if self._lets_go_now(now):
                return self._let_go()
            pause_s = min(due - now, LONGEST_PAUSE_S, TICK_S if self._ended_at is not None else math.inf)
            ready = [descriptor for descriptor, _ in poll.poll(math.ceil(pause_s * 1000))]
            if self._waking in ready:
                _drain(self._waking)
            if self._pipe in ready:
                self._read()
            self._reap()

    def _lets_go_now(self, now: float) -> bool:
        if not self._reader.has_ended:
            return False
        if self._ended_at is None:
            self._ended_at = now
        if now - self._ended_at < AFTER_END_S:
            return False
        if not self._lets_go and not self._has_told:
            self._has_told = True
            self._tell("the program has ended; what it left running is followed to its end (Ctrl-C ends it)")
        return self._lets_go

    def _let_go(self) -> Followed:
        # Who is traced goes on by itself when the tracer is gone (ptrace(2), without PTRACE_O_EXITKILL).
        assert self._strace is not None
        self._strace.kill()
        deadline = time.monotonic() + GIVE_UP_S
        while self._status is None and time.monotonic() < deadline:
            self._reap()
            time.sleep(tree.SHORTEST_PAUSE_S)
        self._read_all()
        return Followed()

    def _end_all(self) -> list[int]:
        assert self._strace is not None
        left = tree.end_tree(os.getpid(), grace_s=GRACE_S, limit_s=GIVE_UP_S, on_reaped=self._take_end)
        if self._status is None:
            # Somebody else reaped it, or it would not die: either way there is nothing to wait for.
            self._strace.returncode = -signal.SIGKILL
        return left

    def _read(self) -> bool:
        try:
            piece = os.read(self._pipe, READ_BYTES)
        except BlockingIOError:
            return False
        if self.fault is None:
            try:
                self._reader.feed(piece)
            except Exception as error:  # noqa: BLE001  # whatever is wrong with our reading, the program goes on
                self.fault = error
        return bool(piece)

    def _read_all(self) -> None:
        # What others still write while they live is not waited for.
        for _ in range(2 * PIPE_BYTES // READ_BYTES):
            if not self._read():
                return

    def _reap(self) -> None:
        """Take the status of every child that ended: strace's, and those of orphans that came to us."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._take_end(pid, status)

    def _take_end(self, pid: int, status: int) -> None:
        if self._strace is not None and pid == self._strace.pid:
            self._status = status
            self._strace.returncode = os.waitstatus_to_exitcode(status)

    def _note(self, number: int, _frame: object) -> None:
        if number == signal.SIGCHLD:
            return
        program = self._reader.program
        if program is None or self._reader.has_ended:
            self._asked = number
        elif number in PASSED_ON or not self._has_terminal:
            # What a person types at the terminal reached the program as it reached us.
            try:
                os.kill(program, number)
            except OSError:
                return  # it ended a moment ago


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _drain(descriptor: int) -> None:
    try:
        os.read(descriptor, READ_BYTES)
    except BlockingIOError:
        return
