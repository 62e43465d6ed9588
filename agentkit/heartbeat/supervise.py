"""How is the program started, watched and, at its time limit, ended with everything that it started?

Imported by the hot verbs.
"""

import _signal
import os
import time

from agentkit.core.tree import argv0, become_subreaper, end_tree, find_descendants, held_locks, send_signal
from agentkit.heartbeat.listening import Listener

# A background child that ends right after its parent still tells how it went.
LINGER_S = 1.0
# What the kernel will not let die (it waits in state D) is named and left.
UNKILLABLE_S = 5.0
MOST_NAMED = 100
ENDING = (_signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGTERM)
PASSED_ON = (*ENDING, _signal.SIGUSR1, _signal.SIGUSR2)


class Outcome:
    """What came of one start of the program; statuses as a shell gives them, sizes in bytes, blocks of 512 bytes."""

    def __init__(self) -> None:
        self.status = 0
        self.signal: int | None = None
        self.timed_out = False
        self.sent: int | None = None
        self.trouble: str | None = None
        self.undelivered: str | None = None
        self.duration_s = 0.0
        self.cpu_s = 0.0
        self.max_rss_bytes = 0
        self.blocks_in = 0
        self.blocks_out = 0
        self.orphans: list[dict[str, object]] = []
        self.left_behind: list[dict[str, object]] = []
        self.unkillable: list[int] = []


