"""Whoever dies in the middle of a run, a worker or all of it: each candidate gets one verdict, and none is repeated."""

from __future__ import annotations

import signal

import pytest

from agentkit.core.tree import list_children
from tests.evolve.machine import Machine
from tests.evolve.manyruns import (
    GOOD_EACH,
    LIMIT_S,
    end_by_id,
    find_busy,
    find_faults,
    find_workers,
    is_running,
    read_records,
    start_run,
)
from tests.processes import wait_until


def test_a_worker_that_is_killed_costs_a_repeat_and_no_verdict(machine: Machine) -> None:
    evolve = start_run(machine, "run", "--count", "6", "--jobs", "2", "--propose", GOOD_EACH)
    killed = 0
    for done in (1, 4):
        wait_until(lambda done=done: len(machine.candidates()) >= done and find_busy(evolve.pid))  # type: ignore[misc]
        busy = find_busy(evolve.pid)
        killed += bool(busy)
        for victim in busy[:1]:
            end_by_id(victim, signal.SIGKILL)
        wait_until(lambda busy=busy: not any(is_running(pid) for pid in busy))  # type: ignore[misc]
    stdout, stderr = evolve.communicate(timeout=LIMIT_S)
    assert killed
    assert (evolve.returncode, stderr) == (0, b"")
    assert find_faults(machine, 6) == []
    records = read_records(stdout)
    assert len(records) == 7
    assert records[-1]["kept"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_what_a_run_leaves_is_taken_up_and_nothing_of_it_twice(machine: Machine, number: int) -> None:
    before = machine.look()
    evolve = start_run(machine, "run", "--count", "6", "--jobs", "2", "--propose", GOOD_EACH)
    wait_until(lambda: len(machine.candidates()) >= 3 and find_busy(evolve.pid))
    below = list_children(evolve.pid)
    evolve.send_signal(number)
    stdout, stderr = evolve.communicate(timeout=LIMIT_S)
    assert evolve.returncode in (-number, 128 + number)
    assert number != signal.SIGINT or b"agentkit evolve resume" in stderr
    assert b"leaked" not in stderr
    wait_until(lambda: not any(is_running(pid) for pid in below))
    assert machine.look() == before
    told = {str(one["id"]) for one in read_records(stdout)}
    status, records = machine.ask("resume")
    assert (status, records[-1]["kept"]) == (0, True)
    # What had its verdict before is not told again, but for the one that is kept.
    assert told.isdisjoint(str(one["id"]) for one in records[:-1])
    assert find_faults(machine, 6) == []
    assert machine.call("evolve", "resume") == (0, "", "")


def test_nobody_resumes_a_run_that_goes_on(machine: Machine) -> None:
    evolve = start_run(machine, "run", "--count", "4", "--jobs", "1", "--propose", GOOD_EACH)
    wait_until(lambda: find_workers(evolve.pid) and machine.candidates())
    assert machine.ask("resume") == (0, [])
    assert evolve.poll() is None
    evolve.communicate(timeout=LIMIT_S)
    assert evolve.returncode == 0
    assert find_faults(machine, 4) == []


def test_whoever_stops_a_try_by_hand_hears_how_it_goes_on(machine: Machine) -> None:
    evolve = start_run(machine, "try", "--propose", "sleep 60")
    wait_until(lambda: list_children(evolve.pid) and machine.ask("log")[1])
    evolve.send_signal(signal.SIGINT)
    stdout, stderr = evolve.communicate(timeout=LIMIT_S)
    assert (evolve.returncode in (-signal.SIGINT, 128 + signal.SIGINT), stdout) == (True, b"")
    assert b"hint: agentkit evolve resume goes on from here" in stderr
