"""How do the program's bytes go on to our own stdout and stderr (`--tee`), without ever waiting for a reader?

A pipe is opened once more for us alone and without waiting: setting O_NONBLOCK on the one we were given would change it
for everybody who shares it.
"""

import os
import select
import stat

# A write of PIPE_BUF bytes to a descriptor that poll calls writable does not wait (pipe(7)).
SAFE_BYTES = 4096


class Outlet:
    """One of our own outputs; `pending` is what its reader has not taken yet, `broken` why nothing more goes there."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.pending = b""
        self.broken: OSError | None = None
        self._step = SAFE_BYTES
        kind = os.fstat(descriptor).st_mode
        if stat.S_ISFIFO(kind):
            try:
                self.descriptor = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                self._step = 1 << 20
            except OSError:
                # No /proc, or a pipe that belongs to another user: small steps then.
                self._step = SAFE_BYTES
        elif stat.S_ISREG(kind) or (stat.S_ISCHR(kind) and not os.isatty(descriptor)):
            self._step = 1 << 20

    def send(self, chunk: bytes) -> None:
        """Pass bytes on as far as the reader takes them now; the rest is pending."""
        self.pending += chunk
        self.flush()

    def flush(self) -> None:
        """Pass on what is pending, as far as it goes without waiting."""
        while self.pending and self.broken is None:
            if self._step == SAFE_BYTES and not _is_writable(self.descriptor):
                return
            try:
                sent = os.write(self.descriptor, self.pending[: self._step])
            except BlockingIOError:
                return
            except OSError as error:
                self.broken = error
                self.pending = b""
                return
            self.pending = self.pending[sent:]


def _is_writable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))
