"""Who runs this job right now?

The kernel's lock (flock) on a file that is never deleted cannot go stale: it is gone with its holder. The file says who
holds it, and whom a killed wrapper left running. Imported by the hot verbs.
"""

import fcntl
import os
import time

from agentkit.core.spool import make_private_folder
from agentkit.core.tree import find_marked, send_signal
from agentkit.heartbeat.beat import encode, read_boot_id, read_pid_namespace

LONGEST_HOLDER_BYTES = 4096
LOOK_AGAIN_S = 0.2


class JobLock:
    """The lock of one job while it is held; `holder` is what its file said before: a run that was never closed."""

    def __init__(self, descriptor: int, holder: dict[str, object] | None) -> None:
        self.descriptor = descriptor
        self.holder = holder

    def write_holder(self, holder: dict[str, object]) -> None:
        """Say in the file who runs; raises nothing: the lock holds without it."""
        raw = encode(holder).encode()[:LONGEST_HOLDER_BYTES]
        try:
            os.pwrite(self.descriptor, raw.ljust(64) + b"\n", 0)
            os.ftruncate(self.descriptor, max(len(raw), 64) + 1)
        except OSError:
            # A full disk must not keep the job from running; the kernel's lock is held all the same.
            return

    def clear_holder(self) -> None:
        """Say in the file that the run came to its end."""
        try:
            os.ftruncate(self.descriptor, 0)
        except OSError:
            return

    def release(self) -> None:
        """Give the lock to the next one."""
        os.close(self.descriptor)


def take_lock(place: str, name: str) -> "JobLock | dict[str, object]":
    """Return the lock of the job, or who holds it; raises OSError where no lock can be made."""
    path = f"{make_private_folder(place, 'locks')}/{name}.lock"
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read_holder(descriptor)
            os.close(descriptor)
            return holder or {}
        except OSError:
            os.close(descriptor)
            raise
        # Somebody may have removed the file by hand in between: then ours locks nothing that others see.
        try:
            if os.stat(path).st_ino == os.fstat(descriptor).st_ino:
                return JobLock(descriptor, _read_holder(descriptor))
        except FileNotFoundError:
            pass
        os.close(descriptor)


def wait_for_lock(place: str, name: str, limit_s: float) -> "JobLock | dict[str, object]":
    """Return the lock of the job as soon as it is free, or who holds it still when the limit is over."""
    deadline = time.monotonic() + limit_s
    while True:
        taken = take_lock(place, name)
        rest = deadline - time.monotonic()
        if isinstance(taken, JobLock) or rest <= 0:
            return taken
        time.sleep(min(LOOK_AGAIN_S, rest))


def find_living_program(holder: dict[str, object] | None) -> dict[int, int]:
    """Return {pid: start} of what a killed wrapper left running: the program of a run that was never closed."""
    if not holder or not _is_of_this_boot(holder):
        return {}
    # The program carries the run in its environment, and so do its children: no kill can take that away.
    return find_marked(f"AGENTKIT_RUN={holder.get('run')}".encode())


def ask_to_end(holder: dict[str, object]) -> bool:
    """Send TERM to the wrapper that holds the lock, when it still is the process that took it."""
    pid, start = holder.get("pid"), holder.get("pid_start")
    if not isinstance(pid, int) or not isinstance(start, int) or not _is_of_this_boot(holder):
        return False
    return send_signal(pid, start, 15)


def _is_of_this_boot(holder: dict[str, object]) -> bool:
    # A process id means nothing in another PID namespace or after a reboot.
    return holder.get("boot") == read_boot_id() and holder.get("pid_namespace") == read_pid_namespace()


def _read_holder(descriptor: int) -> dict[str, object] | None:
    raw = os.pread(descriptor, LONGEST_HOLDER_BYTES, 0).strip()
    if not raw:
        return None
    import json

    try:
        holder = json.loads(raw)
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) else {}
