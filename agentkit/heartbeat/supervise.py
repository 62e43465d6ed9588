"""How is the program started, watched and, at its time limit, ended with everything that it started?

Imported by the hot verbs.
"""

import _signal  # type: ignore[import-not-found]  # the C half of signal; the other half costs an import of enum
import os
import time

from agentkit.core import tree
from agentkit.core.errors import Exit
from agentkit.heartbeat.listening import Listener
from agentkit.heartbeat.signals import ENDING, PASSED_ON, Signals

TYPE_CHECKING = False  # the one of typing costs an import
if TYPE_CHECKING:
    from resource import struct_rusage

# A background child that ends right after its parent still tells how it went.
LINGER_S = 1.0
LOOK_AGAIN_S = 0.02
# What the kernel will not let die (it waits in state D) is named and left.
UNKILLABLE_S = 5.0
MOST_NAMED = 100
# ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP: what a shell calls not found. EAGAIN, ENOMEM, ENFILE, EMFILE: no room to start.
NOT_FOUND_ERRORS = (2, 20, 36, 40)
NO_ROOM_ERRORS = (11, 12, 23, 24)


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
        self.background_s: float | None = None
        self.cpu_s = 0.0
        self.max_rss_bytes = 0
        self.blocks_in = 0
        self.blocks_out = 0
        self.page_faults = 0
        self.written_bytes: int | None = None
        self.orphans: list[dict[str, object]] = []
        self.left_behind: list[dict[str, object]] = []
        self.unkillable: list[int] = []


