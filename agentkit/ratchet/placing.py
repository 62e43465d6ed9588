"""How does a file get its place or lose it, so that what somebody wrote there at the last moment is not lost?"""

import contextlib
import errno
import os
import shutil

from agentkit.ratchet.treesteps import find_common_way

# By what a file that nobody wrote to since is known: inode, size, time and mode.
Stamp = tuple[int, int, int, int]
TWO_STEPS = (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK)


def put_in_place(full: str, aside: str, stamp: Stamp | None, new: str) -> bool:
    """Put the new file in its place; False, and nothing has changed, where somebody wrote there since."""
    folder = os.path.dirname(full)
    os.makedirs(folder, exist_ok=True)
    if os.path.isdir(new) and not os.path.islink(new):
        os.makedirs(full, exist_ok=True)
        return True
    if stamp is None:
        with contextlib.suppress(OSError):
            os.rmdir(full)  # an empty folder, as the last file that went left it
        return _bring(new, full, is_new=True)
    # The old file gets a second name before it loses its first: what somebody wrote at the last moment is still there.
    with contextlib.suppress(OSError):
        os.link(full, aside, follow_symlinks=False)
    if read_stamp(full) != stamp or not _bring(new, full, is_new=False):
        return False
    if os.path.lexists(aside) and read_stamp(aside) != stamp:
        os.replace(aside, full)
        return False
    return True


def take_away(full: str, aside: str, stamp: Stamp | None) -> bool:
    """Take the old file away; False, and nothing has changed, where somebody wrote to it since."""
    if stamp is None:
        with contextlib.suppress(OSError):
            os.rmdir(full)  # a module that is not filled
        return True
    if read_stamp(full) != stamp:
        return False
    try:
        os.rename(full, aside)
    except OSError:
        os.unlink(full)  # the git folder lies on another file system
        return True
    if read_stamp(aside) != stamp:
        os.replace(aside, full)
        return False
    return True


def read_stamp(path: str) -> Stamp | None:
    """Return what a file is known by, None where there is none."""
    try:
        facts = os.lstat(path)
    except OSError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_mode


def remove_empty(root: str, path: str) -> None:
    """Remove the folders on the way to a path that hold nothing any more."""
    for folder in reversed(list(find_common_way(path))):
        try:
            os.rmdir(f"{root}/{folder}")
        except OSError:
            return


def _bring(new: str, full: str, *, is_new: bool) -> bool:
    try:
        if is_new:
            os.link(new, full, follow_symlinks=False)
        else:
            os.replace(new, full)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in TWO_STEPS:
            raise
        # Another file system, or one without hard links: the same in two steps.
        beside = f"{full}.agentkit-new"
        if is_new and os.path.lexists(full):
            return False
        shutil.copy2(new, beside, follow_symlinks=False)
        os.replace(beside, full)
    return True
