"""Where does work lie that nobody needs after a crash and that belongs to no repository, and who clears it away then?

A private folder among the temporary files, with the claim of its process in it: whoever makes the next one removes
those of processes that have gone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile

from agentkit.core.claims import has_gone, name_this_process
from agentkit.core.errors import AgentkitError, Exit

PREFIX = "agentkit-"
CLAIM = "claim"
LONGEST_CLAIM_BYTES = 200


def make_passing_folder() -> str:
    """Return a new private folder, which its maker removes; raises AgentkitError (cannot write)."""
    parent = tempfile.gettempdir()
    _clear_left(parent)
    try:
        folder = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
        with open(f"{folder}/{CLAIM}", "x", encoding="ascii") as file:
            file.write(name_this_process())
    except OSError as error:
        raise AgentkitError(f"{parent}: {error.strerror}", status=Exit.CANNOT_WRITE) from error
    return folder


def _clear_left(parent: str) -> None:
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and _is_left(entry):
                shutil.rmtree(entry.path, ignore_errors=True)


def _is_left(entry: os.DirEntry[str]) -> bool:
    """Tell whether a folder is one of ours whose process has gone: what cannot be told is somebody's."""
    try:
        found = entry.stat(follow_symlinks=False)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            return False
        with open(f"{entry.path}/{CLAIM}", encoding="ascii") as file:
            return has_gone(file.read(LONGEST_CLAIM_BYTES))
    except (OSError, ValueError):
        return False
