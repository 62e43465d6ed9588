"""What holds where namespaces are refused, and where the proposer is run by an ordinary user?"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from agentkit.core.ourselves import call_ourselves
from tests.evolve.machine import GOOD, LIMIT_S, Machine
from tests.evolve.rooms import REFUSE, find_left
from tests.processes import find_by_words, wait_until

# Only so many: where the bound does not hold, the machine has to.
CROWD = "n=0; while [ $n -lt 150 ]; do sleep 60 & n=$((n + 1)); done; wait"
DAEMON = "import os, time; os.setsid(); os.fork() and os._exit(0); time.sleep(600)"
SETTINGS = '[evolve]\nlimit = "{limit}"\nmemory = "128MiB"\ndisk = "24MiB"\nprocesses = 60\n'
DEEDS = {
    "a daemon": (f'{sys.executable} -c "{DAEMON}" & sleep 0.5', "the proposer changed nothing", "90s"),
    "a full disk": ("cat /dev/zero > big", "the proposer wrote more than 24.0MiB", "90s"),
    "a crowd": (CROWD, "the proposer had more than 60 processes", "90s"),
    "no end": ("trap '' TERM; while :; do sleep 1; done", "the proposer did not end within 2s", "2s"),
    "no room": (f"kill -9 $PPID; {GOOD}; sleep 60", "the proposer ended what watches over it", "90s"),
}


def try_where_refused(machine: Machine, script: str) -> tuple[int, dict[str, object]]:
    words = call_ourselves("evolve", "try", "--propose", script, "--json")
    ended = subprocess.run(
        [*REFUSE, *words], cwd=machine.scripts, env=machine.environ, capture_output=True, timeout=LIMIT_S, check=False
    )
    assert ended.stdout, ended.stderr.decode()
    return ended.returncode, json.loads(ended.stdout)


def test_without_namespaces_a_change_is_made_judged_and_recorded_as_not_isolated(machine: Machine) -> None:
    status, record = try_where_refused(machine, GOOD)
    assert (status, record["state"], record["isolated"]) == (0, "accepted", False)


@pytest.mark.parametrize("name", DEEDS)
def test_without_namespaces_the_bounds_hold_and_nobody_is_left(machine: Machine, name: str) -> None:
    script, reason, limit = DEEDS[name]
    machine.configure(SETTINGS.format(limit=limit))
    before = machine.look()
    _, record = try_where_refused(machine, script)
    assert (record["reason"], record["isolated"]) == (reason, False)
    assert find_left(str(record["id"])) == []
    assert machine.look() == before


@pytest.mark.parametrize("around", [(), REFUSE], ids=["isolated", "refused"])
def test_whoever_kills_evolve_leaves_no_proposer_behind(machine: Machine, around: tuple[str, ...]) -> None:
    seconds = f"{os.getpid()}{len(around)}"
    script = f"setsid sleep {seconds} & sleep {seconds}"
    words = (*around, *call_ourselves("evolve", "try", "--propose", script))
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(words, cwd=machine.scripts, env=machine.environ, stdout=nowhere, stderr=nowhere) as evolve:
        wait_until(lambda: len(find_by_words(f"sleep {seconds}")) == 2)
        evolve.kill()
    wait_until(lambda: find_by_words(f"sleep {seconds}") == [])
