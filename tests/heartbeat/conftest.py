"""What every test of `heartbeat` may ask for."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentkit.core import tree
from tests.heartbeat.jobs import LIMIT_S, Job
from tests.heartbeat.machine import Machine

Check = Callable[..., "subprocess.CompletedProcess[str]"]


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


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine whose state folder is the one that the program of the fixture `agentkit` uses; its clock is real."""
    machine = Machine(tmp_path)
    machine.now = time.time()
    return machine


@pytest.fixture
def check(agentkit: Check, machine: Machine, tmp_path: Path) -> Check:
    """Run `heartbeat check` as cron would, over the machine's ledger, with short limits."""
    configuration = tmp_path / "agentkit.toml"

    def run(*words: str, notify_limit: str = "20s", ping_limit: str = "20s") -> subprocess.CompletedProcess[str]:
        configuration.write_text(f'[heartbeat]\nnotify_limit = "{notify_limit}"\nping_limit = "{ping_limit}"\n')
        configuration.chmod(0o600)
        more = {"AGENTKIT_HOME": str(machine.folder), "AGENTKIT_CONFIG": str(configuration)}
        return agentkit("heartbeat", "check", *words, more=more)

    return run
