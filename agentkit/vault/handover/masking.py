"""How does a program run so that no value of its secrets gets out in what it prints?

Its parent stays: stdout and stderr come through pipes and a masker each, signals are passed on, and in the end this
process ends as the program did. The program stays in our process group and session, so a terminal's own signals reach
it without us.
"""

import _signal  # type: ignore[import-not-found]  # the C half of signal; the other half costs an import of enum
import os
import select
import time
from _collections_abc import Callable, Mapping

from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.tree import die_with_parent
from agentkit.vault.handover.delivery import reserve_descriptors
from agentkit.vault.handover.outflow import Outflow
from agentkit.vault.handover.programfile import become
from agentkit.vault.handover.signalfile import SignalFile, act_on
from agentkit.vault.redaction.masker import Masker

READ_BYTES = 65536
MOST_LEFT_BYTES = 1 << 20
# What the program left running may hold its output open for ever; this long it may still write into it.
LINGER_S = 2.0
STOPS = (_signal.SIGTSTP, _signal.SIGTTIN, _signal.SIGTTOU)
NOTE_BYTES = 4096

Values = list[tuple[str, bytes]]


class Program:
    """What is to be run: the file, the words and the environment; `descriptors` are those with secrets in them."""

    __slots__ = ("descriptors", "environ", "path", "words")

    def __init__(
        self, path: str, words: "list[str]", environ: "Mapping[str, str | bytes]", descriptors: "list[int]"
    ) -> None:
        self.path = path
        self.words = words
        self.environ = environ
        self.descriptors = descriptors


class Stream:
    """One output of the program on its way through a masker to one of ours."""

    __slots__ = ("_masker", "is_open", "outflow", "reading")

    def __init__(self, reading: int, output: int, values: Values) -> None:
        os.set_blocking(reading, False)
        self.reading = reading
        self.is_open = True
        self.outflow = Outflow(output)
        self._masker = Masker(values)

    def take(self) -> int:
        """Read once and pass on; return how many bytes came."""
        try:
            chunk = os.read(self.reading, READ_BYTES)
        except BlockingIOError:
            return 0
        if not chunk:
            self.end()
            return 0
        self.outflow.send(_mask(self._masker.feed, chunk))
        self.drop_unread()
        return len(chunk)

    def end(self) -> None:
        """Pass on what the masker has held back, and read nothing more."""
        if self.is_open:
            self.close()
            self.outflow.send(_mask(self._masker.close))

    def drop_unread(self) -> None:
        """Stop reading where nobody takes it any more: the program shall learn it by SIGPIPE, as without us."""
        if self.outflow.trouble:
            self.close()

    def close(self) -> None:
        """Give the reading end back."""
        if self.is_open:
            self.is_open = False
            os.close(self.reading)


def run_masked(program: Program, values: Values) -> int:
    """Run the program and return its status; where a signal ended it, this process ends by that signal as well.

    Raises AgentkitError where it could not be started.
    """
    supervision = Supervision(program, values)
    try:
        supervision.attend()
    finally:
        supervision.close()
    return supervision.conclude()


