"""A proposer in a room, without the ratchet: what it sees, what it does, and how its stay ends."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from agentkit.core import tree
from agentkit.core.ourselves import call_ourselves
from agentkit.core.repo.repository import find_repository
from agentkit.core.settings import EvolveSettings
from agentkit.evolve.proposing import Proposal, propose
from agentkit.evolve.room.plan import plan_room
from agentkit.evolve.room.spec import Spec
from agentkit.evolve.stall import Stall, open_stall
from tests.evolve.machine import LIMIT_S, Machine

# In a namespace of its own everybody may forbid more of them.
FORBID = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
REFUSE = ("unshare", "--user", "--map-root-user", "sh", "-c", FORBID, "sh")
# Bounds of a test: small, so that they are reached soon.
MIB = 1024 * 1024
SETTINGS = replace(EvolveSettings(), limit_s=60.0, memory_bytes=256 * MIB, disk_bytes=32 * MIB, processes=64)
NAME = "01ROOM"


@dataclass(frozen=True)
class Stayed:
    """How a proposal ended, and the stall in which it was made."""

    proposal: Proposal
    stall: Stall

    def read(self, name: str) -> str:
        """Return what a file of the copy holds."""
        return Path(self.stall.copy, name).read_text()


def stay(machine: Machine, words: tuple[str, ...] | str, *, settings: EvolveSettings = SETTINGS, request: str = "{}\n",
         environ: Mapping[str, str] | None = None) -> Stayed:  # fmt: skip
    """Run a proposer in a stall of a machine; words that are one text are a shell's."""
    argv = ("/bin/sh", "-c", words) if isinstance(words, str) else words
    variables = {**machine.environ, **(environ or {})}
    with open_place(machine) as stall:
        made = propose(stall, argv, request=request, settings=settings, environ=variables, name=NAME)
        return Stayed(made, stall)


def call_within(machine: Machine, around: tuple[str, ...], *words: str) -> tuple[int, str, str]:
    """Run `agentkit evolve WORDS…` by another program: (status, stdout, stderr)."""
    ended = subprocess.run(
        [*around, *call_ourselves("evolve", *words)], cwd=machine.scripts, env=machine.environ, capture_output=True,
        timeout=LIMIT_S, check=False,
    )  # fmt: skip
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


@contextmanager
def open_place(machine: Machine) -> Iterator[Stall]:
    """Hold a stall of a machine."""
    repository = find_repository(str(machine.scripts), machine.environ)
    with open_stall(repository, machine.environ, machine.git("rev-parse", "HEAD")) as stall:
        yield stall


def write_spec(stall: Stall, script: str) -> Spec:
    """Return what a room is told of a shell's words, as `propose` tells it."""
    argv = ("/bin/sh", "-c", script)
    environ = {"PATH": os.environ["PATH"]}
    return Spec(
        token=os.urandom(8).hex(), program="/bin/sh", argv=argv, environment=environ, limit_s=SETTINGS.limit_s,
        steps=plan_room(stall, argv, "/bin/sh", environ, ()), copy=stall.copy, disk_bytes=SETTINGS.disk_bytes,
        rooms=(stall.copy, stall.home, stall.scratch), memory_bytes=SETTINGS.memory_bytes,
        processes=SETTINGS.processes, parent=os.getpid(),
    )  # fmt: skip


def write_python(text: str) -> str:
    """Return the words of a shell that run a text of Python in its place."""
    return f"exec {sys.executable} -c {shlex.quote(text)}"


def find_left(name: str = NAME) -> list[int]:
    """Return the processes that carry the name of a candidate."""
    return sorted(tree.find_marked(f"AGENTKIT_CANDIDATE={name}".encode()))
