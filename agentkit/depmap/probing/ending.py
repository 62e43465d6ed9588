"""What happens when somebody ends a probe? Whatever it runs is ended first."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class EndedBySignalError(BaseException):
    """We were asked to end; no handler of failures is to hold that up."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def ending_by_signal() -> Iterator[None]:
    """Let the signals that ask us to end raise EndedBySignalError: whatever runs is ended first."""

    def end(number: int, frame: object) -> None:  # noqa: ARG001  # as every handler
        for one in taken:
            # Ending what runs has a limit of its own, and a second Ctrl-C must not leave half of it running.
            signal.signal(one, signal.SIG_IGN)
        raise EndedBySignalError(number)

    # What nohup or the shell's & made deaf stays deaf.
    taken = [number for number in ENDING if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in taken}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
