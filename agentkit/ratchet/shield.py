"""How is it seen that a run wrote into its tests, even where it put everything back?

A file's change time is set by the kernel alone: whatever is written, renamed or put back leaves it later.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

CACHE = "__pycache__"
Facts = dict[str, tuple[int, int]]


def shield_from_caches(folder: str, tests: Iterable[str]) -> None:
    """Lay an empty file where Python would look for compiled tests: a run could have put others there."""
    for place in _find_folders(tests):
        path = os.path.join(folder, place, CACHE)
        if not os.path.lexists(path):
            open(path, "xb").close()


def read_facts(folder: str, tests: Iterable[str]) -> Facts:
    """Return {path: what changes when it is written or exchanged} of the tests, their caches and their folders."""
    files = list(tests)
    folders = _find_folders(files)
    facts: Facts = {}
    for path in [*files, *(os.path.join(place, CACHE) for place in folders), *folders]:
        try:
            found = os.lstat(os.path.join(folder, path))
        except OSError:
            continue
        # A test may write a file beside itself: that moves both times of a folder, and a new name only the one.
        moved_ns = found.st_mtime_ns if stat.S_ISDIR(found.st_mode) else 0
        facts[path] = (found.st_ino, found.st_ctime_ns - moved_ns)
    return facts


def _find_folders(tests: Iterable[str]) -> list[str]:
    """Return the folders of test files; not the top, which is the code's too."""
    return sorted({os.path.dirname(path) for path in tests if path.endswith(".py")} - {""})