class Supervision:
    """One program under watch: `start` it, then `finish` returns when it has ended or was ended."""

    def __init__(self, *, timeout_s: float, kill_after_s: float, tee: bool) -> None:
        self._timeout_s = timeout_s
        self._kill_after_s = kill_after_s
        self._wake, self._woken_by = _catch_signals()
        self.output = Listener(self._wake, tee=tee)
        self.outcome = Outcome()
        self.pid = 0
        self._mark = b""
        self._has_ended = False
        self._children_left = True

    def start(self, argv: list[str], environ: dict[str, str], mark: str) -> bool:
        """Start the program in a session of its own; False when it cannot be executed: the outcome says why.

        `mark` is the entry (NAME=VALUE) of the environment by which all that it starts is known.
        """
        self._mark = mark.encode()
        self._elders = _find_elders()
        become_subreaper()
        from_out, to_out = os.pipe()
        from_err, to_err = os.pipe()
        self._begun = time.monotonic()
        try:
            self.pid = _spawn(argv, environ, [(os.POSIX_SPAWN_DUP2, to_out, 1), (os.POSIX_SPAWN_DUP2, to_err, 2)])
        except OSError as error:
            # As a shell: 127 is not found, 126 is found and cannot be executed (POSIX.1, 2.8.2).
            self.outcome.status = 127 if error.errno in (2, 20) else 126
            self.outcome.trouble = f"{argv[0]}: {error.strerror}"
            self._has_ended, self._children_left = True, False
        os.close(to_out)
        os.close(to_err)
        self.output.listen_to(from_out, from_err)
        return self.pid != 0

    def finish(self) -> Outcome:
        """Wait for the end of the program, at most until its time limit and the end of its tree."""
        outcome = self.outcome
        deadline = self._begun + self._timeout_s
        while not self._has_ended:
            rest = deadline - time.monotonic()
            if rest > 0:
                if self.output.wait(rest) and self._take_signals():
                    deadline = min(deadline, time.monotonic() + self._kill_after_s)
            elif self._is_ending():
                break
            else:
                outcome.timed_out = True
                _ask_to_end(self._find_members())
                deadline = time.monotonic() + self._kill_after_s
        if self._is_ending():
            self._end_everything(deadline)
        else:
            self._linger()
        outcome.duration_s = time.monotonic() - self._begun
        self.output.drain()
        _signal.set_wakeup_fd(-1)
        os.close(self._wake)
        os.close(self._woken_by)
        outcome.undelivered = self.output.flush_all(self._begun + self._timeout_s - time.monotonic())
        return outcome

    def _is_ending(self) -> bool:
        return self.outcome.timed_out or self.outcome.sent is not None

    def _take_signals(self) -> bool:
        """Reap what ended and pass on what we were sent; tell whether we are asked, for the first time, to end."""
        asked = False
        try:
            numbers = os.read(self._wake, 4096)
        except BlockingIOError:
            return False
        for number in numbers:
            if number in PASSED_ON and self.pid and not self._has_ended:
                try:
                    os.killpg(self.pid, number)
                except ProcessLookupError:
                    pass  # it ended a moment ago and is about to be reaped
            if number in ENDING and self.outcome.sent is None:
                self.outcome.sent = number
                asked = True
        self._reap()
        return asked

    def _reap(self) -> None:
        """Take the program's end with its use of resources and, as the subreaper, the end of every orphan."""
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                self._children_left = False
                return
            if pid == 0:
                return
            self._note_end(pid, status)
            if pid == self.pid:
                self.outcome.cpu_s = used.ru_utime + used.ru_stime
                self.outcome.max_rss_bytes = used.ru_maxrss * 1024
                self.outcome.blocks_in = used.ru_inblock
                self.outcome.blocks_out = used.ru_oublock

    def _note_end(self, pid: int, status: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        as_shell = code if code >= 0 else 128 - code
        if pid == self.pid:
            self._has_ended = True
            self.outcome.status = as_shell
            self.outcome.signal = -code if code < 0 else None
        elif len(self.outcome.orphans) < MOST_NAMED:
            self.outcome.orphans.append({"pid": pid, "status": as_shell})

    def _end_everything(self, deadline: float) -> None:
        """Give the rest of the tree until the deadline, then kill what is left of it."""
        self._attend(deadline)
        if self._children_left:
            root = self.pid if self._elders else os.getpid()
            unkillable = end_tree(
                root, grace_s=0, limit_s=UNKILLABLE_S, mark=self._mark, on_reaped=self._note_end
            )
            self.outcome.unkillable = unkillable
            self._reap()
        if not self._has_ended:
            self.outcome.status, self.outcome.signal = 128 + _signal.SIGKILL, int(_signal.SIGKILL)

    def _linger(self) -> None:
        """See how background children end that end at once; name those that stay."""
        self._reap()
        if not self._children_left:
            return
        self._attend(time.monotonic() + LINGER_S)
        if self._children_left:
            for pid in list(self._find_members())[:MOST_NAMED]:
                left: dict[str, object] = {"pid": pid, "argv0": argv0(pid)}
                locks = held_locks(pid)
                if locks:
                    left["locks"] = locks
                self.outcome.left_behind.append(left)

    def _find_members(self) -> dict[int, int]:
        found = find_descendants(os.getpid())
        return {pid: start for pid, start in found.items() if self._elders.get(pid) != start}

    def _attend(self, deadline: float) -> None:
        """Go on listening and reaping until no child is left or the deadline is over."""
        while self._children_left and (rest := deadline - time.monotonic()) > 0:
            if self.output.wait(rest):
                self._take_signals()


def _catch_signals() -> tuple[int, int]:
    """Let every signal of interest announce itself on a descriptor; return its end to read and its end to write."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    _signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    _signal.signal(_signal.SIGCHLD, _note)
    for number in PASSED_ON:
        # What nohup or the shell's & made deaf stays deaf, for us and for the program.
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, _note)
    return reading, writing


def _note(number: int, frame: object) -> None:
    """Do nothing: the number comes through the wakeup descriptor."""


def _find_elders() -> dict[int, int]:
    """Return the children that we had before: `sh -c 'this & agentkit …'` may hand us some, and so may a retry."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return {}
    return find_descendants(os.getpid())


def _ask_to_end(processes: dict[int, int]) -> None:
    # A stopped process acts on TERM only when it is continued.
    for pid, start in processes.items():
        send_signal(pid, start, _signal.SIGTERM)
        send_signal(pid, start, _signal.SIGCONT)


def _spawn(argv: list[str], environ: dict[str, str], actions: list[tuple[int, int, int]]) -> int:
    # Python ignores these two; a program expects them as the kernel made them.
    default = [_signal.SIGPIPE, _signal.SIGXFSZ]
    try:
        return os.posix_spawnp(argv[0], argv, environ, file_actions=actions, setsid=True, setsigdef=default)
    except OSError as error:
        if error.errno != 8:
            raise
    # ENOEXEC: a script without its first line is run by sh, as every shell does.
    import shutil

    path = argv[0] if "/" in argv[0] else shutil.which(argv[0], path=environ.get("PATH")) or argv[0]
    script = ["/bin/sh", path, *argv[1:]]
    return os.posix_spawn(script[0], script, environ, file_actions=actions, setsid=True, setsigdef=default)
