"""Is a program watched, asked, ended and counted with everything that it started?"""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from agentkit.core import tree
from tests.heartbeat.jobs import LIMIT_S, Job, lives, wait_for

IGNORES = "trap '' TERM HUP INT; "
# Each leaves or hides something that a kill of the program alone would miss. NAP sleeps under a name of its own.
TREES = {
    "one that sleeps": "NAP",
    "one that ignores TERM": IGNORES + "NAP; NAP",
    "a child that ignores TERM": f"sh -c \"{IGNORES}NAP; :\" & wait",
    "a child in a session of its own": "setsid NAP & wait",
    "a deaf child in a session of its own": f"setsid sh -c \"{IGNORES}NAP; :\" & wait",
    "a daemon that forked twice": "(setsid sh -c 'NAP & exit' &); NAP; :",
    "a daemon without environment": "(env -i setsid NAP &); NAP; :",
    "a deaf daemon without environment": "(env -i setsid sh -c \"trap '' TERM; NAP; :\" &); NAP; :",
    "one that holds the pipe after its parent": "setsid NAP & sleep 0.01; kill -9 $$",
    "a tree of 40": "for i in 1 2 3 4; do (for j in 1 2 3 4 5 6 7 8 9 10; do NAP & done; wait) & done; wait",
    "a stopped child": "NAP & kill -STOP $!; wait",
    "one that stopped itself": "NAP & kill -STOP $$",
    "one that starts its child again": IGNORES + "while :; do NAP; done",
}  # fmt: skip


@pytest.fixture
def nap() -> str:
    return f"sleep {random.SystemRandom().randint(10**6, 10**9)}"


def naps(nap: str) -> list[int]:
    """Return the living processes whose words are those of the nap: the mark may be gone from their environment."""
    wanted = nap.replace(" ", "\0").encode() + b"\0"
    found = []
    for pid in tree.list_pids():
        stat = tree.read_stat(pid)
        try:
            if stat and tree.runs(stat) and Path(f"/proc/{pid}/cmdline").read_bytes() == wanted:
                found.append(pid)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("kill_after", ["0s", "0.2s"])
@pytest.mark.parametrize("name", TREES)
def test_the_time_limit_ends_the_whole_tree(job: Job, nap: str, name: str, kill_after: str) -> None:
    # A pipe holder is no member of a program that ended by itself: it is named, and the limit is not waited for.
    program = ("sh", "-c", TREES[name].replace("NAP", nap))
    ended = job.run("x", "--timeout", "0.4s", "--kill-after", kill_after, "--", *program)
    closing = job.last()
    if name == "one that holds the pipe after its parent":
        assert (ended.returncode, closing["state"]) == (137, "failed")
        assert [left["argv0"] for left in closing["left_behind"]] == ["sleep"]
        assert naps(nap) == [left["pid"] for left in closing["left_behind"]]
        return
    assert (ended.returncode, closing["state"], closing["status"]) == (124, "timeout", 124)
    assert (naps(nap), job.members()) == ([], {})
    assert "unkillable" not in closing


def test_a_program_that_obeys_within_kill_after_may_tidy_up(job: Job, tmp_path: Path) -> None:
    script = f"trap ': > {tmp_path}/tidy; exit 0' TERM; while :; do sleep 0.05; done"
    ended = job.run("x", "--timeout", "0.3s", "--kill-after", "20s", "--", "sh", "-c", script)
    assert (ended.returncode, (tmp_path / "tidy").exists()) == (124, True)
    assert (job.last()["state"], job.last()["status"]) == ("timeout", 124)


