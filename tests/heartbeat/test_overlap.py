"""Does one run of a job know of another, and never of one that is no more?"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentkit.core import tree
from agentkit.heartbeat import beat
from tests.heartbeat.jobs import LIMIT_S, Job, lives, wait_for

KILLS = 20


def lock_file(job: Job) -> Path:
    return job.home / "locks" / "x.lock"


def hold(job: Job, *words: str) -> "subprocess.Popen[bytes]":
    """Start a run of the job and wait until its program runs."""
    number = len([record for record in job.records() if record["state"] == "started"]) + 1
    ready = job.base / f"ready-{number}"
    process = job.start("x", *words, "--", "sh", "-c", f": > '{ready}'; exec sleep 300")
    wait_for(ready.exists)
    return process


def kill_wrapper(job: Job, process: "subprocess.Popen[bytes]") -> int:
    """Kill the wrapper alone; return the pid of the program, which lives on."""
    program = tree.list_children(process.pid)[0]
    process.kill()
    process.wait(LIMIT_S)
    assert lives(program)
    return program


def test_a_second_run_is_skipped_and_names_the_first(job: Job) -> None:
    first = hold(job)
    ended = job.run("x", "--", "true")
    closing = job.last()
    assert (ended.returncode, closing["state"], closing["status"]) == (75, "skipped", 75)
    assert closing["holder"]["pid"] == first.pid
    assert closing["holder"]["run"] == job.records()[0]["run"]
    assert ended.stderr.startswith(b"agentkit: x: skipped, pid %d runs it since 20" % first.pid)
    assert [record["state"] for record in job.records()] == ["started", "skipped"]


def test_quiet_skips_without_a_word(job: Job) -> None:
    hold(job)
    ended = job.run("x", "--quiet", "--", "true")
    assert (ended.returncode, ended.stderr) == (75, b"")


def test_jobs_of_other_names_and_other_homes_do_not_meet(job: Job, tmp_path: Path) -> None:
    hold(job)
    assert job.run("y", "--", "true").returncode == 0
    assert job.run("x", "--", "true", env={**job.environ, "AGENTKIT_HOME": str(tmp_path / "other")}).returncode == 0


def test_waiting_runs_when_the_first_has_ended(job: Job, tmp_path: Path) -> None:
    first = job.start("x", "--", "sh", "-c", f"while [ ! -e '{tmp_path}/go' ]; do sleep 0.02; done")
    job.await_start()
    second = job.start("x", "--overlap", "wait", "--", "true")
    time.sleep(0.3)
    assert second.poll() is None
    (tmp_path / "go").touch()
    assert (first.wait(LIMIT_S), second.wait(LIMIT_S)) == (0, 0)
    assert [record["state"] for record in job.records()] == ["started", "ok", "started", "ok"]


def test_waiting_has_the_limit_of_the_run(job: Job) -> None:
    hold(job)
    ended = job.run("x", "--overlap", "wait", "--timeout", "0.4s", "--", "true")
    assert (ended.returncode, job.last()["state"]) == (75, "skipped")


def test_who_waits_and_is_asked_to_end_leaves_evidence(job: Job) -> None:
    hold(job)
    second = job.start("x", "--overlap", "wait", "--", "true")
    time.sleep(0.4)
    second.terminate()
    assert second.wait(LIMIT_S) == 75
    assert (job.last()["state"], job.last()["sent"]) == ("skipped", signal.SIGTERM)


def test_replacing_ends_the_first_and_runs(job: Job) -> None:
    first = hold(job, "--kill-after", "0.2s")
    ended = job.run("x", "--overlap", "replace", "--kill-after", "0.2s", "--", "true")
    assert (ended.returncode, first.wait(LIMIT_S)) == (0, 143)
    assert [(record["state"], record.get("sent")) for record in job.closings()] == [("failed", 15), ("ok", None)]


@pytest.mark.parametrize("overlap", ["skip", "wait", "replace"])
def test_the_program_of_a_killed_wrapper_counts_as_a_run(job: Job, overlap: str) -> None:
    program = kill_wrapper(job, hold(job))
    words = ("x", "--overlap", overlap, "--timeout", "1s", "--kill-after", "1s", "--", "true")
    ended = job.run(*words)
    if overlap == "replace":
        assert (ended.returncode, lives(program), job.last()["state"]) == (0, False, "ok")
        return
    assert (ended.returncode, job.last()["state"]) == (75, "skipped")
    assert (job.last()["holder"]["pid"], job.last()["holder"]["wrapper"]) == (program, "gone")
    os.kill(program, signal.SIGKILL)
    wait_for(lambda: not lives(program))
    assert job.run(*words).returncode == 0


def test_who_waits_for_the_program_of_a_killed_wrapper_runs_after_it(job: Job) -> None:
    program = kill_wrapper(job, hold(job))
    second = job.start("x", "--overlap", "wait", "--", "true")
    time.sleep(0.3)
    assert second.poll() is None
    os.kill(program, signal.SIGKILL)
    assert second.wait(LIMIT_S) == 0


def test_replacing_ends_a_deaf_program_of_a_killed_wrapper_with_its_children(job: Job, tmp_path: Path) -> None:
    script = f"trap '' TERM; setsid sleep 300 & : > '{tmp_path}/ready'; while :; do sleep 300; done"
    process = job.start("x", "--", "sh", "-c", script)
    wait_for((tmp_path / "ready").exists)
    kill_wrapper(job, process)
    assert job.run("x", "--overlap", "replace", "--kill-after", "0.3s", "--", "true").returncode == 0
    assert job.members() == {}


def test_what_the_program_of_a_killed_wrapper_left_behind_blocks_nobody(job: Job, tmp_path: Path) -> None:
    script = f"setsid sleep 300 & : > '{tmp_path}/ready'; while [ ! -e '{tmp_path}/go' ]; do sleep 0.02; done"
    process = job.start("x", "--", "sh", "-c", script)
    wait_for((tmp_path / "ready").exists)
    wait_for(lambda: "child" in lock_file(job).read_text())
    program = kill_wrapper(job, process)
    (tmp_path / "go").touch()
    wait_for(lambda: not lives(program))
    assert job.run("x", "--", "true").returncode == 0


def test_a_program_without_its_environment_counts_as_a_run_too(job: Job, tmp_path: Path) -> None:
    process = job.start("x", "--", "env", "-i", "/bin/sh", "-c", f": > '{tmp_path}/ready'; exec sleep 300")
    wait_for((tmp_path / "ready").exists)
    wait_for(lambda: "child" in lock_file(job).read_text())
    program = kill_wrapper(job, process)
    ended = job.run("x", "--", "true")
    os.kill(program, signal.SIGKILL)
    assert ended.returncode == 75


def test_a_wrapper_killed_right_after_the_start_has_said_who_runs(job: Job) -> None:
    script = (
        "import os, sys; from agentkit.heartbeat import run\n"
        "run.process_start = lambda pid: os.kill(os.getpid(), 9)\n"
        "run.main(sys.argv[1:])\n"
    )
    words = [sys.executable, "-c", script, "x", "--", "sleep", "300"]
    subprocess.run(words, env=job.environ, timeout=LIMIT_S, check=False)
    assert len(job.members()) == 1
    assert job.run("x", "--", "true").returncode == 75
    assert job.run("x", "--overlap", "replace", "--kill-after", "1s", "--", "true").returncode == 0
    assert job.members() == {}


def test_a_wrapper_killed_at_any_moment_blocks_nobody_and_is_on_disk(job: Job) -> None:
    choices = random.Random(11)
    for _ in range(KILLS):
        process = job.start("x", "--", "sleep", "300")
        time.sleep(choices.uniform(0, 0.06))
        process.kill()
        process.wait(LIMIT_S)
        living = job.members()
        ended = job.run("x", "--", "true")
        assert ended.returncode == (75 if living else 0), ended.stderr
        # Whatever runs was written down before it ran.
        started = [record["pid"] for record in job.records() if record["state"] == "started"]
        assert process.pid in started or not living
        for pid, start in living.items():
            tree.send_signal(pid, start, signal.SIGKILL)
        wait_for(lambda: not job.members())
        assert job.run("x", "--", "true").returncode == 0


def test_a_lock_file_that_was_removed_by_hand_locks_again(job: Job) -> None:
    job.run("x", "--", "true")
    lock_file(job).unlink()
    hold(job)
    assert job.run("x", "--", "true").returncode == 75


GARBAGE = {
    "nothing": b"",
    "no JSON": b"\xff\xfe\0 {",
    "a list": b"[1, 2]\n",
    "deeper than Python goes": b"[" * 4096,
    "much": b"x" * 5_000_000,
    "wrong types": b'{"pid": "1", "pid_start": [], "boot": {}, "run": 7, "child": "x"}\n',
    "half a record": b'{"run": "01M8',
}


@pytest.mark.parametrize("name", GARBAGE)
@pytest.mark.parametrize("overlap", ["skip", "wait", "replace"])
def test_a_lock_file_with_anything_in_it_stops_nobody(job: Job, name: str, overlap: str) -> None:
    lock_file(job).parent.mkdir(parents=True)
    lock_file(job).write_bytes(GARBAGE[name])
    ended = job.run("x", "--overlap", overlap, "--", "true")
    assert (ended.returncode, ended.stderr, lock_file(job).read_bytes()) == (0, b"", b"")


@pytest.mark.parametrize("change", [{"boot": "another"}, {"pid_namespace": 1}, {"child_start": 1}])
def test_a_holder_of_another_boot_or_namespace_or_start_is_nobody(job: Job, change: dict[str, object]) -> None:
    me = beat.describe_this_process()
    holder = {**me, "run": "01M8380T6HYS7ECDAG6GBYGGE4", "child": os.getpid(), "child_start": me["pid_start"]}
    lock_file(job).parent.mkdir(parents=True)
    lock_file(job).write_text(json.dumps(holder))
    assert job.run("x", "--", "true").returncode == 75
    lock_file(job).write_text(json.dumps({**holder, **change}))
    assert job.run("x", "--", "true").returncode == 0


@pytest.mark.parametrize("kind", ["folder", "link", "dangling link", "pipe", "socket"])
def test_something_else_in_place_of_the_lock_stops_nobody(job: Job, tmp_path: Path, kind: str) -> None:
    script = {
        "folder": 'mkdir "$LOCK"',
        "link": 'echo mine > "$BASE/mine"; ln -s "$BASE/mine" "$LOCK"',
        "dangling link": 'ln -s "$BASE/nowhere" "$LOCK"',
        "pipe": 'mkfifo "$LOCK"',
        "socket": 'python3 -c "import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])" "$LOCK"',
    }[kind]
    lock_file(job).parent.mkdir(parents=True)
    ended = job.in_machine(f'{script}; $RUN x -- sh -c ": > $BASE/ran"', LOCK=str(lock_file(job)))
    assert (ended.returncode, ended.stderr, (tmp_path / "ran").exists()) == (0, b"", True)
    assert (tmp_path / "nowhere").exists() is False
    assert not (tmp_path / "mine").exists() or (tmp_path / "mine").read_text() == "mine\n"


def test_where_no_lock_can_be_made_the_job_runs_and_says_so_once(job: Job, tmp_path: Path) -> None:
    script = """
    mkdir -m 700 -p /var/lib/agentkit/0 /tmp/agentkit-0
    name=$(printf %s "${AGENTKIT_HOME#/}" | tr / -)
    for place in "$AGENTKIT_HOME" "/var/lib/agentkit/0/$name" "/tmp/agentkit-0/$name"; do
        mkdir -p "$place"; chmod 700 "$place"; : > "$place/locks"
    done
    $RUN x -- sh -c ': > "$BASE/ran"'
    """
    ended = job.in_machine(script)
    warning = b"agentkit: warning: x: no lock could be made, so overlapping runs are not seen\n"
    assert (ended.returncode, ended.stderr, (tmp_path / "ran").exists()) == (0, warning, True)


def test_the_program_does_not_hold_the_lock(job: Job) -> None:
    job.run("x", "--", "sh", "-c", "setsid sleep 300 & exit 0")
    assert job.last()["left_behind"][0].get("locks") is None
    assert job.run("x", "--", "true").returncode == 0
