"""How many bytes has a proposer written into its rooms, and when is it worth the cost to count them?

Counting looks at every file. What the file system has lost meanwhile costs one question: while that is little, nobody
counts.
"""

from __future__ import annotations

import os
import time
from _collections_abc import Iterator

# A file without content takes an inode and a name all the same.
LEAST_BYTES = 1024
PIECE = 500
SHORTEST_PAUSE_S = 1.0
# Counting takes one part in so many of the time.
SHARE, SHARE_WHEN_FILLING = 50, 4


class Filling:
    """What the rooms held at the start, and what was added since; `limit` is in bytes."""

    def __init__(self, rooms: tuple[str, ...], limit: int) -> None:
        self._rooms = rooms
        self._limit = limit
        self.disks = {os.stat(room).st_dev for room in rooms}
        self._left_at_start = self._left = self._find_left()
        self._is_blind = False
        self._walk: Iterator[int] | None = None
        self._at_start = self._total = self._used = 0
        begun = time.monotonic()
        for total in self._count():
            self._at_start = total
        self._counted_at = time.monotonic()
        self._took = self._counted_at - begun

    @property
    def lost(self) -> int:
        """Return how many bytes the file systems of the rooms have lost since the start, to whomever."""
        return self._find_lost(self._left_at_start)

    def look(self, nameless: int, *, hides_more: bool) -> bool:
        """Count a little, where it is time to; tell whether more than the limit was written.

        `nameless` are bytes of files that no folder has any more; `hides_more`: there are some that nobody can measure.
        """
        if self._walk is None and self._is_due():
            self._left = self._find_left()
            self._walk = self._count()
            self._took = 0.0
        if self._walk is not None:
            self._go_on(self._walk)
        # What cannot be looked at is what the file system has lost.
        return max(self._used + nameless, self.lost if hides_more else 0) > self._limit

    def _go_on(self, walk: Iterator[int]) -> None:
        begun = time.monotonic()
        total = next(walk, None)
        self._counted_at = time.monotonic()
        self._took += self._counted_at - begun
        if total is None:
            self._walk = None
            self._used = self._find_used(self._total)
        else:
            self._total = total
            # Half way it may be less than before, and then it says nothing yet.
            self._used = max(self._used, total - self._at_start)

    def _find_used(self, total: int) -> int:
        return max(total - self._at_start, self.lost if self._is_blind else 0)

    @property
    def is_counting(self) -> bool:
        """Tell whether the files are being counted now."""
        return self._walk is not None

    def is_over(self, took_s: float) -> bool:
        """Tell whether more than the limit was written by a program that has ended after so many seconds."""
        if took_s < SHARE * self._took and self._find_lost(self._left) < self._limit / 8:
            return self._used > self._limit
        self._is_blind = False
        for total in self._count():
            self._total = total
        return self._find_used(self._total) > self._limit

    def _is_due(self) -> bool:
        passed = time.monotonic() - self._counted_at
        room = max(self._limit - self._used, 0)
        if self._find_lost(self._left) > room / 3:
            return passed > SHARE_WHEN_FILLING * self._took
        return passed > max(SHARE * self._took, SHORTEST_PAUSE_S)

    def _find_left(self) -> dict[str, tuple[int, int]]:
        left = {}
        for room in self._rooms:
            found = os.statvfs(room)
            left[room] = (found.f_bfree * found.f_frsize, found.f_ffree)
        return left

    def _find_lost(self, earlier: dict[str, tuple[int, int]]) -> int:
        """Return how many bytes the file systems of the rooms have lost since an earlier look."""
        lost = 0
        for room, (free, nodes) in self._find_left().items():
            before, nodes_before = earlier[room]
            lost = max(lost, before - free, (nodes_before - nodes) * LEAST_BYTES)
        return lost

    def _count(self) -> Iterator[int]:
        """Yield the sum of all files now and then, and at the end."""
        total = seen = 0
        linked: set[tuple[int, int]] = set()
        folders = [*self._rooms]
        while folders:
            try:
                entries = os.scandir(folders.pop())
            except FileNotFoundError:
                continue  # removed since it was listed
            except OSError:
                self._is_blind = True  # closed to everybody, or too deep for a path
                continue
            with entries:
                for entry in entries:
                    try:
                        found = entry.stat(follow_symlinks=False)
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(entry.path)
                    except OSError:
                        continue
                    seen += 1
                    if found.st_nlink == 1 or (found.st_dev, found.st_ino) not in linked:
                        total += max(found.st_blocks * 512, LEAST_BYTES)
                    if found.st_nlink > 1:
                        linked.add((found.st_dev, found.st_ino))
                    if seen % PIECE == 0:
                        yield total
        yield total
