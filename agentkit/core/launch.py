"""How is a program started without its starter ever waiting for the start?

By fork: posix_spawn and vfork hold the caller until the exec is through, and an exec from a dead mount never is.
What goes wrong in the child is written into memory that both share, two bytes a program.
"""

import _signal  # type: ignore[import-not-found]  # signal itself makes enum members of each of 64 numbers, at each start
import errno
import mmap
import os
from collections.abc import Mapping
from typing import NoReturn

from agentkit.core import tree
from agentkit.core.errors import Exit
from agentkit.core.program import Program

SPARE_DESCRIPTORS = 8
CHEAP_TO_CLOSE = 4096
# The first byte of a note says which step failed, the second holds its errno.
NOTE_BYTES = 2
FOLDER, EXEC, UNKNOWN = 1, 2, 3
# What a shell cannot find is 127, what it finds and cannot execute is 126.
NOT_FOUND_ERRORS = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)


def start_program(
    program: Program, environment: Mapping[str, str], notes: mmap.mmap, place: int
) -> tuple[int, int, int]:
    """Start a program in a session of its own; return (pid, stdout, stderr), the latter as non-blocking descriptors.

    Its stdin is a file in memory, so that nobody waits for a program that does not read. Every other descriptor is
    closed in it, no signal is blocked or left to a handler, and it is killed when this process dies. The descriptors
    0 to 2 must be open here. Raises OSError when there is no room for a process or a descriptor.
    """
    opened: list[int] = []
    try:
        opened.append(os.memfd_create("stdin"))
        written = 0
        while written < len(program.stdin):  # one write takes 2 GiB at most
            written += os.pwrite(opened[0], program.stdin[written:], written)
        opened += os.pipe()
        opened += os.pipe()
        # Looking after what runs takes descriptors too: without some to spare, nothing more is started.
        for _ in range(SPARE_DESCRIPTORS):
            opened.append(os.dup(opened[0]))
        for _ in range(SPARE_DESCRIPTORS):
            os.close(opened.pop())
        for end in (opened[1], opened[3]):
            os.set_blocking(end, False)
        # No handler of this process may run in the child, so nothing is delivered before they are gone.
        before = _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
        try:
            pid = os.fork()
            if pid == 0:
                _become(program, environment, (opened[0], opened[2], opened[4]), notes, place)
        finally:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, before)
    except BaseException:  # a signal's handler, too, may raise in here: nobody else knows these descriptors
        for descriptor in opened:
            os.close(descriptor)
        raise
    for descriptor in (opened[0], opened[2], opened[4]):
        os.close(descriptor)
    return pid, opened[1], opened[3]


def read_trouble(program: Program, notes: mmap.mmap, place: int) -> tuple[int, str] | None:
    """Return (exit status, message) of a start that failed, or None when the program itself ran."""
    step, number = notes[place * NOTE_BYTES : (place + 1) * NOTE_BYTES]
    if step == 0:
        return None
    if step == EXEC:
        status = Exit.NOT_FOUND if number in NOT_FOUND_ERRORS else Exit.NOT_EXECUTABLE
        return status, f"{program.argv[0]}: {os.strerror(number)}"
    if step == FOLDER:
        return Exit.WRAPPER_FAILED, f"{program.folder}: {os.strerror(number)}"
    return Exit.WRAPPER_FAILED, f"{program.argv[0]}: could not be started"


def _become(
    program: Program, environment: Mapping[str, str], streams: tuple[int, int, int], notes: mmap.mmap, place: int
) -> NoReturn:
    note = bytes((UNKNOWN, 0))
    try:
        tree.die_with_parent()
        os.setsid()
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
            os.close(descriptor)  # at once: in a full table there is none left for the listing below
        # A program that hangs in its start must not hold the locks and pipes of this process open.
        os.closerange(3, _bound_descriptors())
        for number in _signal.valid_signals():
            # Python itself ignores SIGPIPE and SIGXFSZ.
            if callable(_signal.getsignal(number)) or number in (_signal.SIGPIPE, _signal.SIGXFSZ):
                _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        if program.folder is not None:
            note = bytes((FOLDER, 0))
            os.chdir(program.folder)
        note = bytes((EXEC, errno.ENOENT))
        _execute(program.argv, environment)
    except OSError as error:
        note = bytes((note[0], error.errno or 0))
    finally:
        # Whatever happens: the child of a fork never goes back into the code of its parent.
        notes[place * NOTE_BYTES : (place + 1) * NOTE_BYTES] = note
        os._exit(Exit.WRAPPER_FAILED)


def _bound_descriptors() -> int:
    bound = os.sysconf("SC_OPEN_MAX")
    # Closing what is not open is cheaper than listing what is, unless there may be a million of them.
    return bound if 0 < bound <= CHEAP_TO_CLOSE else max(map(int, os.listdir("/proc/self/fd"))) + 1


def _execute(argv: tuple[str, ...], environment: Mapping[str, str]) -> None:
    """Execute as execvp(3) does: PATH is searched, and a file without a format is given to the shell."""
    name = argv[0]
    folders = [""] if "/" in name else environment.get("PATH", os.defpath).split(":")
    denied: OSError | None = None
    for folder in folders:
        path = name if "/" in name else f"{folder or '.'}/{name}"
        try:
            if name:
                os.execve(path, argv, environment)  # noqa: S606  # no shell is the point
        except OSError as error:
            if error.errno == errno.ENOEXEC:
                os.execve("/bin/sh", ["sh", path, *argv[1:]], environment)  # noqa: S606  # as execvp(3)
            # A file without the right to execute does not end the search; another file may come.
            if error.errno == errno.EACCES and not (folder and os.path.isdir(path)):
                denied = error
            elif error.errno not in (errno.EACCES, *NOT_FOUND_ERRORS) or "/" in name:
                raise
    raise denied or FileNotFoundError(errno.ENOENT, name)
