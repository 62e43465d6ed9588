"""What does the process of a room do: begin the proposer, hold it to its bounds, end all of it, and report?

Nothing is imported here that a proposer would have to wait for.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal itself makes enum members of each of 64 numbers, at each start
import math
import os
import select
import time
from _collections_abc import Iterable

from agentkit.core import tree
from agentkit.evolve.room import calls
from agentkit.evolve.room.beginning import FAULT, MADE, NO_PROGRAM, NO_ROOM, begin, read_note
from agentkit.evolve.room.crowding import Nameless, find_living, find_members, read_shared
from agentkit.evolve.room.filling import Filling
from agentkit.evolve.room.outcomes import DISK, ITSELF, LOST, MEMORY, MISSING, PROCESSES, TIME, UNMADE
from agentkit.evolve.room.spec import LENGTH_BYTES, Spec, read_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

GRACE_S, GIVE_UP_S = 0.2, 2.0
# The kernel holds no process of root to a number of processes: there the looks are all that does.
SHORTEST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_PAUSE_OF_ROOT_S = 0.01, 0.1, 0.02
# So many processes stand between this one and the program, where it is isolated.
BETWEEN = 2
# Looking takes one part in so many of the time.
SHARE = 20


def main() -> NoReturn:
    """Read a spec and the request behind it from stdin, run the program, and report on stderr behind the token."""
    tree.become_subreaper()
    raw = _read_all(0)
    length = int.from_bytes(raw[:LENGTH_BYTES], "big")
    spec = read_spec(raw[LENGTH_BYTES : LENGTH_BYTES + length])
    if os.getppid() != spec.parent:
        # It ended before this process could say that it will end with it.
        os._exit(0)
    request = os.memfd_create("request")
    _write_all(request, raw[LENGTH_BYTES + length :])
    room = _Room(spec, request)
    _signal.signal(_signal.SIGTERM, _stop)
    told = LOST
    try:
        told = room.run()
    except _AskedToEnd:
        told = TIME
    finally:
        _signal.signal(_signal.SIGTERM, _signal.SIG_IGN)
        room.end_all()
        facts = (str(int(room.is_isolated)), str(room.status), told, room.trouble, room.no_room)
        words = f"\n{spec.token} " + "\0".join(facts)
        _write_all(2, words.encode("utf-8", "surrogateescape"))
        os._exit(0)


class _AskedToEnd(BaseException):
    """Somebody wants this process to end."""


def _stop(_number: int, _frame: object) -> None:
    raise _AskedToEnd


class _Room:
    """One run of a program; owns all processes below this one."""

    def __init__(self, spec: Spec, request: int) -> None:
        self._spec = spec
        self._request = request
        self._due = time.monotonic() + spec.limit_s
        self._longest_pause_s = LONGEST_PAUSE_S if os.geteuid() else LONGEST_PAUSE_OF_ROOT_S
        self._shared_at_start = read_shared()
        self._thorough_at = 0.0
        self._pid = 0
        self._is_crowd = False
        self.is_isolated = False
        self.status = 0
        self.trouble = ""
        self.no_room = ""

    def run(self) -> str:
        """Return what ended the program."""
        os.set_inheritable(self._request, False)
        begun = time.monotonic()
        _come_first(0)
        try:
            note = self._begin(is_isolated=True)
        except OSError as error:
            return self._fail(error.errno or 0, str(error.strerror))
        filling = Filling(self._spec.rooms, self._spec.disk_bytes)
        told = read_note(note)
        self.is_isolated = MADE in told
        if NO_ROOM in told:
            self.no_room = told[NO_ROOM][1]
            os.waitpid(self._pid, 0)
            # Nobody ends what is left here when this process is killed; asked in this way, it still can.
            try:
                calls.control(tree.PR_SET_PDEATHSIG, _signal.SIGTERM)
                told = read_note(self._begin(is_isolated=False))
            except OSError as error:
                return self._fail(error.errno or 0, str(error.strerror))
        elif not told:
            return self._fail(0, "its first process was ended")
        if FAULT in told:
            return self._fail(*told[FAULT])
        if NO_PROGRAM in told:
            self.trouble = told[NO_PROGRAM][1]
            return MISSING
        broken = self._watch(filling)
        if broken == ITSELF and filling.is_over(time.monotonic() - begun):
            return DISK
        return broken

    def _fail(self, number: int, words: str) -> str:
        self.status, self.trouble = number, words
        return UNMADE

    def _begin(self, *, is_isolated: bool) -> int:
        note, inner = os.pipe()
        os.lseek(self._request, 0, os.SEEK_SET)
        self._pid = begin(self._spec, self._request, inner, is_isolated=is_isolated)
        os.close(inner)
        return note

    def _watch(self, filling: Filling) -> str:
        poll = select.poll()
        handle = os.pidfd_open(self._pid)
        poll.register(handle, select.POLLIN)
        pause_s = SHORTEST_PAUSE_S
        try:
            while True:
                left_s = self._due - time.monotonic()
                if poll.poll(math.ceil(max(0.0, min(pause_s, left_s)) * 1000)):
                    self.status = _take_status(self._pid)
                    return ITSELF
                if left_s <= 0:
                    self._ask_to_end(poll)
                    return TIME
                begun = time.monotonic()
                broken = self._look(filling)
                if broken != ITSELF:
                    return broken
                took = time.monotonic() - begun
                pause_s = min(max(took * SHARE, SHORTEST_PAUSE_S), self._longest_pause_s)
                if filling.is_counting:
                    pause_s = SHORTEST_PAUSE_S
        finally:
            os.close(handle)

    def _look(self, filling: Filling) -> str:
        between = BETWEEN if self.is_isolated else 0
        members = find_members(self._spec.processes + between)[between:]
        if len(members) > self._spec.processes:
            self._is_crowd = True
            return PROCESSES
        living = find_living(members)
        memory, shared = sum(living.values()), read_shared() - self._shared_at_start
        # What hides itself shows in what the machine has lost: while that is little, nobody looks for it.
        is_wanted = filling.lost > self._spec.disk_bytes / 2 or memory + shared > self._spec.memory_bytes / 2
        nameless = self._look_for_nameless(filling, living, is_thorough=is_wanted)
        if memory + max(nameless.in_memory, shared if nameless.hides_memory else 0) > self._spec.memory_bytes:
            return MEMORY
        return DISK if filling.look(nameless.on_disk, hides_more=nameless.hides_disk) else ITSELF

    def _look_for_nameless(self, filling: Filling, living: Iterable[int], *, is_thorough: bool) -> Nameless:
        begun, nameless = time.monotonic(), Nameless(filling.disks)
        if is_thorough and begun >= self._thorough_at:
            nameless.add_all(living)
            ended = time.monotonic()
            self._thorough_at = ended + (ended - begun) * SHARE
        else:
            nameless.add_open(living)
        return nameless

    def _ask_to_end(self, poll: select.poll) -> None:
        """Let the program end by itself, for a moment."""
        members = tree.find_descendants(os.getpid())
        if self.is_isolated:
            members.pop(self._pid, None)
        tree.ask_to_end(members)
        poll.poll(math.ceil(GRACE_S * 1000))

    def end_all(self) -> None:
        """End everything below this process; with the first process of a namespace its others end at once."""
        if self.is_isolated:
            for pid in find_members(BETWEEN)[:BETWEEN]:
                _come_first(pid)
                _kill(pid)
        elif self._is_crowd:
            # One by one they would be more each time: the members of a group end at once.
            _kill(-self._pid)
        tree.end_tree(os.getpid(), grace_s=0.0 if self.is_isolated else GRACE_S, limit_s=GIVE_UP_S)


def _come_first(pid: int) -> None:
    """Let a process wait for no processor, where that may be had: a crowd must not outrun who watches and ends it."""
    try:
        os.sched_setscheduler(pid, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError:
        pass  # only root may, and only root's crowds are not bounded by the kernel


def _kill(pid: int) -> None:
    try:
        os.kill(pid, _signal.SIGKILL)
    except OSError:
        pass  # gone already


def _take_status(pid: int) -> int:
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code if code >= 0 else 128 - code


def _read_all(descriptor: int) -> bytes:
    pieces = []
    while piece := os.read(descriptor, 1 << 20):
        pieces.append(piece)
    return b"".join(pieces)


def _write_all(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]
