"""Who runs this job right now?

The kernel's lock (flock) on a file that is never deleted cannot go stale: it is gone with its holder. The file says who
holds it, and whom a killed wrapper left running. Imported by the hot verbs.
"""

import fcntl
import os

from agentkit.core import tree
from agentkit.core.errors import tell
from agentkit.core.spool import make_private_folder
from agentkit.heartbeat.beat import encode
from agentkit.heartbeat.options import RunOptions
from agentkit.heartbeat.signals import Signals

LONGEST_HOLDER_BYTES = 4096
LONGEST_PROGRAM = 500

Holder = dict[str, object]


class JobLock:
    """The lock of one job while it is held; `holder` is what its file said before: a run that was never closed."""

    def __init__(self, descriptor: int, holder: Holder | None) -> None:
        self.descriptor = descriptor
        self.holder = holder

    def write_holder(self, holder: Holder) -> None:
        """Say in the file who runs; raises nothing: the lock holds without it."""
        program = str(holder.get("program", ""))[:LONGEST_PROGRAM]
        raw = encode({**holder, "program": program}).encode() + b"\n"
        try:
            os.pwrite(self.descriptor, raw, 0)
            os.ftruncate(self.descriptor, len(raw))
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


def take_job_lock(options: RunOptions, places: list[str], signals: Signals) -> tuple[JobLock | None, Holder | None]:
    """Return the lock, or who holds it; neither where no lock can be made: the job runs all the same."""
    for place in places:
        try:
            taken = take_lock(place, options.name)
            if not isinstance(taken, JobLock) and options.overlap != "skip":
                from agentkit.heartbeat.overlap import wait_for_lock

                taken = wait_for_lock(options, place, taken, signals)
        except OSError:
            continue
        if not isinstance(taken, JobLock):
            return None, taken
        if taken.holder:
            from agentkit.heartbeat.overlap import await_survivors

            living = await_survivors(options, taken, signals)
            if living:
                taken.release()
                return None, {**taken.holder, "pid": min(living), "wrapper": "gone"}
        return taken, None
    tell(f"agentkit: warning: {options.name}: no lock could be made, so overlapping runs are not seen\n")
    return None, None


def take_lock(place: str, name: str) -> JobLock | Holder:
    """Return the lock of the job, or who holds it; raises OSError where no lock can be made."""
    path = f"{make_private_folder(place, 'locks')}/{name}.lock"
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Somebody may have removed the file by hand in between: then ours locks nothing that others see.
            if _is_still_there(path, descriptor):
                return JobLock(descriptor, _read_holder(descriptor))
        except BlockingIOError:
            holder = _read_holder(descriptor)
            os.close(descriptor)
            return holder or {}
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)


def find_living_program(holder: Holder | None) -> dict[int, int]:
    """Return {pid: start} of what a killed wrapper left running: the program of a run that was never closed."""
    if not holder or not _is_of_this_boot(holder):
        return {}
    child, start = holder.get("child"), holder.get("child_start")
    if isinstance(child, int) and isinstance(start, int):
        # What the program itself left behind does not count once it has ended, no more than after any other run.
        return {child: start, **tree.find_descendants(child)} if tree.is_alive(child, start) else {}
    # Killed at the very start: the program carries the run in its environment, and no kill takes that away.
    return tree.find_marked(f"AGENTKIT_RUN={holder.get('run')}".encode())


def ask_to_end(holder: Holder) -> bool:
    """Send TERM to the wrapper that holds the lock, when it still is the process that took it."""
    pid, start = holder.get("pid"), holder.get("pid_start")
    if not isinstance(pid, int) or not isinstance(start, int) or not _is_of_this_boot(holder):
        return False
    return tree.send_signal(pid, start, 15)


def _is_still_there(path: str, descriptor: int) -> bool:
    try:
        there, held = os.stat(path, follow_symlinks=False), os.fstat(descriptor)
    except FileNotFoundError:
        return False
    return (there.st_ino, there.st_dev) == (held.st_ino, held.st_dev)


def _is_of_this_boot(holder: Holder) -> bool:
    # A process id means nothing in another PID namespace or after a reboot.
    return holder.get("boot") == tree.read_boot_id() and holder.get("pid_namespace") == tree.read_pid_namespace()


def _read_holder(descriptor: int) -> Holder | None:
    """Return what the first line says; None for an empty file, {} for what is no record of ours."""
    try:
        raw = os.pread(descriptor, LONGEST_HOLDER_BYTES, 0).split(b"\n")[0]
    except OSError:
        return {}  # no regular file; it can be locked all the same
    if not raw.strip():
        return None
    import json

    try:
        holder = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return holder if isinstance(holder, dict) else {}
