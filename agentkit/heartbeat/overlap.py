"""May this job run now, or does another run of it go on, or its program without its wrapper?

Imported by the hot verbs.
"""

import time

from agentkit.core.errors import tell
from agentkit.heartbeat.joblock import JobLock, ask_to_end, find_living_program, take_lock, wait_for_lock
from agentkit.heartbeat.options import RunOptions

# How long a wrapper that was asked to end may need beside its own --kill-after.
ENDING_S = 10.0
KILLED_S = 5.0
LOOK_AGAIN_S = 0.1


def take_job_lock(options: RunOptions, places: list[str]) -> tuple[JobLock | None, dict[str, object] | None]:
    """Return the lock, or who holds it; neither where no lock can be made: the job runs all the same."""
    deadline = time.monotonic() + (0 if options.overlap == "skip" else options.timeout_s)
    for place in places:
        try:
            taken = take_lock(place, options.name)
            if not isinstance(taken, JobLock) and options.overlap != "skip":
                limit_s = options.timeout_s
                if options.overlap == "replace":
                    # The other wrapper ends its program within its own --kill-after.
                    limit_s = min(limit_s, 3 * options.kill_after_s + ENDING_S)
                    ask_to_end(taken)
                taken = wait_for_lock(place, options.name, limit_s)
        except OSError:
            continue
        if not isinstance(taken, JobLock):
            return None, taken
        living = _await_survivors(options, taken, deadline) if taken.holder else {}
        if living:
            taken.release()
            return None, {**(taken.holder or {}), "pid": min(living), "wrapper": "gone"}
        return taken, None
    tell(f"agentkit: warning: {options.name}: no lock could be made, so overlapping runs are not seen\n")
    return None, None


def _await_survivors(options: RunOptions, lock: JobLock, deadline: float) -> dict[int, int]:
    """Return what a killed wrapper left running of its program, after waiting for it or ending it as was asked."""
    living = find_living_program(lock.holder)
    if living and options.overlap == "replace":
        from agentkit.core.tree import send_signal

        for number, limit_s in ((15, options.kill_after_s), (9, KILLED_S)):
            for pid, start in living.items():
                send_signal(pid, start, number)
            until = time.monotonic() + limit_s
            while living and time.monotonic() < until:
                time.sleep(LOOK_AGAIN_S)
                living = find_living_program(lock.holder)
    while living and options.overlap == "wait" and time.monotonic() < deadline:
        time.sleep(LOOK_AGAIN_S)
        living = find_living_program(lock.holder)
    return living


