"""What is known of a program that runs now, and how is its end brought about?

Its own end (it exits) and its tree's end (nothing of it is left) are two things; both are waited for with a limit.
"""

import fcntl
import os
import struct
import termios
from datetime import timedelta

from agentkit.core import tree
from agentkit.core.errors import Exit
from agentkit.core.program import Ended, Program

READ_BYTES = 65536
LOOKED_AT = 20
# So much of its time a program has to have waited for a processor before its hang is the machine's fault.
STARVED_SHARE = 0.5


class Tail:
    """The last bytes of a stream, and how many there were in all."""

    def __init__(self, keep_bytes: int) -> None:
        self.keep_bytes = keep_bytes
        self.kept = bytearray()
        self.count = 0

    def add(self, piece: bytes) -> None:
        """Take in the next bytes of the stream."""
        self.count += len(piece)
        self.kept += piece
        del self.kept[: max(0, len(self.kept) - self.keep_bytes)]


class Running:
    """A program that was started; owns its pipes and its pidfd.

    `begun`, `due`, `kill_at`, `killed_at` and `give_up_at` are seconds of the monotonic clock; `due` is the time limit.
    """

    def __init__(self, place: int, program: Program, begun: float, due: float, started: tuple[int, int, int]) -> None:
        self.place = place
        self.program = program
        self.pid, *pipes = started
        self.start = tree.process_start(self.pid) or 0
        self.begun = begun
        self.due = due
        self.stdout, self.stderr = Tail(program.keep_bytes), Tail(program.keep_bytes)
        self.tails = dict(zip(pipes, (self.stdout, self.stderr), strict=True))
        self.pidfd = _open_pidfd(self.pid)
        self._closed: list[int] = []
        self.wait_status: int | None = None
        self.took = 0.0
        self.timed_out = False
        self.waits_in = ""
        self.was_starved = False
        self.kill_at: float | None = None
        self.give_up_at = 0.0
        self.was_killed = False
        self.killed_at = 0.0
        self.left_behind: tuple[tuple[int, str], ...] = ()

    def descriptors(self) -> list[int]:
        """Return what to poll: the open pipes and the pidfd."""
        return [*self.tails, *([self.pidfd] if self.pidfd >= 0 else [])]

    def read(self, descriptor: int) -> None:
        """Take in what a pipe has, at most READ_BYTES; close it at its end."""
        piece = _read_now(descriptor, READ_BYTES)
        if piece:
            self.tails[descriptor].add(piece)
        elif piece is not None:
            self._close_pipe(descriptor)

    def reap(self, now: float) -> bool:
        """Tell whether the program itself has ended; the first time, take in what its pipes still hold."""
        if self.wait_status is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                pid, status = self.pid, 0xFF00  # somebody else took its status; 255 is as good as any
            if pid == 0:
                return False
            self.wait_status = status
            self.took = now - self.begun
            self.close()
        return True

    def close(self) -> None:
        """Take in what the pipes hold at this moment and close them: who else holds them open keeps nobody waiting."""
        for descriptor in list(self.tails):
            left = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))[0]
            while left > 0 and (piece := _read_now(descriptor, min(left, READ_BYTES))):
                self.tails[descriptor].add(piece)
                left -= len(piece)
            self._close_pipe(descriptor)
        self.stop_watching()

    def stop_watching(self) -> None:
        """Give the pidfd back: the end was seen, or it says that there was one and yet there is no status."""
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self._closed.append(self.pidfd)
            self.pidfd = -1

    def take_closed(self) -> list[int]:
        """Return the descriptors that were closed since the last call: nobody should poll them any more."""
        closed, self._closed = self._closed, []
        return closed

    def find_members(self, strays: dict[int, int]) -> dict[int, int]:
        """Return {pid: start} of all that belongs to the program and lives: itself, its strays, and what is below."""
        members = strays
        if self.wait_status is None and tree.is_alive(self.pid, self.start):
            members = {self.pid: self.start, **members}
        return members | tree.find_descendants(*members)

    def note_wait(self, members: dict[int, int]) -> None:
        """Look, at the limit, what it waits for: in which function of the kernel, or for a processor all the time."""
        limit_ns = (self.due - self.begun) * 1e9
        for pid in list(members)[-LOOKED_AT:]:
            channel = tree.wait_channel(pid)
            if channel and not channel.startswith("state "):
                self.waits_in = channel
            ran_ns, waited_ns = tree.processor_time(pid)
            # Who sleeps has had what it wanted of the processor, and waits for something else.
            is_ready = (tree.read_stat(pid) or "S")[0] == "R"
            self.was_starved |= is_ready and waited_ns > max(STARVED_SHARE * limit_ns, 2 * ran_ns)

    def give_up(self, now: float) -> None:
        """Leave the program as it is: it would not end."""
        if self.wait_status is None:
            self.took = now - self.begun
            self.close()

    def tell_end(self, trouble: tuple[int, str] | None, unkillable: tuple[tuple[int, str], ...]) -> Ended:
        """Return how it ended; `trouble` is (status, message) of a start that failed."""
        code = None if self.wait_status is None else os.waitstatus_to_exitcode(self.wait_status)
        signal = -code if code is not None and code < 0 else None
        if self.timed_out:
            status, outcome = Exit.TIMED_OUT, "unkillable" if unkillable else "timed-out"
        elif trouble:
            status, outcome = trouble[0], "not-started"
        elif signal is not None:
            status, outcome = Exit.SIGNAL_BASE + signal, "signalled"
        else:
            status, outcome = code or 0, "exited"
        return Ended(
            self.program.argv,
            status,
            signal,
            outcome,
            timedelta(seconds=self.took),
            bytes(self.stdout.kept),
            bytes(self.stderr.kept),
            self.stdout.count,
            self.stderr.count,
            unkillable,
            self.left_behind,
            trouble[1] if trouble else "",
            self.waits_in,
            self.was_starved,
        )

    def _close_pipe(self, descriptor: int) -> None:
        os.close(descriptor)
        self._closed.append(descriptor)
        del self.tails[descriptor]


def _open_pidfd(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except OSError:
        return -1  # a kernel before 5.3 or a full table of descriptors: the end is then looked for every tick


def _read_now(descriptor: int, size: int) -> bytes | None:
    try:
        return os.read(descriptor, size)
    except BlockingIOError:
        return None