def test_a_program_that_ended_in_time_did_not_time_out_though_we_were_stopped(job: Job, tmp_path: Path) -> None:
    script = f"while [ ! -e '{tmp_path}/go' ]; do sleep 0.01; done"
    process = job.start("x", "--timeout", "2s", "--", "sh", "-c", script)
    started = job.await_start()
    program = wait_for(lambda: tree.list_children(process.pid))[0]
    process.send_signal(signal.SIGSTOP)
    (tmp_path / "go").touch()
    wait_for(lambda: not lives(program))
    time.sleep(2.2)
    process.send_signal(signal.SIGCONT)
    assert process.wait(LIMIT_S) == 0
    assert (job.last()["run"], job.last()["state"]) == (started["run"], "ok")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_that_asks_to_end_is_passed_on_and_recorded(job: Job, tmp_path: Path, number: int) -> None:
    script = f"trap ': > {tmp_path}/heard; exit 9' {number}; : > {tmp_path}/ready; while :; do sleep 0.05; done"
    process = job.start("x", "--", "sh", "-c", script)
    wait_for((tmp_path / "ready").exists)
    process.send_signal(number)
    assert (process.wait(LIMIT_S), (tmp_path / "heard").exists()) == (9, True)
    closing = job.last()
    assert (closing["state"], closing["status"], closing["sent"]) == ("failed", 9, number)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_a_signal_that_only_tells_is_passed_on(job: Job, tmp_path: Path, number: int) -> None:
    script = f"trap ': > {tmp_path}/heard; exit 0' {number}; : > {tmp_path}/ready; while :; do sleep 0.05; done"
    process = job.start("x", "--", "sh", "-c", script)
    wait_for((tmp_path / "ready").exists)
    process.send_signal(number)
    assert (process.wait(LIMIT_S), (tmp_path / "heard").exists()) == (0, True)
    assert (job.last()["state"], "sent" in job.last()) == ("ok", False)


@pytest.mark.parametrize(
    "name", ["one that ignores TERM", "a deaf daemon without environment", "one that stopped itself"]
)
def test_who_is_asked_to_end_takes_the_whole_tree_along(job: Job, nap: str, name: str) -> None:
    process = job.start("x", "--kill-after", "0.2s", "--", "sh", "-c", TREES[name].replace("NAP", nap))
    wait_for(lambda: naps(nap))
    process.terminate()
    assert process.wait(LIMIT_S) > 128
    assert (naps(nap), job.last()["sent"], job.last()["state"]) == ([], signal.SIGTERM, "failed")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_what_the_caller_made_deaf_stays_deaf_for_wrapper_and_program(job: Job, tmp_path: Path, number: int) -> None:
    script = f": > {tmp_path}/ready; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; grep SigIgn /proc/self/status"
    before = ("sh", "-c", f"trap '' {number}; exec \"$@\"", "sh")
    process = job.start("x", "--tee", "--", "sh", "-c", script, before=before, stdout=subprocess.PIPE)
    wait_for((tmp_path / "ready").exists)
    process.send_signal(number)
    time.sleep(0.1)
    (tmp_path / "go").touch()
    assert process.stdout is not None
    ignored = int(process.stdout.read().split()[1], 16)
    assert (process.wait(LIMIT_S), job.last()["state"]) == (0, "ok")
    assert ignored & (1 << (number - 1))


def test_a_signal_at_any_moment_of_the_start_ends_it_and_never_silently(job: Job) -> None:
    """Before the handlers stand, TERM ends the wrapper as any process; after that there is always a last word."""
    choices = random.Random(5)
    statuses = []
    for _ in range(40):
        process = job.start("x", "--", "sleep", "60")
        time.sleep(choices.uniform(0, 0.06))
        process.terminate()
        statuses.append(process.wait(LIMIT_S))
    assert set(statuses) <= {-signal.SIGTERM, 75, 128 + signal.SIGTERM}
    started = [record["run"] for record in job.records() if record["state"] == "started"]
    closed = [record["run"] for record in job.closings()]
    assert sorted(closed) == sorted({*started, *closed})
    assert len(closed) == len([status for status in statuses if status > 0])
    assert {record["sent"] for record in job.closings()} <= {signal.SIGTERM}
    assert job.members() == {}


