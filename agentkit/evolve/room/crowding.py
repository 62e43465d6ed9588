"""How many processes has a proposer, and how much memory do they use?"""

from __future__ import annotations

import os
import stat
from _collections_abc import Container, Iterable, Iterator

from agentkit.core import tree

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
DELETED = b" (deleted)"
# How the kernel names mapped files that lie in memory and nowhere else; what is below /room lies in a room.
MEMORYS = (b"/memfd:", b"/SYSV", b"/dev/zero", b"/dev/shm/", b"/room/dev/shm/")


def find_members(most: int) -> list[int]:
    """Return the processes below this one, parents first; of a crowd no more than one above `most`.

    The zombies among them count as well: they take a place in the kernel's table.
    """
    found = [os.getpid()]
    for parent in found:
        if len(found) > most + 1:
            break
        found += tree.list_children(parent)
    return found[1 : most + 2]


def find_living(members: Iterable[int]) -> dict[int, int]:
    """Return {id: bytes of memory} of processes at this moment, those that have ended left out; what two share counts
    twice.

    The id is one under which /proc shows a process: its own, or where its first thread has ended that of another one.
    """
    living = {}
    for pid in members:
        for task in _find_threads(pid):
            size, resident = _find_size(task)
            if size:
                living[task] = resident * PAGE_BYTES
                break
    return living


def read_shared() -> int:
    """Return the bytes that all files in memory have together, on the whole machine."""
    words = _read("/proc/meminfo", 4096).partition(b"\nShmem:")[2].split(None, 1)
    return int(words[0]) * 1024 if words else 0


class Nameless:
    """What a look finds of files that no folder has: removed ones, and memory's.

    `on_disk` and `in_memory` are bytes; `hides_disk` and `hides_memory` say that there are some which may not be
    measured.
    """

    def __init__(self, disks: Container[int]) -> None:
        self._disks = disks
        self._seen: set[tuple[int, int]] = set()
        self.on_disk = self.in_memory = 0
        self.hides_disk = self.hides_memory = False

    def add_open(self, tasks: Iterable[int]) -> None:
        """Count what processes hold open."""
        for task in tasks:
            for path in _list(f"/proc/{task}/fd"):
                self._add(path)

    def add_all(self, tasks: Iterable[int]) -> None:
        """Count what each of their threads holds open for itself, what is mapped, and what is on its way in a socket.

        It costs much more than to look at what is held open by their first threads.
        """
        for task in tasks:
            for thread in _find_threads(task):
                self._add_thread(thread)
            self._add_mapped(task)

    def _add_thread(self, thread: int) -> None:
        try:
            names = os.listdir(f"/proc/{thread}/fd")
        except OSError:
            self._hide(thread)
            return
        for name in names:
            is_socket = self._add(f"/proc/{thread}/fd/{name}")
            facts = _read(f"/proc/{thread}/fdinfo/{name}") if is_socket else b""
            if b"\nscm_fds:" in facts and b"\nscm_fds:\t0\n" not in facts:
                self._hide(thread)

    def _add_mapped(self, task: int) -> None:
        try:
            with open(f"/proc/{task}/maps", "rb") as file:
                text = file.read()
        except OSError:
            self._hide(task)
            return
        seen = set()
        for line in text.splitlines() if DELETED in text else ():
            words = line.split(None, 5)
            if len(words) == 6 and DELETED in words[5] and (words[3], words[4]) not in seen:
                seen.add((words[3], words[4]))
                begin, _, end = words[0].partition(b"-")
                self._add(f"/proc/{task}/map_files/{int(begin, 16):x}-{int(end, 16):x}", words[5])

    def _add(self, path: str, name: bytes = b"") -> bool:
        """Count a file; tell whether it is a socket."""
        try:
            found = os.stat(path)
        except PermissionError:
            # Only root may follow what is mapped.
            self.hides_memory |= name.startswith(MEMORYS)
            self.hides_disk |= not name.startswith(MEMORYS)
            return False
        except OSError:
            return False  # closed since it was listed
        if not found.st_nlink and found.st_blocks and (found.st_dev, found.st_ino) not in self._seen:
            self._seen.add((found.st_dev, found.st_ino))
            if found.st_dev in self._disks:
                self.on_disk += found.st_blocks * 512
            else:
                self.in_memory += found.st_blocks * 512
        return stat.S_ISSOCK(found.st_mode)

    def _hide(self, task: int) -> None:
        # Who has ended hides nothing.
        if _find_size(task)[0]:
            self.hides_disk = self.hides_memory = True


def _find_threads(pid: int) -> Iterator[int]:
    """Yield the threads of a process, the one that has its id first."""
    yield pid
    for path in _list(f"/proc/{pid}/task"):
        thread = int(path.rpartition("/")[2])
        if thread != pid:
            yield thread


def _find_size(task: int) -> tuple[int, int]:
    """Return (pages of addresses, pages of memory): nothing at all is what /proc says of a thread that has ended."""
    words = _read(f"/proc/{task}/statm").split()
    return (int(words[0]), int(words[1])) if len(words) > 1 else (0, 0)


def _list(folder: str) -> list[str]:
    try:
        return [f"{folder}/{name}" for name in os.listdir(folder)]
    except OSError:
        return []  # gone, or not ours to look at


def _read(path: str, most: int = 256) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(most)
    except OSError:
        return b""  # gone
