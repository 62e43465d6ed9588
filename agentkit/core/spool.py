"""How does a hot verb leave a durable record, whatever becomes of the ledger?

A place's spool is `spool/YYYY-MM-DD.jsonl` (UTC): one write a record, append-only, no lock, so that no reader can delay
or lose evidence. A record stands between two newlines: one that was torn by a full disk never swallows the next.
Readers take each record in once by (run, attempt, state), so writing one twice does no harm. Imported by the hot verbs.
"""

import os
import time
from _collections_abc import Iterable, Mapping

from agentkit.core.paths import fallback_folders, find_open_root, is_private, state_folder

RESERVE_BYTES = 8192
LONGEST_NAME = 200
NO_ROOM = (28, 122)  # ENOSPC, EDQUOT: importing errno would cost more than it says


def spool_places(environ: Mapping[str, str]) -> list[str]:
    """Return the folders that may hold a spool: the state folder first, then where evidence goes when that fails.

    There each state folder has a folder of its own: a user may have several, and evidence must not change hands.
    """
    first = state_folder(environ)
    name = first.strip("/").replace("/", "-")[-LONGEST_NAME:]
    return [first, *(f"{place}/{name}" for place in fallback_folders() if place != first)]


def append_record(places: Iterable[str], record: bytes, now: float) -> tuple[str | None, list[str]]:
    """Write the record durably in the first place that takes it.

    Returns that place (None: it could be written nowhere) and what went wrong with the places before it.
    """
    troubles: list[str] = []
    for place in places:
        try:
            _append(place, record, now)
            return place, troubles
        except OSError as error:
            troubles.append(f"{place}: {error.strerror}")
        except Exception as error:  # noqa: BLE001  # a bug of ours loses no evidence that another place may take
            troubles.append(f"{place}: {type(error).__name__}: {error}")
    return None, troubles


def make_private_folder(place: str, name: str) -> str:
    """Return the folder `name` in a place, made (0700) when missing; raises PermissionError for a foreign place."""
    folder = f"{place}/{name}"
    root = find_open_root(place)
    if root:
        _make_folders(root)
        # Evidence is not handed to a stranger, nor is a folder made where he pleases.
        if not is_private(root):
            raise PermissionError(1, "not a private folder of this user")
    if not os.path.isdir(folder):
        _make_folders(folder)
    return folder


def _make_folders(path: str) -> None:
    """Make a folder and those above it, each for this user alone whatever the umask allows."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if parent != path:
        _make_folders(parent)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return  # somebody was quicker, or it is no folder: then the first file in it cannot be opened


def _append(place: str, record: bytes, now: float) -> None:
    folder = make_private_folder(place, "spool")
    day = time.gmtime(now)
    path = "%s/%04d-%02d-%02d.jsonl" % (folder, *day[:3])
    framed = b"\n" + record + b"\n"
    reserve = f"{folder}/reserve"
    try:
        _append_once(path, folder, framed)
    except OSError as error:
        if error.errno not in NO_ROOM or not _give_up(reserve):
            raise
        _append_once(path, folder, framed)
        return
    if not os.path.exists(reserve):
        _set_aside(reserve)


def _append_once(path: str, folder: str, framed: bytes) -> None:
    # Without O_NONBLOCK a named pipe in its place would hold us until somebody reads it.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(path, flags, 0o600)
    try:
        found = os.fstat(descriptor)
        if found.st_mode & 0o170000 != 0o100000:
            raise OSError(22, "the spool's file is no regular file")
        is_new = found.st_size == 0
        written = os.write(descriptor, framed)
        if written != len(framed):
            raise OSError(NO_ROOM[0], "no space left for a whole record")
        os.fdatasync(descriptor)
        is_removed = os.fstat(descriptor).st_nlink == 0
    finally:
        os.close(descriptor)
    if is_removed:
        # A reader that had everything removed the old file between our open and our write.
        _append_once(path, folder, framed)
    elif is_new:
        _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _give_up(reserve: str) -> bool:
    try:
        os.unlink(reserve)
    except OSError:
        return False
    return True


def _set_aside(reserve: str) -> None:
    """Keep a few blocks for the day the disk is full; a disk that is full already keeps none."""
    try:
        descriptor = os.open(reserve, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError:
        return
    try:
        os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
    except OSError:
        _give_up(reserve)
    finally:
        os.close(descriptor)
