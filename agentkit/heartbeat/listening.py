"""What comes out of the program while it runs, in one poll loop that never waits without a limit?

Imported by the hot verbs. Output is measured as it comes and, with `--tee`, passed on; a slow reader of ours slows the
program down as it would without us.
"""

import fcntl
import os
import select
import time

from agentkit.heartbeat.measure import HEAD_BYTES, Stream, Tail
from agentkit.heartbeat.signals import Signals

TYPE_CHECKING = False  # the one of typing costs an import
if TYPE_CHECKING:
    from agentkit.heartbeat.passing import Outlet
    from agentkit.heartbeat.searching import Search

READ_BYTES = 65536
BULK_BYTES = 262144
WIDE_PIPE_BYTES = 1 << 20
F_SETPIPE_SZ = 1031  # include/uapi/linux/fcntl.h
LONGEST_POLL_S = 3600.0


class Listener:
    """Both outputs of a program, and the descriptor on which signals announce themselves."""

    def __init__(self, signals: Signals, *, tee: bool) -> None:
        self.stdout = Stream(with_digest=True)
        self.stderr = Stream(with_digest=False)
        self.tail = Tail()
        self.search: Search | None = None
        self.trouble: str | None = None
        self._signals = signals
        self._poll = select.poll()
        self._poll.register(signals.descriptor, select.POLLIN)
        self._streams: dict[int, Stream] = {}
        self._outlets: dict[int, Outlet] = {}
        self._ours: list[Outlet] = _open_outlets() if tee else []
        self._buffer: bytearray | None = None

    def listen_to(self, from_out: int, from_err: int) -> None:
        """Take over the reading ends of the program's stdout and stderr."""
        for descriptor, stream in ((from_out, self.stdout), (from_err, self.stderr)):
            os.set_blocking(descriptor, False)
            self._streams[descriptor] = stream
            self._poll.register(descriptor, select.POLLIN)
        if self._ours:
            self._outlets = {from_out: self._ours[0], from_err: self._ours[1]}

    def wait(self, limit_s: float) -> bool:
        """Take what comes within the limit, one round; tell whether a signal came."""
        signalled = False
        for descriptor, _ in self._poll.poll(min(limit_s, LONGEST_POLL_S) * 1000 + 1):
            if descriptor == self._signals.descriptor:
                signalled = True
            elif descriptor in self._streams:
                self._take(descriptor)
            else:
                self._flush(descriptor)
        return signalled

    def drain(self) -> None:
        """Take what is in the pipes now: whoever still holds their other ends may write for ever."""
        for descriptor in list(self._streams):
            for _ in range(WIDE_PIPE_BYTES // READ_BYTES + 1):
                if not self._take(descriptor):
                    break

    def flush_all(self, limit_s: float) -> str | None:
        """Wait for slow readers of our own outputs within the limit; return why bytes could not be passed on."""
        deadline = time.monotonic() + limit_s
        for outlet in self._ours:
            poll = select.poll()
            poll.register(outlet.descriptor, select.POLLOUT)
            poll.register(self._signals.descriptor, select.POLLIN)
            is_asked = False
            while outlet.pending and not is_asked and (rest := deadline - time.monotonic()) > 0:
                poll.poll(min(rest, LONGEST_POLL_S) * 1000 + 1)
                outlet.flush()
                is_asked = self._signals.take_asked()
        for outlet in self._ours:
            if outlet.pending:
                return "its reader took nothing more"
            if outlet.trouble and outlet.has_reader:
                return outlet.trouble
        return None

    def drop(self) -> None:
        """Read what there is and forget it: after a fault of ours the program must not wait for us."""
        for descriptor in self._streams:
            try:
                for _ in range(WIDE_PIPE_BYTES // READ_BYTES):
                    os.read(descriptor, READ_BYTES)
            except OSError:
                continue  # nothing now

    def close(self) -> None:
        """Give back every descriptor."""
        for descriptor in list(self._streams):
            self._close(descriptor)
        for outlet in self._ours:
            outlet.close()

    def _take(self, descriptor: int) -> bool:
        """Read once; False when there is nothing now, or nothing more."""
        stream = self._streams[descriptor]
        chunk: bytes | bytearray
        try:
            if stream.bytes > HEAD_BYTES:
                chunk = self._buffer or self._widen()
                size = os.readv(descriptor, [chunk])
            else:
                chunk = os.read(descriptor, READ_BYTES)
                size = len(chunk)
        except BlockingIOError:
            return False
        if size == 0:
            self._close(descriptor)
            return False
        if self.trouble is None:
            try:
                if self.search and stream.bytes + size > HEAD_BYTES:
                    self.search.add(stream, stream.head, memoryview(chunk)[:size])
                stream.add(chunk, size)
                self.tail.add(chunk, size)
            except Exception as error:  # noqa: BLE001  # what cannot be measured is read all the same: the job goes on
                self.trouble = f"its output could not be measured ({type(error).__name__}: {error})"
        return not self._outlets or self._pass_on(descriptor, memoryview(chunk)[:size])

    def _pass_on(self, descriptor: int, chunk: memoryview) -> bool:
        outlet = self._outlets[descriptor]
        was_pending = bool(outlet.pending)
        outlet.send(chunk)
        if not outlet.has_reader:
            # Nobody reads us any more: the program shall learn it as it would without us, by SIGPIPE.
            self._close(descriptor)
            return False
        if outlet.pending and not was_pending:
            self._poll.unregister(descriptor)
            self._poll.register(outlet.descriptor, select.POLLOUT)
        return True

    def _flush(self, outlet_descriptor: int) -> None:
        for descriptor, outlet in self._outlets.items():
            if outlet.descriptor == outlet_descriptor:
                outlet.flush()
                if not outlet.pending:
                    self._poll.unregister(outlet_descriptor)
                    if not outlet.has_reader and descriptor in self._streams:
                        self._close(descriptor)
                    elif descriptor in self._streams:
                        self._poll.register(descriptor, select.POLLIN)

    def _widen(self) -> bytearray:
        """Much output: one buffer for all reads, and wider pipes where they may be."""
        self._buffer = bytearray(BULK_BYTES)
        for descriptor in (*self._streams, *(outlet.descriptor for outlet in self._ours)):
            try:
                fcntl.fcntl(descriptor, F_SETPIPE_SZ, WIDE_PIPE_BYTES)
            except OSError:
                continue  # no pipe, or the user's share of pipe memory is used up
        return self._buffer

    def _close(self, descriptor: int) -> None:
        try:
            self._poll.unregister(descriptor)
        except KeyError:
            pass  # it was held back for a slow reader
        os.close(descriptor)
        del self._streams[descriptor]


def _open_outlets() -> "list[Outlet]":
    from agentkit.heartbeat.passing import Outlet

    return [Outlet(1), Outlet(2)]
