"""Is this file a plain one of ours that nobody else can write or read, and what does it hold?

Imported by the hot verbs.
"""

import os

from agentkit.core.errors import AgentkitError, Exit

REGULAR, FOLDER, LINK = 0o100000, 0o040000, 0o120000
KIND_MASK = 0o170000
KINDS = {FOLDER: "a folder", LINK: "a link", 0o010000: "a fifo", 0o140000: "a socket"}
OTHERS = 0o077
# What tells that nothing is there; the caller knows what that means.
MISSING = (FileNotFoundError, NotADirectoryError)


def read_private(path: str, *, what: str, most_bytes: int, status: int = Exit.REFUSED) -> bytes:
    """Return what a private file holds; FileNotFoundError or NotADirectoryError where there is none.

    Raises AgentkitError: `status` where it is a link, a device, another user's or open to others, and where it holds
    more than `most_bytes`; refused or unavailable where the kernel does not let us read it.
    """
    try:
        descriptor = open_private(path, os.O_RDONLY, what=what, status=status)
    except MISSING:
        raise
    except OSError as error:
        raise tell_unreadable(what, path, error) from error
    try:
        size = os.fstat(descriptor).st_size
        if size > most_bytes:
            raise AgentkitError(f"{what} {path} has {size} bytes; at most {most_bytes} are read", status=status)
        pieces = []
        while piece := os.read(descriptor, max(size, 1) + 1):
            pieces.append(piece)
            if sum(map(len, pieces)) > most_bytes:
                raise AgentkitError(f"{what} {path} grows while it is read", status=status)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
    except OSError as error:
        raise tell_unreadable(what, path, error) from error
    finally:
        os.close(descriptor)


def open_private(path: str, flags: int, *, what: str, status: int = Exit.REFUSED) -> int:
    """Return a descriptor of a private file, opened with these flags.

    Raises AgentkitError (`status`) where it is a link, a device, another user's or open to others, and OSError.
    """
    # A device may act when it is opened, and a fifo may wait: so the look comes first.
    _demand_private(os.lstat(path), path, what, REGULAR, status)
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        # Something else may have taken its place just now.
        _demand_private(os.fstat(descriptor), path, what, REGULAR, status)
    except BaseException:  # Ctrl-C, too, gives the descriptor back
        os.close(descriptor)
        raise
    return descriptor


def demand_private_folder(path: str, *, what: str, status: int = Exit.REFUSED) -> None:
    """Raise AgentkitError (`status`) where something else than a private folder of ours lies there.

    FileNotFoundError or NotADirectoryError where nothing lies there; refused or unavailable where we may not look.
    """
    try:
        found = os.lstat(path)
    except MISSING:
        raise
    except OSError as error:
        raise tell_unreadable(what, path, error) from error
    _demand_private(found, path, what, FOLDER, status)


def tell_unreadable(what: str, path: str, error: OSError) -> AgentkitError:
    """Return the error for something of ours that the kernel does not let us read."""
    status = Exit.REFUSED if isinstance(error, PermissionError) else Exit.UNAVAILABLE
    return AgentkitError(f"{what} {path} cannot be read: {error.strerror}", status=status)


def _demand_private(found: os.stat_result, path: str, what: str, kind: int, status: int) -> None:
    mode = found.st_mode
    if mode & KIND_MASK != kind:
        raise AgentkitError(f"{what} {path} is {KINDS.get(mode & KIND_MASK, 'a device or a file')}", status=status)
    if found.st_uid != os.geteuid():
        raise AgentkitError(f"{what} {path} belongs to uid {found.st_uid}, and not to us", status=status)
    if mode & OTHERS:
        raise AgentkitError(
            f"{what} {path} is open to others: mode {mode & 0o7777:04o}",
            hint=f"chmod {'0700' if kind == FOLDER else '0600'} {path}",
            status=status,
        )
