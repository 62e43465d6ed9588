"""Could anybody but root have changed this file, what leads to it, or anything below this folder?"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
Seen = set[tuple[str, bool]]


def find_stranger(path: str, seen: Seen | None = None) -> str | None:
    """Return who else than root may change a path, in words; None where nobody may.

    Looked at are the file, each folder above it, and where links lead. What is not there is changed by whoever may
    write the folder where it belongs. `seen` holds what was looked at before, for many questions.
    """
    return _look(os.path.abspath(path), set() if seen is None else seen)


def find_stranger_below(folder: str, seen: Seen | None = None, *, without: tuple[str, ...] = ()) -> str | None:
    """Return who else than root may change a folder or anything in it, in words; None where nobody may.

    Folders right in it whose names are in `without` are not looked into.
    """
    seen = set() if seen is None else seen
    told = find_stranger(folder, seen)
    todo = [] if told else [folder]
    while todo and not told:
        place = todo.pop()
        try:
            with os.scandir(place) as entries:
                told = _judge_entries(entries, todo, seen, without if place == folder else ())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            told = f"{place} cannot be looked into: {error.strerror}"
    return told


def _judge_entries(
    entries: Iterable[os.DirEntry[str]], todo: list[str], seen: Seen, without: tuple[str, ...]
) -> str | None:
    for entry in entries:
        found = entry.stat(follow_symlinks=False)
        # A program has thousands of files: what is right is passed by at once.
        if found.st_uid != 0 or found.st_mode & OTHERS_WRITE:
            told = find_stranger(entry.path, seen)
            if told:
                return told
        elif stat.S_ISLNK(found.st_mode) and (told := find_stranger(entry.path, seen)):
            return told
        if stat.S_ISDIR(found.st_mode) and entry.name not in without:
            todo.append(entry.path)
    return None


def _look(path: str, seen: Seen, *, holds: bool = True) -> str | None:
    """Look at a path and what is above it; `holds` says that what a folder holds matters, not only the next name."""
    if (path, holds) in seen:
        return None  # also where links lead in a circle
    seen.add((path, holds))
    above = os.path.dirname(path)
    told = None if path == "/" else _look(above, seen, holds=not os.path.lexists(path))
    if told:
        return told
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return f"{path} cannot be looked at: {error.strerror}"
    if not stat.S_ISLNK(found.st_mode):
        return _judge(path, found, holds=holds)
    if found.st_uid != 0:
        return f"{path} belongs to uid {found.st_uid}"
    return _look(os.path.normpath(os.path.join(above, os.readlink(path))), seen, holds=holds)


def _judge(path: str, found: os.stat_result, *, holds: bool) -> str | None:
    if found.st_uid != 0:
        return f"{path} belongs to uid {found.st_uid}"
    if not found.st_mode & OTHERS_WRITE:
        return None
    # In a folder like /tmp others may write, and yet not replace what is root's.
    if stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX and not holds:
        return None
    who = "everybody" if found.st_mode & stat.S_IWOTH else f"group {found.st_gid}"
    return f"{path} may be written by {who}"
