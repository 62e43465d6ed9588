"""How is a program run so that it cannot hang its caller: a time limit, its whole tree ended, its output bounded?"""

import _signal  # type: ignore[import-not-found]  # signal itself makes enum members of each of 64 numbers, at each start
import math
import mmap
import os
import select
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Self

from agentkit.core import tree
from agentkit.core.crowd import Crowd
from agentkit.core.errors import Exit
from agentkit.core.launch import NOTE_BYTES, read_trouble, start_program
from agentkit.core.program import Ended, Program
from agentkit.core.running import Running
from agentkit.core.strays import MARK_NAME, Strays

__all__ = ["Ended", "Program", "run_program", "run_programs"]

# After the limit: SIGKILL at the latest, and when what lives yet is given up. The bound that is told is 0.5 s.
LONGEST_GRACE_S = 0.3
GIVE_UP_S = 0.45
# SIGKILL gets this long to work even when the machine is so busy that everything else came late.
SHORTEST_KILL_S = 0.05
# Whoever waits in the kernel this long after it will not hear it either; who only had no processor yet will.
DEAF_S = 0.15
TICK_S = 0.02
SHORTEST_TICK_S = 0.001
LONGEST_PAUSE_S = 60.0
# So often a caller that wants to is told that it still goes on.
TELL_S = 0.1
# Between the starts of many, those that run already are looked after.
STARTS_AT_A_TIME = 8
NOTES_AT_A_TIME = 2048

Follow = Callable[[int, Ended], Iterable[Program]]


def run_program(program: Program, *, tell: Callable[[], None] | None = None) -> Ended:
    """Run one program and return how it ended, at the latest 0.5 s after its limit; `tell` as in `run_programs`."""
    return run_programs([program], tell=tell)[0]


def run_programs(
    programs: Iterable[Program],
    *,
    at_once: int = 64,
    computing: int | None = None,
    limit: timedelta | None = None,
    tell: Callable[[], None] | None = None,
    follow: Follow | None = None,
) -> list[Ended]:
    """Run programs side by side, `at_once` at a time, and return how they ended, in their order.

    A few at a time begin, `computing` of them: the next ones start when those wait for something and need no processor;
    without it some for each processor. `follow` is called with the number of each program (from 0, in their order) and
    how it ended, as soon as it has; the programs that it returns are run as well and get the next numbers.

    `limit` holds for all together: what runs then is ended as at its own limit, what waits then is not started.
    `tell` is called when they have been started, and ten times a second meanwhile.
    No process that was there before is touched. It is meant for a process in which no other thread starts programs
    that found sessions, for whatever comes to this process meanwhile and belongs to no program is ended as well.
    """
    wanted = list(programs)
    if not wanted:
        return []
    if at_once < 1 or (computing is not None and computing < 1):
        raise ValueError("at least one program has to run at a time")
    with _Round(wanted, Crowd(computing), at_once=at_once, limit=limit, tell=tell, follow=follow) as all_of_them:
        return all_of_them.run()