def test_what_is_left_running_is_named_with_its_locks_and_lives(job: Job, tmp_path: Path, nap: str) -> None:
    ended = job.run("x", "--", "sh", "-c", f"exec 9> '{tmp_path}/its lock'; flock 9; setsid {nap} & exit 0")
    left = job.last()["left_behind"]
    assert (ended.returncode, job.last()["state"]) == (0, "ok")
    assert [(one["argv0"], one["locks"]) for one in left] == [("sleep", [f"{tmp_path}/its lock"])]
    assert naps(nap) == [one["pid"] for one in left]


def test_a_background_child_that_fails_before_us_is_evidence(job: Job) -> None:
    ended = job.run("x", "--", "sh", "-c", "(exit 7) & (sleep 0.1; exit 8) & exit 0")
    assert (ended.returncode, job.last()["state"]) == (0, "ok")
    # The first may have been the shell's own to reap.
    assert sorted(orphan["status"] for orphan in job.last()["orphans"]) in ([8], [7, 8])


def test_children_of_the_caller_are_neither_ended_nor_counted(job: Job, nap: str) -> None:
    words = [*job.words("x", "--timeout", "0.3s", "--kill-after", "0s", "--", "sh", "-c", "sleep 50 & sleep 60")]
    script = f'{nap} & (exit 3) & exec "$@"'
    ended = subprocess.run(["sh", "-c", script, "sh", *words], env=job.environ, timeout=LIMIT_S, check=False)
    survivors = naps(nap)
    for pid in survivors:
        os.kill(pid, signal.SIGKILL)
    assert (ended.returncode, len(survivors)) == (124, 1)
    assert 3 not in [orphan["status"] for orphan in job.last().get("orphans", [])]


def test_use_of_resources_is_that_of_the_program_and_its_children(job: Job) -> None:
    burn = textwrap.dedent("""
        import os, time
        end = time.process_time() + 0.3
        while time.process_time() < end: pass
        room = bytearray(40 << 20)
    """)
    job.run("x", "--", sys.executable, "-c", burn)
    closing = job.last()
    assert closing["cpu_s"] >= 0.3
    assert closing["max_rss_bytes"] >= 40 << 20
    assert closing["duration_s"] >= 0.3


def test_a_program_without_room_to_start_is_a_failure_of_ours(job: Job) -> None:
    """No process (EAGAIN) and no descriptor (EMFILE): 125, with a record that says why."""
    script = (
        "import os, sys; from agentkit.heartbeat import run, supervise\n"
        "def refuse(*words, **how): raise OSError(NUMBER, os.strerror(NUMBER))\n"
        "WHERE = refuse\n"
        "os._exit(run.main(['x', '--', 'true']))\n"
    )
    for number, where in ((11, "os.posix_spawnp"), (12, "os.posix_spawnp"), (24, "os.pipe")):
        words = [sys.executable, "-c", script.replace("NUMBER", str(number)).replace("WHERE", where)]
        ended = subprocess.run(words, env=job.environ, capture_output=True, timeout=LIMIT_S, check=False)
        closing = job.last()
        assert (ended.returncode, closing["state"], closing["status"]) == (125, "failed", 125)
        assert closing["trouble"] == f"true: could not be started ({os.strerror(number)})"
        assert b"Traceback" not in ended.stderr
        assert os.strerror(number).encode() in ended.stderr


@pytest.mark.parametrize("limit", range(3, 14))
def test_few_descriptors_never_end_in_a_traceback(job: Job, limit: int) -> None:
    ended = job.in_machine(f"exec prlimit --nofile={limit} $RUN x -- sh -c 'exit 6'")
    if ended.returncode == 6:
        assert job.last()["status"] == 6
    elif limit > 4:  # below, Python itself cannot start
        assert ended.returncode == 125
    if limit > 6:
        assert b"Traceback" not in ended.stderr
