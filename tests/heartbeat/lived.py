"""Evidence of the last hours, and the verbs as real processes that look at it."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.heartbeat.answers import Verb
from tests.heartbeat.machine import Machine
from tests.heartbeat.terminal import Terminal


@pytest.fixture
def lived(tmp_path: Path) -> Machine:
    """Return a machine whose clock is the real one; tests step back and leave evidence from there on."""
    machine = Machine(tmp_path)
    machine.now = time.time()
    machine.booted_at = machine.now - time.clock_gettime(time.CLOCK_BOOTTIME)
    return machine


@pytest.fixture
def verb(agentkit: Verb, lived: Machine) -> Verb:
    """Return a function that runs `agentkit heartbeat WORDS…` on that machine's evidence."""

    def run(*words: str, more: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        return agentkit("heartbeat", *words, more={"AGENTKIT_HOME": str(lived.folder), **(more or {})})

    return run


@pytest.fixture
def look(environ: dict[str, str], lived: Machine) -> Iterator[Callable[..., Terminal]]:
    """Return a function that runs `agentkit heartbeat WORDS…` on a terminal; none of them outlives the test."""
    started: list[Terminal] = []

    def start(*words: str, width: int = 80, height: int = 24, more: dict[str, str] | None = None) -> Terminal:
        variables = {**environ, "TERM": "xterm", "AGENTKIT_HOME": str(lived.folder), **(more or {})}
        started.append(Terminal(["heartbeat", *words], variables, width=width, height=height))
        return started[-1]

    yield start
    for terminal in started:
        terminal.close()
