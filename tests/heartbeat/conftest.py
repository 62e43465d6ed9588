"""What every test of `heartbeat` may ask for."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentkit.core import tree
from tests.heartbeat.jobs import LIMIT_S, Job


@pytest.fixture
def job(tmp_path: Path, environ: dict[str, str]) -> Iterator[Job]:
    """Return a job's runs; whatever is left of them after the test is killed."""
    made = Job(tmp_path, environ)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.wait(LIMIT_S)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()
    tree.end_all(made.members, grace_s=0, limit_s=LIMIT_S)


@pytest.fixture
def nothing_leaks() -> Iterator[None]:
    """Hold this process to have as many descriptors after the test as before."""
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == before
