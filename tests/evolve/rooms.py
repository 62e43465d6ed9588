"""A proposer in a room, without the ratchet: what it sees, what it does, and how its stay ends."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from agentkit.core import tree
from agentkit.core.repo.repository import find_repository
from agentkit.core.settings import EvolveSettings
from agentkit.evolve.proposing import Proposal, propose
from agentkit.evolve.stall import Stall, open_stall
from tests.evolve.machine import Machine

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
    repository = find_repository(str(machine.scripts), machine.environ)
    with open_stall(repository, machine.environ, machine.git("rev-parse", "HEAD")) as stall:
        made = propose(stall, argv, request=request, settings=settings, environ=variables, name=NAME)
        return Stayed(made, stall)


def write_python(text: str) -> str:
    """Return the words of a shell that run a text of Python in its place."""
    return f"exec {sys.executable} -c {shlex.quote(text)}"


def find_left(name: str = NAME) -> list[int]:
    """Return the processes that carry the name of a candidate."""
    return sorted(tree.find_marked(f"AGENTKIT_CANDIDATE={name}".encode()))
