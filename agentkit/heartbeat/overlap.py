"""What is done when a job still runs: waiting for it, ending it, or looking after what a killed wrapper left of it?

Imported only when there is such a run: the way of a job that runs alone pays nothing for it.
"""

import time

from agentkit.core import tree
from agentkit.heartbeat.joblock import Holder, JobLock, ask_to_end, find_living_program, take_lock
from agentkit.heartbeat.options import RunOptions
from agentkit.heartbeat.signals import Signals

# How long a wrapper that was asked to end may need beside its own --kill-after.
ENDING_S = 10.0
KILLED_S = 5.0
LOOK_AGAIN_S = 0.1


def wait_for_lock(options: RunOptions, place: str, holder: Holder, signals: Signals) -> JobLock | Holder:
    """Return the lock as soon as it is free, or who holds it when the limit is over or we are asked to end."""
    limit_s = options.timeout_s
    if options.overlap == "replace":
        # The other wrapper ends its program within its own --kill-after.
        limit_s = min(limit_s, 3 * options.kill_after_s + ENDING_S)
    deadline = time.monotonic() + limit_s
    asked: set[object] = set()
    while time.monotonic() < deadline:
        # The holder's name may not be in the file yet, and another one may come before us.
        if options.overlap == "replace" and holder.get("run") not in asked and ask_to_end(holder):
            asked.add(holder.get("run"))
        if signals.wait(LOOK_AGAIN_S):
            break
        taken = take_lock(place, options.name)
        if isinstance(taken, JobLock):
            return taken
        holder = taken
    return holder


def await_survivors(options: RunOptions, lock: JobLock, signals: Signals) -> dict[int, int]:
    """Return {pid: start} of what a killed wrapper left running, after waiting for it or ending it as was asked."""
    living = find_living_program(lock.holder)
    if living and options.overlap == "replace":
        known = dict(living)

        def find_rest() -> dict[int, int]:
            known.update(find_living_program(lock.holder))
            return {pid: start for pid, start in known.items() if tree.is_alive(pid, start)}

        tree.end_all(find_rest, grace_s=options.kill_after_s, limit_s=options.kill_after_s + KILLED_S)
        living = find_rest()
    deadline = time.monotonic() + options.timeout_s
    while living and options.overlap == "wait" and time.monotonic() < deadline and not signals.wait(LOOK_AGAIN_S):
        living = find_living_program(lock.holder)
    return living
