"""Which signals came to this process, and was it asked to end?

Imported by the hot verbs. Every wait of a run ends when a signal comes: it announces itself on a descriptor.
"""

import _signal  # type: ignore[import-not-found]  # the C half of signal; the other half costs an import of enum
import os
import select

ENDING = (_signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGTERM)
PASSED_ON = (*ENDING, _signal.SIGUSR1, _signal.SIGUSR2)


class Signals:
    """The signals of one run, from before its lock until after its last record."""

    def __init__(self) -> None:
        """Let every signal of interest announce itself; raises OSError when no descriptor is left."""
        self.asked_by: int | None = None
        self.descriptor, self._writing = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._writing, False)
        _signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        _signal.signal(_signal.SIGCHLD, _note)
        for number in PASSED_ON:
            # What nohup or the shell's & made deaf stays deaf, for us and for the program.
            if _signal.getsignal(number) != _signal.SIG_IGN:
                _signal.signal(number, _note)
        # A caller that blocked SIGCHLD would leave us waiting for ever; the program gets the mask as it was.
        self.mask_before = _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_signal.SIGCHLD, *PASSED_ON))

    def take(self) -> bytes:
        """Return the numbers of the signals that came since they were last taken."""
        try:
            numbers = os.read(self.descriptor, 4096)
        except BlockingIOError:
            return b""
        for number in numbers:
            if number in ENDING and self.asked_by is None:
                self.asked_by = number
        return numbers

    def take_asked(self) -> bool:
        """Tell whether one of the signals that came since the last look asks us to end."""
        return any(number in ENDING for number in self.take())

    def wait(self, limit_s: float) -> bool:
        """Wait until we are asked to end, or the limit is over; tell whether we were asked, now or before."""
        from time import monotonic

        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        deadline = monotonic() + limit_s
        self.take()
        while self.asked_by is None and (rest := deadline - monotonic()) > 0:
            poll.poll(min(rest, 3600.0) * 1000 + 1)
            self.take()
        return self.asked_by is not None


def _note(number: int, frame: object) -> None:
    """Do nothing: the number comes through the descriptor."""
