"""How many processes has a proposer, and how much memory do they use?"""

from __future__ import annotations

import os
from _collections_abc import Container, Iterable

from agentkit.core import tree

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


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


def sum_memory(members: Iterable[int]) -> int:
    """Return the bytes of memory that processes have at this moment; what two share counts twice."""
    pages = 0
    for pid in members:
        words = _read(f"/proc/{pid}/statm").split()
        pages += int(words[1]) if len(words) > 1 else 0
    return pages * PAGE_BYTES


def sum_nameless(members: Iterable[int], disks: Container[int]) -> tuple[int, int]:
    """Return (bytes on these disks, bytes in memory) of open files that no folder has: removed ones, and memory's."""
    seen: set[tuple[int, int]] = set()
    on_disk = in_memory = 0
    for pid in members:
        for path in _list(f"/proc/{pid}/fd"):
            try:
                found = os.stat(path)
            except OSError:
                continue  # closed since it was listed
            if found.st_nlink or not found.st_blocks or (found.st_dev, found.st_ino) in seen:
                continue
            seen.add((found.st_dev, found.st_ino))
            if found.st_dev in disks:
                on_disk += found.st_blocks * 512
            else:
                in_memory += found.st_blocks * 512
    return on_disk, in_memory


def _list(folder: str) -> list[str]:
    try:
        return [f"{folder}/{name}" for name in os.listdir(folder)]
    except OSError:
        return []  # gone, or not ours to look at


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(256)
    except OSError:
        return b""  # gone
