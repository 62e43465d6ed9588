"""A check that is a job itself tells the troubles of others, and does not become one that never ends."""

import sys

from tests.heartbeat.jobs import Job

CHECK = ("watcher", "--every", "1h", "--", sys.executable, "-m", "agentkit", "heartbeat", "check")


def test_its_own_failure_ends_with_what_it_failed_for(job: Job) -> None:
    assert job.run("backup", "--every", "1h", "--", "sh", "-c", "exit 3").returncode == 3
    for _ in range(3):
        ended = job.run(*CHECK)
        assert ended.returncode == 1
        assert b"backup failed with status 3" in ended.stderr
    assert b"watcher failed with status 1" in ended.stderr
    assert job.run("backup", "--every", "1h", "--", "true").returncode == 0
    assert job.run(*CHECK).returncode == 0
    ended = job.run(*CHECK)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert job.last()["state"] == "ok"
