"""Do those that compute keep more from being started, and those that wait not?"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from agentkit.core import tree
from agentkit.core.crowd import AT_A_PROCESSOR, LEAST, LONGEST_RUN_NS, LONGEST_YOUTH_S, Crowd
from tests.processes import wait_until

ROOM = max(LEAST, AT_A_PROCESSOR * len(os.sched_getaffinity(0)))
BUSY = "exec 2>&-; while :; do :; done"


@pytest.fixture(autouse=True)
def nobody_computed_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the figures of the kernel be small, however long the test itself takes to start so many."""
    monkeypatch.setattr("agentkit.core.tree.processor_time", lambda _: (0, 0))


@contextmanager
def crowd_of(*scripts: str, room: int | None = None) -> Iterator[Crowd]:
    crowd = Crowd(room)
    started = [subprocess.Popen(["sh", "-c", script], stdin=subprocess.DEVNULL) for script in scripts]
    try:
        for process in started:
            crowd.add(SimpleNamespace(pid=process.pid, wait_status=None, begun=100.0))  # type: ignore[arg-type]
        yield crowd
    finally:
        for process in started:
            for pid in tree.list_children(process.pid):
                os.kill(pid, 9)
            process.kill()
            process.wait(30)


def test_as_many_as_there_is_room_for_may_compute_and_no_more() -> None:
    with crowd_of(*[BUSY] * (ROOM - 1)) as crowd:
        assert not crowd.is_full(100.1)
    with crowd_of(*[BUSY] * ROOM) as crowd:
        assert crowd.is_full(100.1)


def test_who_is_there_for_long_or_has_computed_for_long_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with crowd_of(*[BUSY] * ROOM) as crowd:
        assert not crowd.is_full(100.0 + LONGEST_YOUTH_S)
    with crowd_of(*[BUSY] * ROOM) as crowd:
        monkeypatch.setattr("agentkit.core.tree.processor_time", lambda _: (LONGEST_RUN_NS - 1, 0))
        assert crowd.is_full(100.1)
        monkeypatch.setattr("agentkit.core.tree.processor_time", lambda _: (LONGEST_RUN_NS, 0))
        assert not crowd.is_full(100.1)


def test_the_room_may_be_smaller() -> None:
    with crowd_of(BUSY, BUSY, room=2) as crowd:
        assert crowd.is_full(100.1)
    with crowd_of(BUSY, room=2) as crowd:
        assert not crowd.is_full(100.1)


@pytest.mark.parametrize("script", ["exec sleep 60", "sleep 60; :"])
def test_any_number_may_wait(script: str) -> None:
    with crowd_of(*[script] * ROOM * 2) as crowd:
        wait_until(lambda: not crowd.is_full(100.1))


def test_who_waits_for_a_child_that_computes_computes() -> None:
    with crowd_of(*[f"sh -c '{BUSY}'; :"] * ROOM) as crowd:
        assert crowd.is_full(100.1)
        wait_until(lambda: all(tree.list_children(young.pid) for young in crowd._young))
        assert crowd.is_full(100.1)
