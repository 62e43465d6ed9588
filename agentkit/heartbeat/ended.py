"""Which open runs will never be closed by their own wrapper, because it is gone?"""

from __future__ import annotations

from agentkit.core.evidence import Run
from agentkit.core.times import format_duration
from agentkit.core.tree import is_alive, read_boot_id, read_pid_namespace

# What a wrapper may need beside its time limit: to end the tree, and to write down that it did.
ENDING_S = 120.0


def find_lost(runs: list[Run], now: float) -> list[tuple[Run, str]]:
    """Return the open runs whose wrapper is gone, each with why that is known."""
    boot, namespace = read_boot_id(), read_pid_namespace()
    lost = []
    for run in runs:
        if run.boot != boot:
            lost.append((run, "the machine was restarted"))
        elif run.pid_namespace != namespace:
            # Its process numbers say nothing here: undecided until it must be over.
            limit_s = (run.timeout_s or 0.0) + ENDING_S
            if run.started_at is not None and now - run.started_at > limit_s:
                lost.append((run, f"no word from it {format_duration(limit_s)} after its start in another namespace"))
        elif run.pid is None or run.pid_start is None or not is_alive(run.pid, run.pid_start):
            lost.append((run, f"its wrapper (pid {run.pid}) is gone without a closing record"))
    return lost
