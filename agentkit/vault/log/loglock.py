"""How does one process hold the log against all others, and how long does it wait for its turn?

Imported by the hot verbs.
"""

import fcntl
import time

from agentkit.core.errors import AgentkitError, Exit

LOCK_LIMIT_S = 10.0
LOOK_AGAIN_S = 0.002


def lock_folder(descriptor: int, folder: str, what: str = "the audit log") -> None:
    """Lock an open folder against all others; raises AgentkitError (try later) after 10 s, and OSError."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if not _wait_for_lock(descriptor):
            raise AgentkitError(
                f"{what} has been locked by another process for {LOCK_LIMIT_S:.0f}s",
                hint=f"fuser -v {folder}",
                status=Exit.TRY_LATER,
            ) from None


def _wait_for_lock(descriptor: int) -> bool:
    """Wait in the kernel's queue, which is fair, and tell whether the lock was got within the limit.

    flock(2) knows no limit, and a look every few milliseconds lets one of many wait for ever: so a thread waits.
    """
    import _thread

    failures: list[OSError] = []
    ended = _thread.allocate_lock()
    ended.acquire()

    def wait() -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            failures.append(error)
        finally:
            ended.release()

    try:
        _thread.start_new_thread(wait, ())
    except RuntimeError:
        return _look_for_lock(descriptor)  # no thread is to be had: the limit of processes is reached
    has_ended = ended.acquire(timeout=LOCK_LIMIT_S)
    if failures:
        raise failures[0]
    # Where it has not, the thread gets the lock some day; the descriptor is closed by then, and gives it back at once.
    return has_ended


def _look_for_lock(descriptor: int) -> bool:
    due = time.monotonic() + LOCK_LIMIT_S
    while time.monotonic() < due:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOOK_AGAIN_S)
        else:
            return True
    return False