class _Round:
    """One call of `run_programs`; owns every descriptor and process of it."""

    def __init__(
        self,
        programs: list[Program],
        crowd: Crowd,
        *,
        at_once: int,
        limit: timedelta | None,
        tell: Callable[[], None] | None,
        follow: Follow | None,
    ) -> None:
        self._programs = programs
        self._at_once = at_once
        self._tell = tell
        self._tell_at = -math.inf
        self._follow = follow
        self._due = math.inf if limit is None else time.monotonic() + limit.total_seconds()
        self._waiting = deque(range(len(programs)))
        self._running: dict[int, Running] = {}
        self._ended: dict[int, Ended] = {}
        self._crowd = crowd
        self._start_pause_s = SHORTEST_TICK_S
        self._readers: dict[int, Running] = {}
        self._poll = select.poll()
        # Where the caller has closed 0, 1 or 2, no pipe may take the number: stray prints would go into it.
        self._guards = _fill_standard_descriptors()
        self._notes: list[mmap.mmap] = []
        self._strays = Strays()
        self._was_deaf = _hear_of_children(_signal.SIG_IGN, _signal.SIG_DFL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """End what still lives (only after an error does any program) and give everything back."""
        try:
            tree.end_all(self._find_everything, grace_s=0.0 if self._running else LONGEST_GRACE_S, limit_s=GIVE_UP_S)
        finally:
            for running in self._running.values():
                running.close()
            self._strays.close()
            for notes in self._notes:
                notes.close()
            for descriptor in self._guards:
                os.close(descriptor)
            if self._was_deaf:
                _hear_of_children(_signal.SIG_DFL, _signal.SIG_IGN)

    def run(self) -> list[Ended]:
        """Return how each program ended."""
        while self._waiting or self._running:
            next_start_s = self._start_some()
            longest = TELL_S if self._tell else LONGEST_PAUSE_S
            # At once after the start too: a caller may do what it has to do anyway while the programs begin.
            if self._tell and time.monotonic() >= self._tell_at:
                self._tell()
                self._tell_at = time.monotonic() + TELL_S
            self._wait(min(next_start_s, longest) if self._running else 0.0)
            self._look_after_all()
        return [self._ended[place] for place in range(len(self._programs))]

    def _start_some(self) -> float:
        """Start what may run now; return how soon (in seconds) there may be more of that."""
        for _ in range(STARTS_AT_A_TIME):
            if not self._waiting or len(self._running) >= self._at_once:
                return math.inf
            place = self._waiting[0]
            program, begun = self._programs[place], time.monotonic()
            if begun >= self._due:
                self._waiting.popleft()
                self._settle(place, _not_started(program, None, "the common limit came before its turn"))
                continue
            if self._crowd.is_full(begun):
                # Looking costs as well: the longer they compute, the seldomer it is done.
                self._start_pause_s = min(self._start_pause_s * 2, TICK_S)
                return self._start_pause_s
            try:
                self._start(program, place, begun)
            except OSError as error:
                if self._running:
                    return math.inf  # no room for one more now: the end of another makes some
                self._waiting.popleft()
                self._settle(place, _not_started(program, Exit.WRAPPER_FAILED, f"{program.argv[0]}: {error.strerror}"))
            else:
                self._waiting.popleft()
                self._start_pause_s = SHORTEST_TICK_S
        return 0.0

    def _start(self, program: Program, place: int, begun: float) -> None:
        environment = dict(os.environ if program.environment is None else program.environment)
        environment[MARK_NAME] = self._strays.mark(place)
        due = min(begun + program.limit.total_seconds(), self._due)
        started = start_program(program, environment, *self._find_note(place))
        running = Running(place, program, begun, due, started)
        self._running[running.pid] = running
        self._crowd.add(running)
        self._strays.remember_session(place, running.pid)
        for descriptor in running.descriptors():
            self._readers[descriptor] = running
            self._poll.register(descriptor, select.POLLIN)

    def _wait(self, pause_s: float) -> None:
        """Wait until something happens, at most until the next thing is due; take in what was written."""
        now = time.monotonic()
        for running in self._running.values():
            is_looked_at = running.kill_at is not None or running.pidfd < 0
            pause_s = min(pause_s, TICK_S if is_looked_at else max(0.0, running.due - now))
        for descriptor, _ in self._poll.poll(math.ceil(pause_s * 1000)):
            ready = self._readers.get(descriptor)
            if ready is None:
                continue  # closed a moment ago, when the end of its program was seen
            if descriptor != ready.pidfd:
                ready.read(descriptor)
            elif not ready.reap(time.monotonic()):
                # Its end was seen and yet there is no status: a tracer holds it back, maybe for ever.
                ready.stop_watching()
            self._forget_closed(ready)

    def _look_after_all(self) -> None:
        now = time.monotonic()
        concerned = []
        for running in self._running.values():
            # Even at its limit it is asked first whether it has ended: an answer in time is an answer.
            if running.wait_status is None and (running.pidfd < 0 or now >= running.due):
                running.reap(now)
                self._forget_closed(running)
            if running.wait_status is not None or now >= running.due:
                concerned.append(running)
        if concerned:
            strays = self._strays.find(self._running)
            for running in concerned:
                self._end(running, running.find_members(self._choose(strays, running.place)))

    def _end(self, running: Running, members: dict[int, int]) -> None:
        """Take the next step to the end of a program that has exited or is past its limit."""
        now = time.monotonic()
        self._strays.remember(running.place, members)
        if running.wait_status is not None and not members:
            self._finish(running, members)
        elif running.kill_at is None:
            running.timed_out = running.wait_status is None
            if running.timed_out:
                running.note_wait(members)
            else:
                running.left_behind = tuple((pid, tree.argv0(pid)) for pid in sorted(members))
            begun = running.due if running.timed_out else now
            running.kill_at = begun + min(running.program.grace.total_seconds(), LONGEST_GRACE_S)
            running.give_up_at = begun + GIVE_UP_S
            tree.ask_to_end(members)
        elif running.was_killed and (now >= running.give_up_at or self._is_deaf(running, members, now)):
            self._finish(running, members)
        elif now >= running.kill_at:
            if not running.was_killed:
                running.was_killed = True
                running.killed_at = now
                running.give_up_at = max(running.give_up_at, now + SHORTEST_KILL_S)
            tree.kill_all(lambda: self._find_members(running))

    @staticmethod
    def _is_deaf(running: Running, members: dict[int, int], now: float) -> bool:
        return now >= running.killed_at + DEAF_S and all(tree.waits_in_kernel(pid) for pid in members)

    def _find_members(self, running: Running) -> dict[int, int]:
        return running.find_members(self._choose(self._strays.find(self._running), running.place))

    def _choose(self, strays: dict[int | None, dict[int, int]], place: int) -> dict[int, int]:
        # What nothing tells the owner of belongs to the only program, where there is only one.
        return strays.get(place, {}) | (strays.get(None, {}) if len(self._programs) == 1 else {})

    def _finish(self, running: Running, members: dict[int, int]) -> None:
        running.give_up(time.monotonic())
        self._forget_closed(running)
        del self._running[running.pid]
        left = dict(members)
        if running.wait_status is None:
            left.setdefault(running.pid, running.start)
        for pid, start in left.items():
            self._strays.let_go(pid, start)
        unkillable = tuple((pid, tree.wait_channel(pid)) for pid in sorted(left))
        trouble = read_trouble(running.program, *self._find_note(running.place))
        self._settle(running.place, running.tell_end(trouble, unkillable))

    def _settle(self, place: int, ended: Ended) -> None:
        self._ended[place] = ended
        for program in self._follow(place, ended) if self._follow else ():
            self._waiting.append(len(self._programs))
            self._programs.append(program)

    def _find_note(self, place: int) -> tuple[mmap.mmap, int]:
        """Return where the child of that number writes what goes wrong: shared memory, and the spot in it."""
        piece, spot = divmod(place, NOTES_AT_A_TIME)
        while len(self._notes) <= piece:
            self._notes.append(mmap.mmap(-1, NOTE_BYTES * NOTES_AT_A_TIME))
        return self._notes[piece], spot

    def _forget_closed(self, running: Running) -> None:
        for descriptor in running.take_closed():
            del self._readers[descriptor]
            self._poll.unregister(descriptor)

    def _find_everything(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for strays in self._strays.find(self._running).values():
            found |= strays
        for running in self._running.values():
            running.reap(time.monotonic())
            found |= running.find_members({})
        return found | tree.find_descendants(*found)


def _not_started(program: Program, status: int | None, trouble: str) -> Ended:
    return Ended(program.argv, status, None, "not-started", timedelta(0), trouble=trouble)


def _hear_of_children(before: object, after: object) -> bool:
    """Replace one disposition of SIGCHLD by another one; tell whether it was that one.

    Who started us may have left it ignored, and then the kernel throws away how each program ended.
    """
    if _signal.getsignal(_signal.SIGCHLD) != before:
        return False
    try:
        _signal.signal(_signal.SIGCHLD, after)
    except ValueError:
        return False  # only the main thread may
    return True


def _fill_standard_descriptors() -> list[int]:
    filled = []
    while (descriptor := os.open("/", os.O_RDONLY)) <= 2:
        filled.append(descriptor)
    os.close(descriptor)
    return filled
