"""Where does the page go: to stdout, or whole or not at all into a file, and never over what is none?"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Mapping

from agentkit.core.durable import replace_file
from agentkit.core.errors import AgentkitError, Exit
from agentkit.evolve.familytree.composing import write_document
from agentkit.evolve.familytree.treedata import read_tree
from agentkit.evolve.store import open_existing
from agentkit.evolve.viewing import read_host


def print_page(environ: Mapping[str, str], path: str, *, as_json: bool, state: str | None) -> None:
    """Write the page as it is now; raises AgentkitError (usage) where another form or only a part is asked for too."""
    if as_json or state is not None:
        raise AgentkitError("log: --html is the whole tree: it goes with neither --json nor --state", status=Exit.USAGE)
    write_page(environ, path, time.time())


def write_page(environ: Mapping[str, str], path: str, now: float) -> None:
    """Write the family tree as one HTML page into a file, which only its owner reads where it is new; `-` is stdout.

    Raises AgentkitError: refused where something other than a regular file stands there, cannot write.
    """
    target = None if path == "-" else os.path.realpath(path)
    if target is not None:
        _find_mode(target)
    with open_existing(environ) as store:
        page = write_document(read_tree(store, environ), read_host(environ), now)
    if target is None:
        sys.stdout.write(page)
        return
    try:
        mode = _find_mode(target)
        replace_file(target, page.encode("ascii"), prepare=lambda handle: os.fchmod(handle, mode))
    except OSError as error:
        raise AgentkitError(f"--html {path}: {error.strerror}", status=Exit.CANNOT_WRITE) from error


def _find_mode(path: str) -> int:
    """Return the permissions that the file has, or those of a new one; raises AgentkitError where it is no file."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return 0o600
    except OSError as error:
        raise AgentkitError(f"--html {path}: {error.strerror}", status=Exit.CANNOT_WRITE) from error
    if not stat.S_ISREG(mode):
        raise AgentkitError(
            f"--html {path}: it is no regular file, and is left alone",
            hint="agentkit evolve log --html FILE, or - for stdout",
            status=Exit.REFUSED,
        )
    return stat.S_IMODE(mode)
