"""How does evolve have a program run in a room, and what does it learn of it?"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from agentkit.core.ourselves import PLACE
from agentkit.core.process import run_program
from agentkit.core.program import Ended, Program
from agentkit.evolve.room.outcomes import LOST, TIME, UNMADE
from agentkit.evolve.room.spec import LENGTH_BYTES, Spec, write_spec

# Without site and without anything of the caller's: the room begins in half the time, and on nobody's words.
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from agentkit.evolve.room.launcher import main; main()"
# The room keeps the limit itself; this one holds where it cannot.
SPARE_TIME = timedelta(seconds=10)
LONGEST_REPORT = 1024


@dataclass(frozen=True)
class Stay:
    """How a program's stay in a room ended.

    `outcome` is one of room.outcomes; where the program could not be run, `trouble` says why, and where no room could
    be made `status` is the errno. Where this machine permits no room, `no_room` says why.
    """

    status: int
    outcome: str
    trouble: str
    is_isolated: bool
    stdout: bytes
    stderr: bytes
    duration: timedelta
    no_room: str = ""


def stay_in_room(spec: Spec, request: bytes, keep_bytes: int) -> Stay:
    """Run a program in a room, and return how it ended; of what it said the last bytes are kept."""
    raw = write_spec(spec)
    ended = run_program(
        Program(
            (sys.executable, "-I", "-S", "-c", START, PLACE),
            limit=timedelta(seconds=spec.limit_s) + SPARE_TIME,
            environment=_choose_variables(spec.environment),
            folder=spec.copy,
            stdin=len(raw).to_bytes(LENGTH_BYTES, "big") + raw + request,
            keep_bytes=keep_bytes + LONGEST_REPORT,
        )
    )
    said, token, report = ended.stderr.rpartition(f"\n{spec.token} ".encode())
    stdout = ended.stdout[-keep_bytes:]
    if ended.status != 0 or not token:
        return _tell_without_report(ended, stdout, ended.stderr[-keep_bytes:])
    isolated, status, outcome, trouble, no_room = os.fsdecode(report).split("\0")
    return Stay(int(status), outcome, trouble, isolated == "1", stdout, said[-keep_bytes:], ended.duration, no_room)


def _tell_without_report(ended: Ended, stdout: bytes, stderr: bytes) -> Stay:
    outcome, trouble = LOST, ended.trouble
    if ended.outcome in ("timed-out", "unkillable"):
        outcome = TIME
    elif ended.trouble or (ended.outcome == "exited" and ended.status):
        # A room ends with 0, whatever happens in it: this one never began.
        outcome = UNMADE
        trouble = trouble or stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
    return Stay(0, outcome, trouble, False, stdout, stderr, ended.duration)


def _choose_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return what the room's own process needs: where it is not isolated, its environment can be read."""
    return {name: variables[name] for name in ("LANG", "LC_ALL", "LC_CTYPE") if name in variables}
