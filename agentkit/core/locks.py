"""How does a slow verb keep a second one of its kind out, and say who holds the lock?

The lock is the kernel's (flock, through filelock) on a file that is never deleted, so it cannot go stale: it is gone
with its holder. Hot verbs take the same kernel lock on the same file. What stands in the file only tells who it was.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.times import format_duration
from agentkit.core.tree import is_alive, process_start, read_boot_id, read_pid_namespace

LONGEST_HOLDER_BYTES = 4096
LOOK_AGAIN_S = 0.05


def load_locks() -> None:
    """Load what `hold_lock` needs: a caller that has to wait for something else does it meanwhile."""
    import filelock  # noqa: F401


@contextlib.contextmanager
def hold_lock(path: str, *, what: str, limit: timedelta) -> Iterator[None]:
    """Hold the lock in that file while the block runs; `what` is what it guards, in the words of an error.

    Waits for at most `limit`, then raises AgentkitError (try later) naming the holder and for how long it has held it.
    """
    import filelock

    # Kept on release: whoever waits on a file that was removed waits beside whoever makes a new one.
    lock = filelock.FileLock(
        path,
        timeout=limit.total_seconds(),
        mode=0o600,
        poll_interval=LOOK_AGAIN_S,
        preserve_lock_file=True,
        on_acquired=_write_holder,
    )
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        lock.acquire()
    except filelock.Timeout:
        raise _tell_holder(path, what, limit) from None
    except OSError as error:
        raise AgentkitError(f"{path}: cannot be locked: {error.strerror}", status=Exit.CANNOT_WRITE) from error
    try:
        yield
    finally:
        _clear_holder(path)
        lock.release()


def _write_holder(descriptor: int) -> None:
    pid = os.getpid()
    holder = {
        "pid": pid,
        "pid_start": process_start(pid),
        "boot": read_boot_id(),
        "pid_namespace": read_pid_namespace(),
        "boottime_s": round(_boottime(), 3),
    }
    # A full disk must not keep the work from being done: the kernel's lock holds without a word in the file.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode() + b"\n", 0)


def _clear_holder(path: str) -> None:
    # Without this the file would name a holder that has gone; the lock is free all the same.
    with contextlib.suppress(OSError):
        os.truncate(path, 0)


def _tell_holder(path: str, what: str, limit: timedelta) -> AgentkitError:
    holder = _read_holder(path)
    pid, start, since = holder.get("pid"), holder.get("pid_start"), holder.get("boottime_s")
    waited = f"(limit {format_duration(limit.total_seconds())})"
    hint = f"fuser -v {path}"
    if not isinstance(pid, int):
        told = f"{what}: lock held by another process {waited}"
    elif holder.get("pid_namespace") != read_pid_namespace():
        told = f"{what}: lock held by pid {pid} of another container {waited}"
    elif not isinstance(start, int) or not is_alive(pid, start):
        # The kernel keeps a lock for as long as any process has the open file that took it.
        told = f"{what}: lock held by what pid {pid} left behind {waited}"
    else:
        age = f" for {format_duration(_boottime() - since)}" if isinstance(since, (int, float)) else ""
        told, hint = f"{what}: lock held by pid {pid}{age} {waited}", f"ps -fp {pid}"
    return AgentkitError(told, hint=hint, status=Exit.TRY_LATER)


def _read_holder(path: str) -> dict[str, object]:
    try:
        with open(path, "rb") as file:
            holder = json.loads(file.read(LONGEST_HOLDER_BYTES))
    except (OSError, ValueError):
        return {}
    return holder if isinstance(holder, dict) else {}


def _boottime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
