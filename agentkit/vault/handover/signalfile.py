"""Which signals came to this process while it stands between a program and its caller, and who made them?

They are read from a descriptor, signalfd(2): that alone says whether the kernel made one, for the whole foreground of a
terminal, the program included.
"""

import _signal  # type: ignore[import-not-found]  # the C half of signal; the other half costs an import of enum
import os
from sys import byteorder

from agentkit.core.errors import AgentkitError, Exit

ENDING = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGQUIT)
PASSED_ON = (*ENDING, _signal.SIGUSR1, _signal.SIGUSR2, _signal.SIGWINCH, _signal.SIGTSTP, _signal.SIGCONT)
# include/uapi/linux/signalfd.h: 128 bytes each, with signo, errno and code at the start.
INFO_BYTES = 128
SET_BYTES = 128
FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
SI_KERNEL = 0x80  # include/uapi/asm-generic/siginfo.h


class SignalFile:
    """The signals from before the start of a program until after its end."""

    def __init__(self) -> None:
        """Hold back every signal that is passed on: the program decides what it does not mind."""
        # What nohup or the shell's & made deaf stays deaf, here and in the program.
        self.ending = [number for number in ENDING if _signal.getsignal(number) != _signal.SIG_IGN]
        # Where a caller ignores SIGCHLD, nobody would learn how the program ended.
        self._child_before = _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        numbers = [*PASSED_ON, _signal.SIGCHLD]
        self._mask_before = _signal.pthread_sigmask(_signal.SIG_BLOCK, numbers)
        self.descriptor = _open(numbers)

    def take(self) -> "list[tuple[int, bool]]":
        """Return the signals that came since they were last taken, each with whether the kernel made it."""
        try:
            raw = os.read(self.descriptor, 32 * INFO_BYTES)
        except BlockingIOError:
            return []
        infos = [raw[at : at + INFO_BYTES] for at in range(0, len(raw), INFO_BYTES)]
        return [
            (int.from_bytes(info[:4], byteorder), int.from_bytes(info[8:12], byteorder) == SI_KERNEL) for info in infos
        ]

    def restore(self) -> None:
        """Give the program what our caller gave us."""
        _signal.signal(_signal.SIGCHLD, self._child_before)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self._mask_before)


def act_on(number: int) -> None:
    """Let a signal do to this process what it does to a program that does not mind it: end it, or stop it for now."""
    if number == _signal.SIGKILL:
        os.kill(os.getpid(), number)
    before = _signal.signal(number, _signal.SIG_DFL)
    masked = _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
    # After a stop it goes on from here.
    _signal.pthread_sigmask(_signal.SIG_SETMASK, masked)
    _signal.signal(number, before)


def _open(numbers: "list[int]") -> int:
    from _ctypes import call_cdeclfunction, dlopen, dlsym

    wanted = 0
    for number in numbers:
        wanted |= 1 << (number - 1)
    itself = dlopen(None, 0)  # type: ignore[arg-type]  # as dlopen(3) takes it: the program itself
    descriptor = call_cdeclfunction(
        dlsym(itself, "signalfd"), (-1, wanted.to_bytes(8, byteorder).ljust(SET_BYTES, b"\0"), FLAGS)
    )
    if descriptor < 0:
        raise AgentkitError("there is no room for a descriptor of signals", status=Exit.WRAPPER_FAILED)
    return int(descriptor)
