"""Where does a process stand, and which file does it mean by a path?"""

from __future__ import annotations

import os
import re

from agentkit.depmap.tracing.lines import STRING, unescape

_FOLDER = re.compile(rf"{STRING}$")
_OPENED = re.compile(r"-?\d+<([^<>]*)>")


class Places:
    """The working folder of a process; threads, and processes that ask for it, share one."""

    __slots__ = ("folder",)

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def enter(self, arguments: str) -> None:
        """Follow a `chdir` or `fchdir` that was done."""
        by_name = _FOLDER.match(arguments)
        if by_name:
            self.folder = os.path.realpath(self.join(None, unescape(by_name[1])))
        elif (by_number := _OPENED.match(arguments)) is not None:
            self.folder = unescape(by_number[1])

    def join(self, folder: str | None, path: str) -> str:
        """Return the whole path of one that is written relative to `folder` (None: to where the process stands)."""
        base = folder or self.folder
        return os.path.normpath(os.path.join(base, path)) if path else base

    def find_script(self, word: str) -> str | None:
        """Return the real path of the script that an interpreter was given; None where there is no such file."""
        path = os.path.realpath(self.join(None, word))
        if os.path.isfile(path):
            return path
        # A folder or an archive with a __main__ (python), or a name on the PATH (bash), are rare enough.
        main = os.path.join(path, "__main__.py")
        return main if os.path.isfile(main) else None


def find_written(written: str, opened: str | None) -> str:
    """Return the path as it was written, as the map writes it too, unless another file than that was opened."""
    if opened is None or written == opened or os.path.realpath(written) == opened:
        return written
    return opened
