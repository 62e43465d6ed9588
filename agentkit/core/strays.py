"""Whose are the processes that a program started and then left?

A process whose parent ended comes to this one, which is the child subreaper. Whose it was, its session tells, else
the mark in its environment, else that it was seen below a program before.
"""

import os
from collections.abc import Container, Mapping

from agentkit.core import tree

LONGEST_LOOKING = 50
PR_GET_CHILD_SUBREAPER = 37  # include/uapi/linux/prctl.h
MARK_NAME = "AGENTKIT_PROBE"


class Strays:
    """The processes that came to this one since it was made; close it to be no subreaper any more.

    Whatever was a descendant of this process before, or shares a session with one of those, is never looked at.
    """

    def __init__(self) -> None:
        self._me = os.getpid()
        self._token = os.urandom(13).hex().upper()
        self._before: dict[int, int] = {}
        # A session is never joined, only founded: a process in one of these belongs to none of the programs.
        self._other_sessions = {os.getsid(0)}
        for pid in {*tree.list_children(self._me), *tree.list_descendants(self._me)}:
            stat = tree.read_stat(pid)
            if stat:
                self._before[pid] = stat[5]
                self._other_sessions.add(stat[3])
        self._owner_by_session: dict[int, int] = {}
        self._owner_by_process: dict[tuple[int, int], int] = {}
        self._was_subreaper = _is_subreaper()
        self._is_subreaper = tree.become_subreaper()

    def close(self) -> None:
        """Let orphans go to init again, unless this process was a subreaper before."""
        if self._is_subreaper and not self._was_subreaper:
            tree.become_subreaper(False)

    def mark(self, owner: int) -> str:
        """Return the value of MARK_NAME by which the processes of `owner` are known."""
        return f"{self._token}-{owner}"

    def remember(self, owner: int, processes: Mapping[int, int]) -> None:
        """Note that these processes, {pid: start}, belong to `owner`, wherever they are found later."""
        for process in processes.items():
            self._owner_by_process[process] = owner

    def remember_session(self, owner: int, session: int) -> None:
        """Note that whoever is in `session` belongs to `owner`."""
        self._owner_by_session[session] = owner

    def let_go(self, pid: int, start: int) -> None:
        """Look at this process no more: it could not be ended."""
        self._before[pid] = start

    def find(self, roots: Container[int]) -> dict[int | None, dict[int, int]]:
        """Return {owner: {pid: start}} of the living strays, owner None where nothing tells; dead ones are reaped.

        `roots` are the programs themselves, which somebody else waits for.
        """
        found: dict[int | None, dict[int, int]] = {}
        for _ in range(LONGEST_LOOKING):
            # Who ended during a look may have left a child that the look did not see.
            if not self._look(roots, found):
                break
        return found

    def _look(self, roots: Container[int], found: dict[int | None, dict[int, int]]) -> bool:
        """Add the strays that live; tell whether one was found that has ended."""
        has_ended = False
        for pid in reversed(tree.list_children(self._me)):
            stat = None if pid in roots else tree.read_stat(pid)
            if stat is None or self._before.get(pid) == stat[5] or stat[3] in self._other_sessions:
                continue
            if tree.runs(stat):
                found.setdefault(self._find_owner(pid, stat[5], stat[3]), {})[pid] = stat[5]
            else:
                has_ended |= _reap(pid)
        if not self._is_subreaper:
            # Orphans went to init, and only what they carry tells them from the rest of the machine.
            for pid in set(tree.list_pids()) - {self._me}:
                # The start is read first: if the pid changes hands in between, the pair fits nobody.
                start = None if pid in roots else tree.process_start(pid)
                owner = None if start is None else self._find_marked_owner(pid)
                if start is not None and owner is not None and self._before.get(pid) != start:
                    found.setdefault(owner, {})[pid] = start
        return has_ended

    def _find_owner(self, pid: int, start: int, session: int) -> int | None:
        owner = self._owner_by_process.get((pid, start))
        if owner is None:
            owner = self._owner_by_session.get(session)
        if owner is None:
            owner = self._find_marked_owner(pid)
        if owner is not None:
            self._owner_by_session.setdefault(session, owner)
        return owner

    def _find_marked_owner(self, pid: int) -> int | None:
        start_of_mark = f"{MARK_NAME}={self._token}-".encode()
        for entry in tree.read_environment(pid):
            if entry.startswith(start_of_mark):
                return int(entry[len(start_of_mark) :])
        return None


def _reap(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False  # a thread of this process was quicker


def _is_subreaper() -> bool:
    try:
        import ctypes

        answer = ctypes.c_int()
        return ctypes.CDLL(None).prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(answer), 0, 0, 0) == 0 and answer.value == 1
    except (ImportError, OSError, AttributeError):
        return False  # what cannot be asked cannot have been set either
