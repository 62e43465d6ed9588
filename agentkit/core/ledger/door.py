"""Who may have the ledger open while its file is being replaced?

SQLite deletes `ledger.db-wal` by name when its last connection closes. A program that still holds a ledger which
another one has set aside would delete the log of the new ledger. So everybody who opens the ledger holds this door
shared, and whoever replaces the file holds it alone. The kernel lets go when a program dies: the door cannot go stale.
"""

import errno
import fcntl
import os
import time

from agentkit.core.errors import AgentkitError, Exit

NAME = "ledger.lock"
LIMIT_S = 10.0


def enter_door(folder: str, *, alone: bool, limit_s: float = LIMIT_S, may_create: bool = True) -> int | None:
    """Return a descriptor that holds the door until it is closed; None where there is no door and none may be made.

    Raises AgentkitError: try later when the limit passes, cannot write when the door cannot be made.
    """
    path = os.path.join(folder, NAME)
    flags = os.O_CLOEXEC | (os.O_RDWR | os.O_CREAT if may_create else os.O_RDONLY)
    try:
        door = os.open(path, flags, 0o600)
    except OSError as error:
        if not may_create:
            # A folder that we may only read: whoever replaces the ledger there will not be stopped by us.
            return None
        raise AgentkitError(f"cannot open {path}: {error.strerror}", status=Exit.CANNOT_WRITE) from error
    wanted = (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB
    deadline = time.monotonic() + limit_s
    while True:
        try:
            fcntl.flock(door, wanted)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EINTR) or time.monotonic() >= deadline:
                os.close(door)
                doing = "is in use" if alone else "is being repaired or upgraded"
                raise AgentkitError(
                    f"ledger in {folder} {doing} by another program (waited {limit_s:g}s): {error.strerror}",
                    hint="try again; nothing is lost, the evidence waits in the spool",
                    status=Exit.TRY_LATER,
                ) from error
            time.sleep(0.02)
        else:
            return door
