"""What is known of the ways in which one scheduled command can fail without a word?"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from agentkit.heartbeat.edits import Edit

# Reasons that hide a failure from the wrapper, too.
HIDING = frozenset({"background", "lock", "pipe", "status-discarded", "status-of-last"})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a line can fail without a word; `code` is for programs, `text` one line for a person."""

    code: str
    text: str


def name_work(words: tuple[str, ...]) -> str:
    """Return the name of a command's program."""
    return os.path.basename(words[0].rstrip("/")) or words[0]


@dataclass(frozen=True, slots=True)
class RunParts:
    """A `run-parts` in a command: its options, its folder, and whether a wrapper runs it."""

    options: tuple[str, ...]
    folder: str
    is_wrapped: bool


@dataclass
class Silence:
    """What was found in one command.

    `jobs` are those that wrappers run, `wrappers` the programs that have to be there for it; `works` are the words of
    what no wrapper runs, `small` those of what only sets the scene, `checks` those of each `heartbeat check`. `reasons`
    hold for work without a wrapper; `hidden` is what a wrapper cannot see of what it runs, and `worth_knowing` what it
    can live with. `edits` mend the text; with `needs_pipefail` its shell has to be told to mind each part of a pipe,
    and nothing else changes by that where `is_pipefail_quiet`.
    """

    jobs: list[str] = field(default_factory=list)
    checks: list[tuple[str, ...]] = field(default_factory=list)
    wrappers: list[str] = field(default_factory=list)
    works: list[tuple[str, ...]] = field(default_factory=list)
    small: list[tuple[str, ...]] = field(default_factory=list)
    run_parts: list[RunParts] = field(default_factory=list)
    reasons: dict[str, Reason] = field(default_factory=dict)
    hidden: dict[str, Reason] = field(default_factory=dict)
    worth_knowing: dict[str, Reason] = field(default_factory=dict)
    edits: list[Edit] = field(default_factory=list)
    needs_pipefail: bool = False
    is_pipefail_quiet: bool = True
    is_bounded: bool = True
    is_whole: bool = True

    @property
    def is_wrapped(self) -> bool:
        """Tell whether something of the command leaves evidence."""
        return bool(self.jobs or self.checks)

    @property
    def is_covered(self) -> bool:
        """Tell whether all work of the command is wrapped, and a wrapper sees it fail."""
        return self.is_wrapped and not self.works and not self.hidden
