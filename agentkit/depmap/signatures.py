"""Is a file or folder still what it was when something was read from it?

Looked at by size, time of change and inode; only where these differ by content, and of a folder by its names.
"""

from __future__ import annotations

import errno
import os
import stat

from agentkit.core.plainfiles import open_plain

FILE, FOLDER, LINK, OTHER, ABSENT, CLOSED = "file", "folder", "link", "other", "absent", "closed"
# Scripts are far smaller. A larger file whose time changed counts as changed: reading it all would cost more.
HASHED_BYTES = 256 * 1024
# The kernel writes times of change by its tick, 1 to 10 ms: two changes within one look like one.
TICK_NS = 10_000_000
NEVER = -1

Look = tuple[str, int, int, int]
"""Form (with mode and owner, and where a link leads), size, time of change (ns), inode; zeros where it says all."""
Signature = tuple[str, int, int, int, str | None]
"""A look with the digest of what was there; None where it was not worth one."""


def look_at(path: str) -> Look:
    """Return what the kernel says of a path, and of a link of what it leads to; never raises."""
    prefix = ""
    try:
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode):
            prefix = f"{LINK} {os.readlink(path)!a} "
            found = os.stat(path)
    except OSError as error:
        return (prefix + (CLOSED if error.errno in (errno.EACCES, errno.EPERM) else ABSENT), 0, 0, 0)
    except ValueError:  # a NUL in it
        return (ABSENT, 0, 0, 0)
    kind = FILE if stat.S_ISREG(found.st_mode) else FOLDER if stat.S_ISDIR(found.st_mode) else OTHER
    # Who may run or read it decides what a shell, cron and run-parts make of it, and chmod leaves the time of change.
    form = f"{prefix}{kind} {stat.S_IMODE(found.st_mode):o} {found.st_uid}"
    return (form, found.st_size, found.st_mtime_ns, found.st_ino)


def sign(path: str, look: Look, read_from_ns: int, now_ns: int) -> Signature:
    """Return what to remember of a path that was looked at and is read from `read_from_ns` on (wall clock).

    What changed just then may have been read as it was before: its signature is one that fits nothing.
    """
    form, size, mtime_ns, inode = look
    if form.startswith((FILE, FOLDER, LINK)) and read_from_ns - TICK_NS <= mtime_ns <= now_ns:
        return (form, size, NEVER, inode, None)
    digest = _digest(path, look)
    # What changed between the two has the digest of what nobody read.
    return (form, size, mtime_ns, inode, digest if digest is None or look_at(path) == look else None)


def is_same(path: str, before: Signature, look: Look) -> bool:
    """Tell whether a path is as it was; a new time of change over the same content counts as that."""
    if before[:4] == look:
        return True
    if before[0] != look[0] or before[4] is None:
        return False
    return (look[0].startswith(FOLDER) or before[1] == look[1]) and _digest(path, look) == before[4]


def _digest(path: str, look: Look) -> str | None:
    import hashlib

    try:
        if look[0].startswith(FOLDER):
            names = b"\0".join(sorted(os.listdir(os.fsencode(path))))
            return hashlib.sha256(names).hexdigest()
        if not look[0].startswith(FILE) or look[1] > HASHED_BYTES:
            return None
        with open_plain(path) as file:
            return hashlib.sha256(file.read(HASHED_BYTES + 1)).hexdigest()
    except OSError:
        return None
