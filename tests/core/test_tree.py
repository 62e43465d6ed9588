"""Are all processes of a program found, and are all of them ended?"""

import fcntl
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentkit.core import tree
from tests.processes import PATIENCE_S, find_by_words, wait_until


@pytest.fixture
def subreaper() -> Iterator[None]:
    assert tree.become_subreaper()
    yield
    tree.become_subreaper(False)


def start(script: str, napping: Callable[[], bool]) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(["sh", "-c", script], start_new_session=True)
    wait_until(napping)
    return child


def end_own_tree(reaped: dict[int, int], grace_s: float = 0.2) -> list[int]:
    return tree.end_tree(os.getpid(), grace_s=grace_s, limit_s=PATIENCE_S, on_reaped=reaped.__setitem__)


FORTY = "for i in 1 2 3 4; do (for j in 1 2 3 4 5 6 7 8 9 10; do NAP & done; wait) & done; wait"
HANGS = {
    "one that sleeps": ("NAP; :", 1),
    "one that ignores TERM": ("trap '' TERM; NAP; :", 1),
    "a child in a session of its own": ("setsid NAP & wait", 1),
    "a deaf child in a session of its own": ("trap '' TERM; setsid NAP & wait", 1),
    "a daemon that forked twice": ("(setsid sh -c 'NAP & exit' &); NAP; :", 2),
    "a daemon without environment": ("(env -i setsid NAP &); NAP; :", 2),
    "a tree of 40": (FORTY, 40),
    "a deaf tree of 40": (f"trap '' TERM; {FORTY}", 40),
    "one that starts its child again": ("trap '' TERM; while :; do NAP; done", 1),
    "one that stopped itself": ("NAP & kill -STOP $$", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", HANGS)
@pytest.mark.usefixtures("subreaper")
def test_nothing_of_a_tree_is_left(name: str, nap: str) -> None:
    script, sleepers = HANGS[name]
    child = start(script.replace("NAP", nap), lambda: len(find_by_words(nap)) == sleepers)
    reaped: dict[int, int] = {}

    assert end_own_tree(reaped) == []

    assert find_by_words(nap) == []
    assert tree.list_descendants(os.getpid()) == []
    assert child.pid in reaped
    child.returncode = 0  # its status was handed out above


@pytest.mark.usefixtures("subreaper")
def test_a_stopped_process_still_acts_on_term(nap: str, tmp_path: Path) -> None:
    said = tmp_path / "said"
    child = start(f"trap 'echo bye >{said}; exit 7' TERM; {nap} & kill -STOP $$", lambda: bool(find_by_words(nap)))
    wait_until(lambda: (tree.read_stat(child.pid) or " ")[0] == "T")
    reaped: dict[int, int] = {}

    assert end_own_tree(reaped, grace_s=PATIENCE_S / 2) == []

    assert said.read_text() == "bye\n"
    assert os.waitstatus_to_exitcode(reaped[child.pid]) == 7
    child.returncode = 7


@pytest.mark.usefixtures("subreaper")
def test_no_fork_tree_outruns_the_killing(nap: str, tmp_path: Path) -> None:
    # Each of them forks the next as fast as it can and ends: whoever kills what was listed comes too late.
    runner = tmp_path / "runner.py"
    runner.write_text(
        textwrap.dedent("""\
            import os, signal, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            end = time.monotonic() + 20
            while time.monotonic() < end:
                if os.fork():
                    os._exit(0)
        """)
    )
    child = subprocess.Popen([sys.executable, str(runner)], start_new_session=True)
    wait_until(lambda: (tree.read_stat(child.pid) or "Z")[0] == "Z" and bool(tree.list_descendants(os.getpid())))

    assert end_own_tree({}) == []

    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    child.returncode = 0


@pytest.mark.usefixtures("subreaper")
def test_everyone_is_stopped_before_the_first_is_killed(nap: str) -> None:
    # A parent that runs on while its children are killed starts them again.
    child = start(f"trap '' TERM; {FORTY.replace('NAP', nap)}", lambda: len(find_by_words(nap)) == 40)
    looks: list[dict[int, int]] = []

    def find_living() -> dict[int, int]:
        looks.append(tree.find_descendants(os.getpid()))
        if len(looks) > 1:
            wait_until(lambda: {(tree.read_stat(pid) or ("gone",))[0] for pid in looks[0]} == {"T"})
        return looks[-1]

    tree.kill_all(find_living)

    assert len(looks) == 2
    assert len(looks[1]) == 45
    assert end_own_tree({}) == []
    child.returncode = -9


def test_only_the_tree_of_the_root_is_ended_and_reaped(nap: str) -> None:
    bystander = subprocess.Popen(["sleep", "60"])
    ended = subprocess.Popen(["true"])
    wait_until(lambda: (tree.read_stat(ended.pid) or " ")[0] == "Z")
    child = start(f"{nap} & {nap} & wait", lambda: len(find_by_words(nap)) == 2)
    reaped: dict[int, int] = {}

    left = tree.end_tree(child.pid, grace_s=5, limit_s=PATIENCE_S, on_reaped=reaped.__setitem__)

    assert left == []
    assert list(reaped) == [child.pid]
    assert find_by_words(nap) == []
    assert bystander.poll() is None
    assert ended.wait(PATIENCE_S) == 0
    bystander.kill()
    bystander.wait(PATIENCE_S)
    child.returncode = -15


def test_what_carries_the_mark_is_ended_wherever_it_went(nap: str) -> None:
    # No subreaper here: the daemon goes to init, and only its environment tells whose it is.
    mark = f"AGENTKIT_RUN={nap.split()[1]}"
    child = start(f"(exec env {mark} setsid {nap} &)", lambda: bool(find_by_words(nap)))
    child.wait(PATIENCE_S)

    assert tree.end_tree(child.pid, grace_s=1, limit_s=PATIENCE_S, mark=mark.encode()) == []

    assert find_by_words(nap) == []


def test_a_mark_counts_only_as_a_whole_entry(nap: str) -> None:
    number = nap.split()[1]
    environment = {"PATH": os.environ["PATH"], "A_RUN": f"{number}x", "B": f"A_RUN={number}"}
    child = subprocess.Popen(nap.split(), env=environment)
    wait_until(lambda: bool(find_by_words(nap)))

    assert tree.find_marked(f"A_RUN={number}".encode()) == {}
    assert list(tree.find_marked(f"A_RUN={number}x".encode())) == [child.pid]
    child.kill()
    child.wait(PATIENCE_S)


def test_what_would_not_die_is_told_when_the_limit_is_over() -> None:
    child = subprocess.Popen(["sleep", "60"])
    start_time = tree.process_start(child.pid)
    assert start_time is not None

    assert tree.end_all(lambda: {child.pid: start_time + 1}, grace_s=0.01, limit_s=0.05) == [child.pid]

    assert child.poll() is None, "a later owner of the pid was signalled"
    child.kill()
    child.wait(PATIENCE_S)


def test_a_zombie_does_not_live() -> None:
    child = subprocess.Popen(["true"])
    start_time = tree.process_start(child.pid)
    assert start_time is not None
    wait_until(lambda: (tree.read_stat(child.pid) or " ")[0] == "Z")

    assert not tree.is_alive(child.pid, start_time)

    child.wait(PATIENCE_S)
    assert tree.process_start(child.pid) is None


def test_a_process_whose_first_thread_ended_lives() -> None:
    code = """import threading, time, ctypes
threading.Thread(target=time.sleep, args=(60,)).start()
ctypes.CDLL(None).pthread_exit(None)"""
    child = subprocess.Popen([sys.executable, "-c", code])
    wait_until(lambda: (tree.read_stat(child.pid) or " ")[0] == "Z")
    start_time = tree.process_start(child.pid)

    assert start_time is not None
    assert tree.is_alive(child.pid, start_time)

    assert tree.end_tree(child.pid, grace_s=0, limit_s=PATIENCE_S) == []
    child.returncode = -9


def test_a_program_with_an_odd_name_is_read_rightly(tmp_path: Path) -> None:
    odd = tmp_path / ") S (1 2"
    odd.symlink_to("/bin/sleep")
    child = subprocess.Popen([odd, "60"])
    wait_until(lambda: Path(f"/proc/{child.pid}/comm").read_text() == f"{odd.name}\n")

    stat = tree.read_stat(child.pid)

    assert stat is not None
    assert stat[1:4] == (os.getpid(), os.getpgrp(), os.getsid(0))
    assert tree.argv0(child.pid) == str(odd)
    child.kill()
    child.wait(PATIENCE_S)


def test_without_the_kernels_list_of_children_the_same_is_found(nap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    child = start(f"(setsid {nap} & {nap} & wait) & wait", lambda: len(find_by_words(nap)) == 2)
    with_list = tree.find_descendants(os.getpid())
    children = tree.list_children(os.getpid())

    monkeypatch.setattr(tree, "_kernel_lists_children", lambda: False)

    assert tree.find_descendants(os.getpid()) == with_list
    assert tree.list_children(os.getpid()) == children
    assert tree.end_tree(child.pid, grace_s=1, limit_s=PATIENCE_S) == []
    child.returncode = -15


def test_the_locks_that_a_process_holds_are_named(tmp_path: Path) -> None:
    locked, other = tmp_path / "locked", tmp_path / "other"
    with locked.open("w") as file, other.open("w"):
        fcntl.flock(file, fcntl.LOCK_EX)
        assert tree.held_locks(os.getpid()) == [str(locked)]


def test_where_a_process_waits_is_named() -> None:
    child = subprocess.Popen(["sleep", "60"])
    wait_until(lambda: tree.argv0(child.pid) == "sleep" and (tree.read_stat(child.pid) or " ")[0] == "S")

    assert tree.wait_channel(child.pid) not in ("", "0")

    child.kill()
    child.wait(PATIENCE_S)
    assert tree.wait_channel(child.pid) == ""


def test_the_hot_verbs_get_no_slow_module() -> None:
    code = "import sys, time; before = set(sys.modules); import agentkit.core.tree; print(*set(sys.modules) - before)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60,
                            cwd=Path(tree.__file__).parents[2])  # fmt: skip
    assert set(answer.stdout.split()) == {"agentkit", "agentkit.core", "agentkit.core.tree"}
