"""Tasks on several workers: one that dies costs a repeat and nothing else."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import resource_tracker
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import Record
from agentkit.core.tree import list_children
from agentkit.evolve.pool import LOSSES_ALONE, Finished, Pool, Task, make_local
from tests.conftest import ROOT
from tests.evolve.pooltasks import answer, die, die_first, end_at_once, sleep, stop
from tests.processes import wait_until

LIMIT_S = 60


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # The pool sets it for its workers, and it would stay for the tests after this one.
    monkeypatch.setenv("PYTHONSAFEPATH", "1")


@pytest.fixture(autouse=True)
def no_tracker() -> Iterator[None]:
    yield
    # What multiprocessing leaves running beside its workers; other tests look for processes of their own.
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]  # private, and nothing public ends it


def run_all(
    tasks: dict[str, Callable[[Record], Record]], jobs: int = 2, limit_s: float = LIMIT_S
) -> dict[str, Finished]:
    """Run tasks by their names, and return how each ended; none of them ends twice."""
    waiting, found = list(tasks.items()), {}
    with Pool(make_local, jobs) as pool:
        while waiting or pool.count:
            while waiting and pool.has_room:
                name, function = waiting.pop(0)
                pool.submit(Task(name, function, {"name": name}, limit_s))
            assert pool.count <= jobs
            for one in pool.wait():
                assert one.task.name not in found
                found[one.task.name] = one
    assert found.keys() == tasks.keys()
    return found


def test_each_task_ends_once_on_as_many_workers_as_were_asked_for() -> None:
    found = run_all({f"{number}": answer for number in range(12)})
    pids = {one.evidence["pid"] for one in found.values() if one.evidence}
    assert {name: one.evidence["name"] for name, one in found.items() if one.evidence} == {n: n for n in found}
    assert 1 <= len(pids) <= 2
    assert os.getpid() not in pids


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_worker_that_is_killed_costs_a_repeat(jobs: int) -> None:
    found = run_all({"a": answer, "b": die_first, "c": answer, "d": die_first}, jobs)
    assert all(one.evidence is not None for one in found.values())
    assert found["b"].evidence is not None
    assert found["b"].evidence["is_again"] is True


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_task_that_loses_each_worker_is_given_up_and_the_others_are_not(jobs: int) -> None:
    found = run_all({"a": answer, "b": die, "c": answer, "d": answer, "e": die}, jobs)
    assert {name for name, one in found.items() if one.evidence is None} == {"b", "e"}
    assert found["b"].task.alone == found["e"].task.alone == LOSSES_ALONE


def test_a_worker_that_is_stopped_is_not_waited_for_and_its_task_given_up() -> None:
    found = run_all({"a": stop, "b": answer}, limit_s=10.0)
    assert found["a"].evidence is None
    assert found["b"].evidence is not None


def test_where_no_worker_can_be_had_no_task_is_blamed() -> None:
    def make(jobs: int) -> Executor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(jobs, mp_context=context, initializer=end_at_once)

    with Pool(make, 2) as pool:
        pool.submit(Task("a", answer, {}, LIMIT_S))
        with pytest.raises(AgentkitError) as caught:
            pool.wait()
    assert caught.value.status == Exit.UNAVAILABLE


def test_who_leaves_leaves_no_worker_behind(tmp_path: Path) -> None:
    with Pool(make_local, 2) as pool:
        for name in "ab":
            pool.submit(Task(name, sleep, {"folder": str(tmp_path)}, LIMIT_S))
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
    assert not any(Path(f"/proc/{path.name}").exists() for path in tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_die_with_their_parent(tmp_path: Path, number: int) -> None:
    words = [sys.executable, "-c", "import sys; from tests.evolve.pooltasks import hold_pool; hold_pool(sys.argv[1])"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    holder = subprocess.Popen([*words, str(tmp_path)], cwd=ROOT, env=environ, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
        below = list_children(holder.pid)
        assert {int(path.name) for path in tmp_path.iterdir()} <= set(below)
    finally:
        holder.send_signal(number)
        holder.wait(timeout=LIMIT_S)
    wait_until(lambda: not any(is_there(pid) for pid in below))


def is_there(pid: int) -> bool:
    try:
        return b"multiprocessing" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
