"""Which bounds does the kernel itself keep for each process of a proposer?"""

from __future__ import annotations

import os
import resource

from agentkit.core import tree

MIB = 1024 * 1024
# With 1, and not with 0, no program is started either that would take the core on its stdin (core(5)).
NO_CORE = 1
# The watching is what ends it and says why; these bounds hold until it looks.
SPARE_BYTES = 4 * MIB
# To the kernel each thread is one of them.
THREADS_EACH = 16
COUNTS_BY_NAMESPACE = (5, 14)


def set_bounds(memory_bytes: int, disk_bytes: int, processes: int, *, is_isolated: bool) -> None:
    """Bound this process and all that come of it."""
    bounds = {
        resource.RLIMIT_CORE: NO_CORE,
        resource.RLIMIT_FSIZE: disk_bytes + SPARE_BYTES,
        resource.RLIMIT_DATA: memory_bytes + max(memory_bytes // 4, SPARE_BYTES),
    }
    # Root is not held to it, and has the watching alone.
    others = 0 if is_isolated and _counts_by_namespace() else _count_threads_of_user()
    bounds[resource.RLIMIT_NPROC] = others + processes * THREADS_EACH
    for name, value in bounds.items():
        soft, hard = resource.getrlimit(name)
        wanted = min(value, *(one for one in (soft, hard) if one != resource.RLIM_INFINITY), 2**63 - 1)
        resource.setrlimit(name, (wanted, wanted))


def _counts_by_namespace() -> bool:
    """Tell whether the kernel counts the processes of a user namespace apart from what else its user runs."""
    numbers = os.uname().release.replace("-", ".").split(".")[:2]
    return all(one.isdigit() for one in numbers) and tuple(map(int, numbers)) >= COUNTS_BY_NAMESPACE


def _count_threads_of_user() -> int:
    user, count = os.getuid(), 0
    for pid in tree.list_pids():
        try:
            is_own = os.stat(f"/proc/{pid}").st_uid == user
        except OSError:
            continue  # ended since it was listed
        found = tree.read_stat(pid) if is_own else None
        count += found[4] if found else 0
    return count
