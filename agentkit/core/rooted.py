"""Where on this host is a file of the machine whose root folder is given, all its links followed inside that folder?

A disk that is mounted for a look has links such as `/etc/localtime -> /usr/share/…`, and these mean its own files.
"""

import errno
import os

MOST_LINKS = 40  # as the kernel counts (MAXSYMLINKS)


def resolve(root: str, name: str, *, follow_last: bool = True) -> str:
    """Return the path from here of a name of the machine, with or without its leading slash.

    With the root folder `/` the kernel follows the links, and the name is only joined. Otherwise no link of the path
    is left, except the last part's without `follow_last`; no `..` leads out of the root. What is missing, or closed
    to us, is left to be found by whoever opens the path. Raises OSError (ELOOP) where links lead round in circles.
    """
    if root == "/":
        return "/" + name.lstrip("/")
    todo = _split(name)
    # The path so far behind all of its parents, the root folder first.
    ways = [root.rstrip("/")]
    links = 0
    while todo:
        part = todo.pop()
        if part in (".", ".."):
            if not os.path.isdir(ways[-1]):
                todo.append(part)
                break
            if part == ".." and len(ways) > 1:
                ways.pop()
            continue
        here = f"{ways[-1]}/{part}"
        if not todo and not follow_last:
            return here
        try:
            target = os.readlink(here)
        except OSError as error:
            ways.append(here)
            if error.errno == errno.EINVAL:
                continue  # no link
            break
        links += 1
        if links > MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.path.join(root, name.lstrip("/")))
        if target.startswith("/"):
            del ways[1:]
        todo.extend(_split(target))
    return "/".join((ways[-1], *reversed(todo)))


def _split(name: str) -> list[str]:
    """Return the parts of a path, last one first; a slash at the end asks for a folder, as a dot does."""
    parts = [part for part in reversed(name.split("/")) if part not in ("", ".")]
    return [".", *parts] if name.endswith(("/", "/.")) else parts


def is_whole(root: str) -> bool:
    """Tell whether this is the root folder of a whole machine: it has a shell.

    Of a part of one, such as a backup of its /etc, what is missing may stand elsewhere: its lack says nothing.
    """
    try:
        return os.path.exists(resolve(root, "bin/sh"))
    except OSError:
        return False