class Supervision:
    """One program that runs, and what comes out of it."""

    def __init__(self, program: Program, values: Values) -> None:
        self.program = program
        self.code: int | None = None
        self.signals = SignalFile()
        self.streams: list[Stream] = []
        theirs: list[int] = []
        try:
            for output in (1, 2):
                reading, writing = os.pipe()
                theirs.append(writing)
                self.streams.append(Stream(reading, output, values))
            self._notes, writing = os.pipe()
            theirs.append(writing)
            parent = os.getpid()
            self.pid = os.fork()
            if self.pid == 0:
                try:
                    _become_child(program, self.signals, theirs, parent)
                finally:
                    # Whatever happens: the child of a fork never goes back into the code of its parent.
                    os._exit(Exit.WRAPPER_FAILED)
        except OSError:
            self.close()
            raise
        finally:
            for writing in theirs:
                os.close(writing)
        # What was for the program is with the program now; its stdin is the program's alone, too.
        reserve_descriptors(sorted({0, *program.descriptors}))

    def attend(self) -> None:
        """Pass on what comes until the program has ended and all of its output is where it belongs."""
        due = 0.0
        while self.code is None or any(stream.is_open or stream.outflow.pending for stream in self.streams):
            if self.code is not None:
                due = due or time.monotonic() + LINGER_S
                if time.monotonic() >= due:
                    self._stop_reading()
                    due = float("inf")
                    continue
            ready = self._wait(due)
            if self.signals.descriptor in ready and self._take_signals():
                return
            for stream in self.streams:
                if stream.outflow.pending and stream.outflow.descriptor in ready:
                    stream.outflow.flush()
                    stream.drop_unread()
                elif stream.is_open and stream.reading in ready:
                    stream.take()

    def _wait(self, due: float) -> "set[int]":
        """Return the descriptors at which something can be done now."""
        poll = select.poll()
        poll.register(self.signals.descriptor, select.POLLIN)
        for stream in self.streams:
            if stream.outflow.pending:
                # A slow reader of ours slows the program down, as it would without us.
                poll.register(stream.outflow.descriptor, select.POLLOUT)
            elif stream.is_open:
                poll.register(stream.reading, select.POLLIN)
        limit_ms = None if due in (0.0, float("inf")) else max(due - time.monotonic(), 0.0) * 1000 + 1
        return {descriptor for descriptor, _ in poll.poll(limit_ms)}

    def _take_signals(self) -> bool:
        """Reap the program and pass on what we were sent; tell whether nobody wants to wait for us any more."""
        arrived = self.signals.take()
        self._reap()
        for number, is_kernels in arrived:
            if number == _signal.SIGCHLD:
                continue
            if self.code is not None:
                if number in self.signals.ending:
                    return True
                if number == _signal.SIGTSTP:
                    act_on(number)
                continue
            # What a terminal sends goes to its whole foreground. Only a hangup comes to the leader of a session alone.
            if not is_kernels or (number == _signal.SIGHUP and os.getsid(0) == os.getpid()):
                os.kill(self.pid, number)
        return False

    def _reap(self) -> None:
        while self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
            if not pid:
                return
            if os.WIFSTOPPED(status):
                # The shell that waits for us has to learn that its job is stopped; who wakes the job wakes us both.
                if os.WSTOPSIG(status) in STOPS:
                    act_on(os.WSTOPSIG(status))
            else:
                self.code = os.waitstatus_to_exitcode(status)

    def _stop_reading(self) -> None:
        """Take what is there now and no more: whoever still holds the other end may write for ever."""
        if not any(stream.is_open for stream in self.streams):
            return
        for stream in self.streams:
            left = MOST_LEFT_BYTES
            while stream.is_open and left > 0 and (size := stream.take()):
                left -= size
            stream.end()
        tell(
            f"agentkit: warning: {self.program.words[0]}: what it left running still holds its output;"
            " what that writes from now on is lost\n"
        )

    def close(self) -> None:
        """Read nothing more."""
        for stream in self.streams:
            stream.close()

    def conclude(self) -> int:
        """End as the program did: by its signal, or with its status."""
        note = os.read(self._notes, NOTE_BYTES)
        if note:
            status, _, message = note.decode("utf-8", "replace").partition(" ")
            raise AgentkitError(message, status=int(status))
        code = self.code or 0
        for stream in self.streams:
            if stream.outflow.trouble and stream.outflow.has_reader:
                tell(f"agentkit: error: its output could not be passed on: {stream.outflow.trouble}\n")
                code = code or Exit.CANNOT_WRITE
        if code < 0:
            act_on(-code)
            return Exit.SIGNAL_BASE - code
        return code


def _become_child(program: Program, signals: SignalFile, outputs: "list[int]", parent: int) -> None:
    die_with_parent()
    if os.getppid() != parent:
        return
    os.dup2(outputs[0], 1)
    os.dup2(outputs[1], 2)
    signals.restore()
    failure = become(program.path, program.words, program.environ)
    os.write(outputs[2], f"{failure.status} {failure.message}".encode("utf-8", "backslashreplace")[:NOTE_BYTES])


def _mask(step: "Callable[..., bytes]", *chunk: bytes) -> bytes:
    try:
        return step(*chunk)
    except Exception as error:  # noqa: BLE001  # its words may hold a value: only its kind gets out
        kind = type(error).__name__
    raise AgentkitError(f"the output could not be masked, by a bug in agentkit: {kind}", status=Exit.INTERNAL)
