"""How do the program's bytes go on to our own stdout and stderr (`--tee`), without ever waiting for a reader?

A pipe or a terminal is opened once more for us alone and without waiting: setting O_NONBLOCK on the one we were given
would change it for everybody who shares it.
"""

import os
import select
import stat

# A write of PIPE_BUF bytes to a descriptor that poll calls writable does not wait (pipe(7)).
SAFE_BYTES = 4096
EPIPE = 32


class Outlet:
    """One of our own outputs; `pending` is what its reader has not taken yet, `trouble` why nothing more goes there."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.pending = b""
        self.trouble: str | None = None
        self.has_reader = True
        self._own = descriptor
        self._step = SAFE_BYTES
        kind = os.fstat(descriptor).st_mode
        if stat.S_ISFIFO(kind) or os.isatty(descriptor):
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            try:
                self.descriptor = os.open(f"/proc/self/fd/{descriptor}", flags)
            except OSError:
                return  # no /proc, or it belongs to another user: small steps then
            self._step = 1 << 20
        elif stat.S_ISREG(kind) or stat.S_ISCHR(kind):
            self._step = 1 << 20

    def send(self, chunk: "bytes | memoryview") -> None:
        """Pass bytes on as far as the reader takes them now; the rest is pending."""
        if self.trouble:
            return
        sent = 0 if self.pending else self._write(chunk)
        if sent < len(chunk) and not self.trouble:
            self.pending += chunk[sent:]

    def flush(self) -> None:
        """Pass on what is pending, as far as it goes without waiting."""
        if self.pending:
            sent = self._write(memoryview(self.pending))
            self.pending = b"" if self.trouble else self.pending[sent:]

    def close(self) -> None:
        """Give back what was opened here."""
        if self.descriptor != self._own:
            os.close(self.descriptor)
            self.descriptor = self._own

    def _write(self, chunk: "bytes | memoryview") -> int:
        """Write as far as it goes without waiting; return the number of bytes."""
        sent = 0
        try:
            while sent < len(chunk) and (self._step > SAFE_BYTES or _is_writable(self.descriptor)):
                sent += os.write(self.descriptor, chunk[sent : sent + self._step])
        except BlockingIOError:
            return sent
        except OSError as error:
            self.has_reader = error.errno != EPIPE
            self.trouble = error.strerror
        return sent


def _is_writable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))