class Supervision:
    """One program under watch: `start` it, then `finish` returns when it has ended or was ended."""

    def __init__(self, signals: Signals, *, timeout_s: float, kill_after_s: float, tee: bool) -> None:
        self._signals = signals
        self._timeout_s = timeout_s
        self._kill_after_s = kill_after_s
        self.output = Listener(signals, tee=tee)
        self.outcome = Outcome()
        self.pid = 0
        self._mark = b""
        self._elders: dict[int, int] = {}
        self._begun = 0.0
        self._has_ended = False
        self._children_left = True

    def start(self, argv: list[str], environ: dict[str, str], mark: str) -> bool:
        """Start the program in a session of its own; False when it could not be started: the outcome says why.

        `mark` is the entry (NAME=VALUE) of the environment by which all that it starts is known.
        """
        self._mark = mark.encode()
        self._elders = _find_elders()
        tree.become_subreaper()
        self._written_before = tree.children_wrote()
        self._begun = time.monotonic()
        pipes: list[int] = []
        try:
            pipes += os.pipe()
            pipes += os.pipe()
            actions = [(os.POSIX_SPAWN_DUP2, pipes[1], 1), (os.POSIX_SPAWN_DUP2, pipes[3], 2)]
            self.pid = _spawn(argv, environ, actions, self._signals.mask_before)
        except (OSError, ValueError) as error:
            self.outcome.status, self.outcome.trouble = _explain(argv[0], error)
            self._has_ended, self._children_left = True, False
        for descriptor in pipes[1::2] if self.pid else pipes:
            os.close(descriptor)
        if self.pid:
            self.output.listen_to(pipes[0], pipes[2])
        return self.pid != 0

    def finish(self) -> Outcome:
        """Wait for the end of the program, at most until its time limit and the end of its tree."""
        outcome = self.outcome
        deadline = self._begun + self._timeout_s
        self._take_signals()
        while self._runs():
            if outcome.sent and not outcome.timed_out:
                deadline = min(deadline, self._asked_at + self._kill_after_s)
            rest = deadline - time.monotonic()
            if rest > 0:
                if self.output.wait(rest):
                    self._take_signals()
                continue
            # We ourselves may have been stopped or kept waiting past the limit, the program had ended before.
            self._take_signals()
            if self._is_ending() or not self._runs():
                break
            outcome.timed_out = True
            tree.ask_to_end(self._find_members())
            deadline = time.monotonic() + self._kill_after_s
        if self._is_ending():
            self._end_everything(deadline)
        else:
            self._linger()
            deadline = self._begun + self._timeout_s
        written = tree.children_wrote()
        if written is not None and self._written_before is not None:
            outcome.written_bytes = written - self._written_before
        self.output.drain()
        outcome.undelivered = self.output.flush_all(deadline - time.monotonic())
        self.output.close()
        return outcome

    def finish_plainly(self) -> Outcome:
        """Wait for the end after a fault of ours: nothing is measured any more, the time limit holds all the same."""
        deadline = self._begun + self._timeout_s
        while self._runs() and self.outcome.sent is None and time.monotonic() < deadline:
            self.output.drop()
            self._take_signals()
            time.sleep(LOOK_AGAIN_S)
        if self._runs():
            self.outcome.timed_out = self.outcome.sent is None
            self._end_everything(time.monotonic())
        return self.outcome

    def _runs(self) -> bool:
        return not self._has_ended

    def _is_ending(self) -> bool:
        return self.outcome.timed_out or self.outcome.sent is not None

    def _take_signals(self) -> None:
        """Reap what ended and pass on what we were sent, as long as the program runs."""
        numbers = self._signals.take()
        self._reap()
        for number in numbers:
            if number not in PASSED_ON or self._has_ended:
                continue
            if number in ENDING and self.outcome.sent is None:
                self.outcome.sent = number
                self._asked_at = time.monotonic()
            try:
                os.killpg(self.pid, number)
            except OSError:
                continue  # it ended a moment ago, or became another user: then only its time limit ends it

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
            if pid not in self._elders:
                self._add_use(used)

    def _add_use(self, used: "struct_rusage") -> None:
        # What an orphan did is the job's work too: `work & exit 0` has done nothing by itself.
        outcome = self.outcome
        outcome.cpu_s += used.ru_utime + used.ru_stime
        outcome.max_rss_bytes = max(outcome.max_rss_bytes, used.ru_maxrss * 1024)
        outcome.blocks_in += used.ru_inblock
        outcome.blocks_out += used.ru_oublock
        outcome.page_faults += used.ru_minflt + used.ru_majflt

    def _note_end(self, pid: int, status: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        as_shell = code if code >= 0 else 128 - code
        if pid == self.pid:
            self._has_ended = True
            self.outcome.duration_s = time.monotonic() - self._begun
            self.outcome.status = as_shell
            self.outcome.signal = -code if code < 0 else None
        elif pid not in self._elders and len(self.outcome.orphans) < MOST_NAMED:
            self.outcome.orphans.append({"pid": pid, "status": as_shell})

    def _end_everything(self, deadline: float) -> None:
        """Give the rest of the tree until the deadline, then kill what is left of it."""
        self._attend(deadline)
        if self._has_members():
            self.outcome.unkillable = tree.end_all(self._find_to_end, grace_s=0, limit_s=UNKILLABLE_S)
        self._reap()
        if not self._has_ended:
            self.outcome.duration_s = time.monotonic() - self._begun
            self.outcome.status, self.outcome.signal = Exit.SIGNAL_BASE + _signal.SIGKILL, int(_signal.SIGKILL)

    def _linger(self) -> None:
        """See how background children end that end at once; name those that stay."""
        self._reap()
        self._attend(time.monotonic() + LINGER_S)
        if self.outcome.orphans or self._has_members():
            self.outcome.background_s = time.monotonic() - self._begun
        if self._has_members():
            for pid in list(self._find_members())[:MOST_NAMED]:
                left: dict[str, object] = {"pid": pid, "argv0": tree.argv0(pid)}
                locks = tree.held_locks(pid)
                if locks:
                    left["locks"] = locks
                self.outcome.left_behind.append(left)

    def _has_members(self) -> bool:
        return self._children_left and (not self._elders or bool(self._find_members()))

    def _find_members(self) -> dict[int, int]:
        found = tree.find_descendants(os.getpid())
        return {pid: start for pid, start in found.items() if self._elders.get(pid) != start}

    def _find_to_end(self) -> dict[int, int]:
        """Return what is to be killed, after reaping what was: where we are no subreaper, the mark finds the rest."""
        self._reap()
        return {**self._find_members(), **tree.find_marked(self._mark)}

    def _attend(self, deadline: float) -> None:
        """Go on listening and reaping until nothing of the program is left or the deadline is over."""
        while self._has_members() and (rest := deadline - time.monotonic()) > 0:
            if self.output.wait(rest):
                self._take_signals()


def _find_elders() -> dict[int, int]:
    """Return the children that we had before: `sh -c 'this & agentkit …'` may hand us some, and so may a retry."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return {}
    me = os.getpid()
    dead = {pid: start for pid in tree.list_children(me) if (start := tree.process_start(pid)) is not None}
    return {**dead, **tree.find_descendants(me)}


def _spawn(argv: list[str], environ: dict[str, str], actions: list[tuple[int, int, int]], mask: set[int]) -> int:
    # Python ignores these two; a program expects them as the kernel made them.
    default = [_signal.SIGPIPE, _signal.SIGXFSZ]
    if not argv[0]:
        raise FileNotFoundError(2, "No such file or directory")
    try:
        return os.posix_spawnp(
            argv[0], argv, environ, file_actions=actions, setsid=True, setsigmask=mask, setsigdef=default
        )
    except OSError as error:
        if error.errno != 8:
            raise
    # ENOEXEC: a script without its first line is run by sh, as every shell does.
    import shutil

    path = argv[0] if "/" in argv[0] else shutil.which(argv[0], path=environ.get("PATH")) or argv[0]
    return _spawn(["/bin/sh", path, *argv[1:]], environ, actions, mask)


def _explain(program: str, error: OSError | ValueError) -> tuple[int, str]:
    """Return the status of a program that could not be started, as a shell gives it (POSIX.1, 2.8.2), and why."""
    if not isinstance(error, OSError):
        return Exit.WRAPPER_FAILED, f"{program}: could not be started ({error})"
    if error.errno in NO_ROOM_ERRORS:
        return Exit.WRAPPER_FAILED, f"{program}: could not be started ({error.strerror})"
    return Exit.NOT_FOUND if error.errno in NOT_FOUND_ERRORS else Exit.NOT_EXECUTABLE, f"{program}: {error.strerror}"
