"""Is a process that was left told apart from all that is none of ours?"""

import os
import subprocess
from collections.abc import Iterator

import pytest

from agentkit.core import tree
from agentkit.core.strays import MARK_NAME, Strays
from tests.processes import PATIENCE_S, wait_until


@pytest.fixture
def strays() -> Iterator[Strays]:
    found = Strays()
    yield found
    found.close()


def start(strays: Strays | None = None, owner: int = 0) -> tuple[subprocess.Popen[bytes], dict[int, int]]:
    """Start a process in a session of its own, marked where a Strays is given; return it and its {pid: start}."""
    environment = {**os.environ, MARK_NAME: strays.mark(owner)} if strays else None
    child = subprocess.Popen(["sleep", "60"], start_new_session=True, env=environment)
    wait_until(lambda: tree.argv0(child.pid) == "sleep")
    start_time = tree.process_start(child.pid)
    assert start_time is not None
    return child, {child.pid: start_time}


def end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait(PATIENCE_S)


def test_the_mark_tells_the_owner(strays: Strays) -> None:
    child, process = start(strays, 3)
    assert strays.find(()) == {3: process}
    end(child)


def test_the_session_tells_the_owner(strays: Strays) -> None:
    child, process = start()
    strays.remember_session(4, child.pid)
    assert strays.find(()) == {4: process}
    end(child)


def test_a_process_that_was_seen_below_a_program_stays_its_own(strays: Strays) -> None:
    child, process = start()
    strays.remember(5, process)
    assert strays.find(()) == {5: process}
    end(child)


def test_what_nothing_tells_of_has_no_owner(strays: Strays) -> None:
    child, process = start()
    assert strays.find(()) == {None: process}
    assert strays.find({child.pid}) == {}, "a program itself is no stray"
    end(child)


def test_what_was_let_go_is_looked_at_no_more(strays: Strays) -> None:
    child, process = start(strays)
    strays.let_go(child.pid, process[child.pid])
    assert strays.find(()) == {}
    end(child)


def test_a_dead_stray_is_reaped(strays: Strays) -> None:
    child, _ = start(strays)
    child.send_signal(9)
    wait_until(lambda: (tree.read_stat(child.pid) or "Z")[0] == "Z")
    assert strays.find(()) == {}
    assert tree.read_stat(child.pid) is None
    child.returncode = -9


def test_another_call_has_another_mark(strays: Strays) -> None:
    later = Strays()
    child, process = start(strays, 6)
    assert later.find(()) == {None: process}
    later.close()
    end(child)
