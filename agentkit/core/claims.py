"""Who deals with something right now, written down so that anybody can tell later whether that process is still there?

Imported when nothing wakes anybody.
"""

from __future__ import annotations

import os
import time

from agentkit.core.tree import is_alive, process_start, read_boot_id, read_pid_namespace

# One of another container cannot be looked at: after so long it is taken to have gone with its container.
LONGEST_CLAIM_S = 3600.0


def name_this_process() -> str:
    """Return what tells this process from any other: pid, start in clock ticks since boot, boot, PID namespace."""
    pid = os.getpid()
    return f"{pid} {process_start(pid)} {read_boot_id()} {read_pid_namespace()}"


def is_claim_held(holder: str) -> bool:
    """Tell whether the process that a claim names may still be there: one that cannot be looked at from here is."""
    words = holder.split()
    if len(words) != 4 or words[2] != str(read_boot_id()):
        return False
    if words[3] != str(read_pid_namespace()):
        begun_s = int(words[1]) / os.sysconf("SC_CLK_TCK") if words[1].isdigit() else 0.0
        return time.clock_gettime(time.CLOCK_BOOTTIME) - begun_s < LONGEST_CLAIM_S
    return words[0].isdigit() and words[1].isdigit() and is_alive(int(words[0]), int(words[1]))


def has_gone(holder: str) -> bool:
    """Tell whether the process that a claim names is known to be gone: one of another container or machine never is."""
    pid, start, *place = [*holder.split(), "", ""]
    if place[:2] != [str(read_boot_id()), str(read_pid_namespace())]:
        return False
    return pid.isdigit() and start.isdigit() and not is_alive(int(pid), int(start))
