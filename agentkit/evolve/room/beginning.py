"""How does a proposer begin: in namespaces of its own where those can be had, else as a plain process?

Two processes stand around it. The first one leaves the namespaces of the machine; its child is the first process of the
new ones, makes the room, and takes in what loses its parent. With that one everything in the room ends.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal itself makes enum members of each of 64 numbers, at each start
import errno
import os

from agentkit.core import tree
from agentkit.evolve.room import calls
from agentkit.evolve.room.bounds import set_bounds
from agentkit.evolve.room.building import build_room
from agentkit.evolve.room.spec import Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

# What the child tells, one line each: that the room is made, that it could not be, that the program could not be run.
MADE, NO_ROOM, NO_PROGRAM = b"room", b"none", b"exec"
LARGEST_SHARED_BYTES = 256 * 1024 * 1024
# Where memory runs out, the kernel ends a proposer before anything of the person's.
SACRIFICE = b"500"
NOT_STARTED = 125


def begin(spec: Spec, request: int, note: int, *, is_isolated: bool) -> int:
    """Start the program and return the process to wait for; it ends with the program's status as a shell tells it.

    `request` becomes its stdin; into `note` goes what became of the start, and it is closed when the program runs.
    """
    pid = os.fork()
    if pid:
        return pid
    try:
        tree.die_with_parent()
        _signal.signal(_signal.SIGTERM, _signal.SIG_DFL)
        _write("/proc/self/oom_score_adj", SACRIFICE)
        if not is_isolated:
            _become(spec, request, note, is_isolated=False)
        _enter()
        inner = os.fork()
        if not inner:
            _stand_first(spec, request, note)
        os.close(note)
        os._exit(_wait_for(inner))
    except OSError as error:
        _tell(note, NO_ROOM, error)
    finally:
        # Whatever happens: the child of a fork never goes back into the code of its parent.
        os._exit(NOT_STARTED)


def _enter() -> None:
    user, group = os.geteuid(), os.getegid()
    calls.enter_namespaces(calls.NEW_USERS | calls.NEW_MOUNTS | calls.NEW_PIDS | calls.NEW_IPC | calls.NEW_NAMES)
    # The leave to end with the parent is lost with the change of capabilities.
    tree.die_with_parent()
    _write("/proc/self/setgroups", b"deny")
    for name, number in (("uid", user), ("gid", group)):
        with open(f"/proc/self/{name}_map", "wb", buffering=0) as file:
            file.write(b"%d %d 1" % (number, number))


def _stand_first(spec: Spec, request: int, note: int) -> NoReturn:
    """Make the room, start the program in it, and end with it."""
    try:
        tree.die_with_parent()
        _write("/proc/sys/kernel/shmall", b"%d" % (LARGEST_SHARED_BYTES // os.sysconf("SC_PAGE_SIZE")))
        build_room(spec.steps, min(LARGEST_SHARED_BYTES, spec.memory_bytes))
        os.chdir(spec.copy)
        calls.drop_capabilities()
        os.write(note, MADE + b"\n")
        pid = os.fork()
        if not pid:
            _become(spec, request, note, is_isolated=True)
        os.close(note)
        for descriptor in (0, 1, 2, request):
            os.close(descriptor)
        os._exit(_wait_for(pid))
    except OSError as error:
        _tell(note, NO_ROOM, error)
    finally:
        os._exit(NOT_STARTED)


def _become(spec: Spec, request: int, note: int, *, is_isolated: bool) -> NoReturn:
    try:
        tree.die_with_parent()
        os.setsid()
        os.chdir(spec.copy)
        set_bounds(spec.memory_bytes, spec.disk_bytes, spec.processes, is_isolated=is_isolated)
        os.dup2(request, 0)
        for number in _signal.valid_signals():
            # Python itself ignores SIGPIPE and SIGXFSZ.
            if callable(_signal.getsignal(number)) or number in (_signal.SIGPIPE, _signal.SIGXFSZ):
                _signal.signal(number, _signal.SIG_DFL)
        _execute(spec)
    except OSError as error:
        _tell(note, NO_PROGRAM, error)
    finally:
        os._exit(NOT_STARTED)


def _execute(spec: Spec) -> None:
    try:
        os.execve(spec.program, spec.argv, spec.environment)  # noqa: S606  # no shell is the point
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        # As execvp(3): a file without a format is given to the shell.
        os.execve("/bin/sh", ("sh", spec.program, *spec.argv[1:]), spec.environment)  # noqa: S606  # the same


def _wait_for(pid: int) -> int:
    """Wait until that child has ended, take in whoever else ends, and return a shell's status."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _tell(note: int, what: bytes, error: OSError) -> None:
    os.write(note, b"%s %d %s\n" % (what, error.errno or 0, os.fsencode(str(error.strerror))))


def _write(path: str, text: bytes) -> None:
    try:
        with open(path, "wb", buffering=0) as file:
            file.write(text)
    except OSError:
        pass  # a bound less: the watching holds without it
