"""Who ends with its parent has to say so first: what becomes of it when the parent has ended by then?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.evolve.machine import LIMIT_S, Machine

TIMES = 20
# Each parent ends as soon as it has started a room; what is left comes to this process.
START = f"""
import os, sys, time
from pathlib import Path
from agentkit.core import tree
from agentkit.evolve.room.beginning import begin
from tests.evolve.machine import Machine
from tests.evolve.rooms import open_place, write_spec
tree.become_subreaper()
with open_place(Machine(Path(sys.argv[1]))) as stall:
    spec, nowhere = write_spec(stall, "exec sleep 600"), os.open("/dev/null", os.O_WRONLY)
    for _ in range({TIMES}):
        parent = os.fork()
        if not parent:
            begin(spec, os.memfd_create("request"), nowhere, is_isolated=sys.argv[2] == "room")
            os._exit(0)
        os.waitpid(parent, 0)
    due = time.monotonic() + 30
    while tree.find_descendants(os.getpid()) and time.monotonic() < due:
        time.sleep(0.01)
    left = tree.find_descendants(os.getpid())
    tree.end_tree(os.getpid(), grace_s=0.0, limit_s=10.0)
    print(len(left), "left")
"""


@pytest.mark.parametrize("kind", ["room", "plain"])
def test_who_lost_its_parent_at_once_ends_as_well(machine: Machine, kind: str) -> None:
    here = str(Path(__file__).parents[2])
    ended = subprocess.run(
        [sys.executable, "-c", START, str(machine.folder), kind], env={**os.environ, "PYTHONPATH": here},
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert ended.stdout == "0 left\n", ended.stderr
