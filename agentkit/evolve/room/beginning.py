"""How does a proposer begin: in namespaces of its own where those can be had, else as a plain process?

Two processes stand around it. The first one leaves the namespaces of the machine; its child is the first process of the
new ones, makes the room, and takes in what loses its parent. With that one everything in the room ends.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal itself makes enum members of each of 64 numbers, at each start
import errno
import os
import select

from agentkit.core import tree
from agentkit.evolve.room import calls
from agentkit.evolve.room.bounds import set_bounds
from agentkit.evolve.room.building import build_room
from agentkit.evolve.room.spec import Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

# What the child tells, one line each: that the room is made, that this machine permits none, that something else went
# wrong before the program was run, that it could not be run. Behind the word stand errno and words.
MADE, NO_ROOM, FAULT, NO_PROGRAM = b"room", b"none", b"fault", b"exec"
# So the kernel says that it does not permit namespaces, or has none; anything else may pass, or be somebody's work.
NOT_PERMITTED = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EINVAL, errno.ENODEV)
LIMITED = ("user", "mnt", "pid", "ipc", "uts")
LARGEST_SHARED_BYTES = 256 * 1024 * 1024
# Where memory runs out, the kernel ends a proposer before anything of the person's.
SACRIFICE = b"500"
NOT_STARTED = 125


def begin(spec: Spec, request: int, note: int, *, is_isolated: bool) -> int:
    """Start the program and return the process to wait for; it ends with the program's status as a shell tells it.

    `request` becomes its stdin; into `note` goes what became of the start, and it is closed when the program runs.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        tree.die_with_parent()
        _signal.signal(_signal.SIGTERM, _signal.SIG_DFL)
        _write("/proc/self/oom_score_adj", SACRIFICE)
        calls.leave_keyring()
        if not is_isolated:
            _demand_parent(parent)
            _become(spec, request, note, is_isolated=False)
        _enter()
        # Who lost its parent before it could say that it will end with it has another one by now.
        _demand_parent(parent)
        me = os.pidfd_open(os.getpid())
        inner = os.fork()
        if not inner:
            _stand_first(spec, request, note, me)
        os.close(me)
        os.close(note)
        os._exit(_wait_for(inner))
    except _NotPermittedError as error:
        _tell(note, NO_ROOM, error)
    except OSError as error:
        _tell(note, FAULT, error)
    finally:
        # Whatever happens: the child of a fork never goes back into the code of its parent.
        os._exit(NOT_STARTED)


class _NotPermittedError(Exception):
    """This machine permits no room."""

    def __init__(self, number: int, strerror: str) -> None:
        super().__init__(number, strerror)
        self.errno = number
        self.strerror = strerror


def _demand_parent(parent: int) -> None:
    if os.getppid() != parent:
        os._exit(NOT_STARTED)


def _enter() -> None:
    user, group = os.geteuid(), os.getegid()
    try:
        calls.enter_namespaces(calls.NEW_USERS | calls.NEW_MOUNTS | calls.NEW_PIDS | calls.NEW_IPC | calls.NEW_NAMES)
    except calls.RefusedError as error:
        closed = _find_closed() if error.errno == errno.ENOSPC else ""
        if closed:
            raise _NotPermittedError(errno.ENOSPC, closed) from error
        _judge(error)
    # The leave to end with the parent is lost with the change of capabilities.
    tree.die_with_parent()
    _write("/proc/self/setgroups", b"deny")
    for name, number in (("uid", user), ("gid", group)):
        try:
            with open(f"/proc/self/{name}_map", "wb", buffering=0) as file:
                file.write(b"%d %d 1" % (number, number))
        except OSError as error:
            _judge(error)


def _find_closed() -> str:
    """Return what says that there shall be no namespaces: a limit of 0 is an administrator's word, and no shortage."""
    for kind in LIMITED:
        try:
            with open(f"/proc/sys/user/max_{kind}_namespaces", "rb", buffering=0) as file:
                if file.read(32).strip() == b"0":
                    return f"user.max_{kind}_namespaces is 0"
        except OSError:
            continue  # a kernel without it, or no /proc/sys
    return ""


def _judge(error: OSError) -> NoReturn:
    """Raise an error as what it means: that the machine does not permit a room, or anything else."""
    if error.errno in NOT_PERMITTED:
        raise _NotPermittedError(error.errno, str(error.strerror)) from error
    raise error


def _stand_first(spec: Spec, request: int, note: int, parent: int) -> NoReturn:
    """Make the room, start the program in it, and end with it; `parent` is a pidfd of who stands around it."""
    try:
        tree.die_with_parent()
        poll = select.poll()
        poll.register(parent, select.POLLIN)
        if poll.poll(0):
            os._exit(NOT_STARTED)
        os.close(parent)
        shared_bytes = min(LARGEST_SHARED_BYTES, spec.memory_bytes)
        _write("/proc/sys/kernel/shmall", b"%d" % (shared_bytes // os.sysconf("SC_PAGE_SIZE")))
        try:
            build_room(spec.steps, shared_bytes)
        except calls.RefusedError as error:
            _judge(error)
        os.chdir(spec.copy)
        calls.drop_capabilities()
        # What this process was told is none of the proposer's business.
        calls.control(calls.SET_DUMPABLE, 0)
        os.write(note, MADE + b"\n")
        pid = os.fork()
        if not pid:
            _become(spec, request, note, is_isolated=True)
        os.close(note)
        for descriptor in (0, 1, 2, request):
            os.close(descriptor)
        os._exit(_wait_for(pid))
    except _NotPermittedError as error:
        _tell(note, NO_ROOM, error)
    except OSError as error:
        _tell(note, FAULT, error)
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


def _tell(note: int, what: bytes, error: OSError | _NotPermittedError) -> None:
    place = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
    words = os.fsencode(f"{place}{error.strerror}").replace(b"\n", b"?")
    os.write(note, b"%s %d %s\n" % (what, error.errno or 0, words))


def read_note(note: int) -> dict[bytes, tuple[int, str]]:
    """Return {what: (errno, words)} of what the child told until it ran its program, or ended."""
    text = b""
    while piece := os.read(note, 4096):
        text += piece
    os.close(note)
    told = {}
    for line in text.splitlines():
        what, _, rest = line.partition(b" ")
        number, _, words = rest.partition(b" ")
        told[what] = (int(number or 0), words.decode("utf-8", "replace"))
    return told


def _write(path: str, text: bytes) -> None:
    try:
        with open(path, "wb", buffering=0) as file:
            file.write(text)
    except OSError:
        pass  # a bound less: the watching holds without it
