"""How does a value get to a descriptor of the program, so that it is on no disk and in nobody's command line?

What fits into a pipe is read once and is gone; what does not is a sealed file in memory. Imported by the hot verbs.
"""

import fcntl
import os

from agentkit.core.errors import AgentkitError, Exit

PIPE_BYTES = 65536
# The name that /proc/PID/fd shows; never that of a secret.
MEMORY_NAME = "agentkit-vault"
MFD_NOEXEC_SEAL = 8  # include/uapi/linux/memfd.h, since Linux 6.3


def reserve_descriptors(numbers: "list[int]") -> None:
    """Put nothing at each of these descriptors, so that no file of ours lands there; what was open there is closed.

    Raises AgentkitError: usage for one above the limit of this process, wrapper failed where there is no room.
    """
    import resource

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    for number in numbers:
        if number >= limit:
            raise AgentkitError(
                f"descriptor {number}: this process may open those below {limit} (ulimit -n)", status=Exit.USAGE
            )
    try:
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        for number in numbers:
            if number == nothing:
                os.set_inheritable(nothing, True)
            else:
                os.dup2(nothing, number, inheritable=True)
    except OSError as error:
        why = f"no descriptor can be prepared for a secret: {error.strerror}"
        raise AgentkitError(why, status=Exit.WRAPPER_FAILED) from None
    if nothing not in numbers:
        os.close(nothing)


def close_descriptors(numbers: "list[int]") -> None:
    """Take back what was handed over, where there is no program to get it; stdin stays."""
    for number in numbers:
        if number > 0:
            os.closerange(number, number + 1)  # which minds none that is not open


def deliver_at(number: int, value: bytes) -> None:
    """Let the descriptor give the value, once and for whoever inherits it; raises OSError where there is no room."""
    source = _fill_pipe(value) if len(value) <= PIPE_BYTES else None
    if source is None:
        source = _fill_memory(value)
    try:
        os.dup2(source, number, inheritable=True)
    finally:
        os.close(source)


def _fill_pipe(value: bytes) -> "int | None":
    """Return the reading end of a pipe that holds the value, None where it does not fit in at once."""
    reading, writing = os.pipe()
    try:
        # The share of pipe memory that a user has may be used up: such a pipe holds a page or two.
        os.set_blocking(writing, False)
        if os.write(writing, value) == len(value):
            return reading
    except BlockingIOError:
        pass  # not even a page: as if it were too long
    except BaseException:  # the descriptor goes back whatever happens, Ctrl-C too
        os.close(reading)
        raise
    finally:
        os.close(writing)
    os.close(reading)
    return None


def _fill_memory(value: bytes) -> int:
    """Return a file in memory that holds the value, that nobody can change any more, and that stands at its start."""
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        descriptor = os.memfd_create(MEMORY_NAME, flags | MFD_NOEXEC_SEAL)
    except OSError:
        descriptor = os.memfd_create(MEMORY_NAME, flags)
    try:
        view = memoryview(value)
        while view:
            view = view[os.write(descriptor, view) :]
        seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
        os.lseek(descriptor, 0, os.SEEK_SET)
    except BaseException:  # the same for the file in memory
        os.close(descriptor)
        raise
    return descriptor
