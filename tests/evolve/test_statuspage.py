"""Does the status say what is at work, in which step and by whom, and what was left for resume?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import jsonschema

from agentkit.core.claims import name_this_process
from agentkit.core.ourselves import call_ourselves
from agentkit.core.schemas import read_schema
from tests.conftest import Run
from tests.evolve.machine import BAD, GOOD, Machine
from tests.evolve.planted import DEAD, plant, plant_run

LIMIT_S = 60.0


@contextmanager
def try_slowly(machine: Machine) -> Iterator[subprocess.Popen[bytes]]:
    """Run a `try` whose proposer waits until it is ended."""
    tried = subprocess.Popen(
        call_ourselves("evolve", "try", "--propose", "sleep 600"), cwd=machine.scripts, env=machine.environ,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield tried
    finally:
        tried.kill()
        tried.wait(LIMIT_S)


def wait_for_one(machine: Machine) -> dict[str, object]:
    """Return the record of what is open as soon as there is one."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        status, records = machine.ask("status")
        assert status == 0
        if records:
            [record] = records
            jsonschema.validate(record, read_schema("candidate"))
            return record
        time.sleep(0.1)
    raise AssertionError("nothing was begun")


def test_one_at_work_is_told_with_its_step_and_after_a_kill_it_is_left(machine: Machine) -> None:
    with try_slowly(machine) as tried:
        record = wait_for_one(machine)
        assert (record["at_work"], record["step"], record["proposer"]) == (True, "proposing", "sleep 600")
        status, stdout, _ = machine.call("evolve", "status")
        assert status == 0
        assert "at work  its proposer changes a copy  sleep 600\n" in stdout
        assert "resume" not in stdout
        os.kill(tried.pid, signal.SIGKILL)
        tried.wait(LIMIT_S)
    [left] = machine.ask("status")[1]
    assert left == {**record, "at_work": False}
    status, stdout, _ = machine.call("evolve", "status")
    assert status == 0
    assert "cut off  while its proposer was at work" in stdout
    assert stdout.endswith("next agentkit evolve resume\n")


def test_what_is_not_free_waits_and_says_for_what(machine: Machine) -> None:
    assert machine.ask("try", "--propose", BAD)[0] == 1
    machine.write({"job.sh": "echo saved # not committed\n"})
    status, [waiting] = machine.ask("try", "--propose", GOOD)
    assert (status, waiting["state"]) == (77, "proposed")
    assert machine.ask("status")[1] == [{**waiting, "at_work": False}]
    status, stdout, _ = machine.call("evolve", "status")
    assert status == 0
    assert str(waiting["reason"]) in stdout
    # What ended before is told all the same.
    assert "\nlast rejected " in stdout


def test_when_nothing_is_open_the_last_one_is_told(agentkit: Run, environ: dict[str, str]) -> None:
    one = plant(environ, time.time() - 8000, state="accepted", kept=1, reason="2 tests hold")
    ended = agentkit("evolve", "status")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"nothing is under way\nlast accepted 2h ago, {one.id[:16]} by mend: 2 tests hold\n"
    assert agentkit("evolve", "status", "--json").stdout == ""


def test_where_nothing_was_tried_it_says_how_to_begin(agentkit: Run) -> None:
    ended = agentkit("evolve", "status")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr == "agentkit: nothing was tried yet: agentkit evolve try --propose 'PROGRAM…'\n"


def test_a_run_says_how_far_it_is_and_only_what_is_at_work_has_a_line(agentkit: Run, environ: dict[str, str]) -> None:
    now, ours = time.time(), name_this_process()
    run = plant_run(environ, now - 600, count=9, claim=ours)
    opened = {"batch": run, "ended_at": None, "reason": ""}
    plant(environ, now - 500, batch=run)
    plant(environ, now - 400, **opened, step="judged", state="accepted", claim=ours)
    plant(environ, now - 300, **opened, step="proposed", state="proposed", claim=ours)
    for _ in range(6):
        plant(environ, now - 200, **opened, step="proposing", state="proposed")
    ended = agentkit("evolve", "status")
    assert [line.split("at work")[1].split("mend")[0].strip() for line in ended.stdout.splitlines()[1:3]] == [
        "a run: 2 of 9 judged",
        "the ratchet judges it",
    ]
    assert ended.stdout.splitlines()[3].startswith("last ")
    records = [json.loads(line) for line in agentkit("evolve", "status", "--json").stdout.splitlines()]
    assert [(one["batch"], one["at_work"]) for one in records] == [(run, True)] * 8


def test_a_run_without_its_process_is_left_in_one_line(agentkit: Run, environ: dict[str, str]) -> None:
    now = time.time()
    run = plant_run(environ, now - 600, count=9, claim=DEAD)
    plant(environ, now - 400, batch=run, ended_at=None, step="judged", state="accepted", claim=DEAD)
    plant(environ, now - 300, batch=run, ended_at=None, step="proposing", state="proposed", reason="")
    _, row, step = agentkit("evolve", "status").stdout.splitlines()
    assert "cut off  a run: 1 of 9 judged" in row
    assert step == "next agentkit evolve resume"
    records = [json.loads(line) for line in agentkit("evolve", "status", "--json").stdout.splitlines()]
    assert [one["at_work"] for one in records] == [False, False]


def test_a_run_that_was_given_back_says_why(agentkit: Run, environ: dict[str, str]) -> None:
    now = time.time()
    run = plant_run(environ, now - 600, count=9, claim=None)
    plant(environ, now - 300, batch=run, ended_at=None, step="proposed", state="proposed", reason="job.sh is changed")
    assert "waits  a run: 0 of 9 judged: job.sh is changed  mend\n" in agentkit("evolve", "status").stdout


def test_decisions_whose_turn_did_not_come_are_left_with_these_words(agentkit: Run, environ: dict[str, str]) -> None:
    opened = {"base": "", "branch": "", "ended_at": None, "step": "proposing", "state": "proposed", "reason": ""}
    plant(environ, time.time() - 5, **opened, claim=DEAD)
    plant(environ, time.time() - 4, **opened, claim=name_this_process())
    left, waiting = agentkit("evolve", "status").stdout.splitlines()[1:3]
    assert "cut off  before its turn came" in left
    assert "at work  its turn comes" in waiting
    for line in agentkit("evolve", "status", "--json").stdout.splitlines():
        jsonschema.validate(json.loads(line), read_schema("candidate"))


def test_the_id_of_a_run_is_told_to_be_one(agentkit: Run, environ: dict[str, str]) -> None:
    run = plant_run(environ, time.time() - 600, count=9, claim=None)
    ended = agentkit("evolve", "show", run[:16])
    assert (ended.returncode, ended.stdout) == (69, "")
    assert f"{run[:16]} is a run, of 9 candidates" in ended.stderr
