"""How do masked bytes go on to our own stdout and stderr, without ever waiting for a reader?

A pipe or a terminal is opened once more for us alone and without waiting: setting O_NONBLOCK on the one we were given
would change it for everybody who shares it. Imported by the hot verbs.
"""

import errno
import os
import select

# A write of PIPE_BUF bytes to a descriptor that poll calls writable does not wait (pipe(7)).
SAFE_BYTES = 4096
LARGE_BYTES = 1 << 20
KIND_MASK, FIFO, REGULAR = 0o170000, 0o010000, 0o100000


class Outflow:
    """One of our own outputs; `pending` is what its reader has not taken yet, `trouble` why nothing more goes there."""

    __slots__ = ("_step", "descriptor", "has_reader", "pending", "trouble")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.pending = b""
        self.trouble: str | None = None
        self.has_reader = True
        self._step = SAFE_BYTES
        kind = os.fstat(descriptor).st_mode & KIND_MASK
        if kind == FIFO or os.isatty(descriptor):
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            try:
                self.descriptor = os.open(f"/proc/self/fd/{descriptor}", flags)
            except OSError:
                return  # no /proc, or it belongs to another user: small steps then
            self._step = LARGE_BYTES
        elif kind == REGULAR:
            self._step = LARGE_BYTES

    def send(self, chunk: bytes) -> None:
        """Pass bytes on as far as the reader takes them now; the rest is pending."""
        if not self.trouble:
            self.pending += chunk
            self.flush()

    def flush(self) -> None:
        """Pass on what is pending, as far as it goes without waiting."""
        view = memoryview(self.pending)
        try:
            while view and (self._step > SAFE_BYTES or self._is_writable()):
                view = view[os.write(self.descriptor, view[: self._step]) :]
        except BlockingIOError:
            pass  # the reader is slow
        except OSError as error:
            self.has_reader = error.errno != errno.EPIPE
            self.trouble = error.strerror
            view = view[:0]
        self.pending = bytes(view)

    def _is_writable(self) -> bool:
        poll = select.poll()
        poll.register(self.descriptor, select.POLLOUT)
        return bool(poll.poll(0))
