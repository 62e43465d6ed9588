"""Which process is whose: what does each exec, fork and call of a traced program mean for the map?"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from agentkit.depmap.tracing.interpreters import (
    FRONTS,
    WRAPPERS,
    find_script,
    is_interpreter,
    read_interpreter,
    starts_by_itself,
)
from agentkit.depmap.tracing.lines import ENDED, KILLED, REPLACED, STRING, Begun, Called, Gone, Lines, unescape
from agentkit.depmap.tracing.places import Places
from agentkit.depmap.tracing.seen import Owner, Seen
from agentkit.depmap.tracing.touching import TOUCHES, Toucher

FORKS = frozenset({"clone", "clone3", "fork", "vfork"})
MOST_WAITING = 100_000
# What a text on the command line does is nobody's file; who wants it to be a job's says so (--as).
NAMELESS = "job:trace"
_EXECVE = re.compile(rf"{STRING}, (\[.*\]|0x[0-9a-f]+|NULL), ")
_EXECVEAT = re.compile(rf"(?:AT_FDCWD|-?\d+)(?:<([^<>]*)>)?(?:\(deleted\))?, {STRING}, (\[.*\]|0x[0-9a-f]+|NULL), ")
_WORD = re.compile(STRING)


@dataclass(slots=True)
class Process:
    """A process: whose doings its calls are, by which program, and where it stands (shared where threads share it)."""

    owner: Owner | None
    via: str | None
    program: str
    places: Places


class Follower:
    """Reads what strace says of one run, and collects what was touched.

    `program` is the number of the program itself, once it is known; `status` its exit status as a shell's, once it has
    ended (a signal's name in `signal`); `refused` the error of an exec of it that failed.
    """

    def __init__(self, folder: str, seen: Seen, *, node: str | None) -> None:
        """`folder` is where the program starts, `node` to whom it is put down; None leaves that to what it is."""
        self._lines = Lines()
        self._seen = seen
        self._first = Process(Owner(node, "") if node else None, None, "", Places(folder))
        self._processes: dict[int, Process] = {}
        self._forking: set[int] = set()
        self._waiting: dict[int, list[Called | Gone]] = {}
        self._waiting_count = 0
        self._toucher = Toucher(seen)
        self.program: int | None = None
        self.has_ended = False
        self.status: int | None = None
        self.signal: str | None = None
        self.refused: str | None = None
        self.has_started = False

    def feed(self, piece: bytes) -> None:
        """Take in a piece of what strace says."""
        for event in self._lines.feed(piece):
            self._take(event)

    def finish(self) -> None:
        """Take in what is still waiting for a parent that was never told of."""
        for pid in list(self._waiting):
            self._adopt(pid, self._first)

    def _take(self, event: Called | Begun | Gone) -> None:
        pid = event.pid
        if self.program is None:
            self.program = pid
            self._processes[pid] = self._first
            self._seen.note_process(pid)
        if isinstance(event, Begun):
            if event.name in FORKS:
                self._forking.add(pid)
            return
        process = self._processes.get(pid)
        if process is None:
            self._wait(pid, event)
        elif isinstance(event, Gone):
            self._end(event)
        else:
            self._call(process, event)

    def _wait(self, pid: int, event: Called | Gone) -> None:
        """Keep what a process did whose parent has not been told its number yet."""
        self._waiting.setdefault(pid, []).append(event)
        self._waiting_count += 1
        if len(self._forking) == 1 and self._waiting_count > MOST_WAITING // 100:
            self._adopt(pid, self._processes.get(next(iter(self._forking)), self._first))
        elif self._waiting_count > MOST_WAITING:
            self.finish()

    def _adopt(self, pid: int, parent: Process, *, is_thread: bool = False, shares_places: bool = False) -> None:
        self._seen.note_process(pid)
        if is_thread:
            self._processes[pid] = parent
        else:
            places = parent.places if shares_places else Places(parent.places.folder)
            self._processes[pid] = Process(parent.owner, parent.via, parent.program, places)
        events = self._waiting.pop(pid, [])
        self._waiting_count -= len(events)
        for event in events:
            self._take(event)

    def _end(self, event: Gone) -> None:
        if event.how == REPLACED:
            successor = int(event.value)
            self._processes[successor] = self._processes.pop(event.pid)
            return
        del self._processes[event.pid]
        self._forking.discard(event.pid)
        if event.pid == self.program and not self.has_ended:
            self.has_ended = True
            if event.how == ENDED:
                self.status = int(event.value)
            elif event.how == KILLED:
                self.signal = event.value

    def _call(self, process: Process, called: Called) -> None:
        name = called.name
        if name in FORKS:
            self._forking.discard(called.pid)
            if called.result is not None and called.result > 0 and called.result not in self._processes:
                arguments = called.arguments
                self._adopt(
                    called.result,
                    process,
                    is_thread="CLONE_THREAD" in arguments,
                    shares_places="CLONE_FS" in arguments,
                )
        elif name in ("execve", "execveat"):
            if called.result == 0:
                self._execute(process, called)
            elif not self.has_started:
                self.refused = called.error
        elif name in {"chdir", "fchdir"}:
            if called.result == 0:
                process.places.enter(called.arguments)
        elif name in TOUCHES and process.owner is not None:
            self._toucher.touch(process.owner, process.via, process.program, process.places, called)

    def _execute(self, process: Process, called: Called) -> None:
        found = _EXECVE.match(called.arguments) if called.name == "execve" else None
        if found:
            written, words = process.places.join(None, unescape(found[1])), found[2]
        elif (at := _EXECVEAT.match(called.arguments)) is not None:
            written, words = process.places.join(at[1] and unescape(at[1]), unescape(at[2])), at[3]
        else:
            return
        self._start(process, written, [unescape(word) for word in _WORD.findall(words)])
        self.has_started = True

    def _start(self, process: Process, written: str, words: Sequence[str]) -> None:
        """Put down a program that a process becomes, and to whom belongs what it does from now on."""
        if written.startswith("/proc/"):
            return  # itself once more, as programs for containers do: its name leads elsewhere for us
        real = os.path.realpath(written)
        name = os.path.basename(written)
        label = f"cmd:{name}"
        interpreter = read_interpreter(real)
        if process.owner is not None and not process.owner.file:
            process.owner = Owner(process.owner.node, real)
        before = process.owner
        if interpreter is not None:
            self._own(process, Owner(f"file:{real}", real), before, interpreter)
            if before is not None:
                self._seen.add(before, "exec", label, via=process.via, path=real)
            process.via = None
            return
        running = find_script(name, words)
        script = None if running.script is None else process.places.find_script(running.script)
        if script is not None and before is not None and before.node == f"file:{script}":
            # `#!/usr/bin/env python3`: the interpreter of what runs already.
            process.program, process.via = name, None
            return
        if before is not None:
            self._seen.add(before, "exec", label, via=process.via, path=real)
        via = process.via
        if script is not None:
            self._own(process, Owner(f"file:{script}", script), before, name)
            if before is not None:
                self._seen.add(before, "exec", f"file:{script}", via=name, path=script)
            process.via = None
        elif running.module is not None:
            self._own(process, Owner(f"py:{running.module}", real), before, name)
            if before is not None:
                self._seen.add(before, "call", f"py:{running.module}", via=name)
            process.via = None
        else:
            process.program = name
            # What a program starts of its own accord is its doing, whatever that starts in its turn.
            process.via = via if via is not None and starts_by_itself(via) else name
            if before is None and name not in FRONTS:
                is_text = is_interpreter(name) or name in WRAPPERS
                process.owner = Owner(NAMELESS, real) if is_text else Owner(f"cmd:{real}", real)
                process.via = name if is_text else None

    def _own(self, process: Process, owner: Owner, before: Owner | None, program: str) -> None:
        process.owner, process.program = owner, program
        if before is not None:
            self._seen.note_start(owner, before)
