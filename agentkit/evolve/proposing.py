"""How is a proposer run, so that it changes its copy and nothing else, and ends?"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.process import run_program
from agentkit.core.program import Program
from agentkit.core.settings import EvolveSettings
from agentkit.evolve.stall import Stall

# Of what it says, the end is kept.
KEPT_BYTES = 65536
LONGEST_USAGE_BYTES = 65536
USAGE = "usage.json"
COSTS = ("cost_usd", "total_cost_usd")
KEPT_NAMES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM")
SHELL_LETTERS = frozenset("|&;<>()$`\\\"'*?[]{}#~=!\n")


@dataclass(frozen=True)
class Proposal:
    """How a proposer ended: `trouble` is "" where it ended with 0, `cost_usd` what it says that it cost."""

    trouble: str
    is_isolated: bool
    stdout: str
    stderr: str
    cost_usd: float | None
    duration_s: float


def split_words(text: str) -> tuple[str, ...]:
    """Return the argument list of a program as it was written on the command line; a shell reads what only one can."""
    if not text.strip():
        raise AgentkitError("--propose: no program is named", status=Exit.USAGE)
    if SHELL_LETTERS.isdisjoint(text):
        return tuple(text.split())
    return ("/bin/sh", "-c", text)


def name_proposer(argv: Sequence[str]) -> str:
    """Return the proposer in one line, as it would be written."""
    return argv[2] if tuple(argv[:2]) == ("/bin/sh", "-c") and len(argv) == 3 else shlex.join(argv)


def propose(
    stall: Stall, argv: Sequence[str], *, request: str, settings: EvolveSettings, environ: Mapping[str, str], name: str
) -> Proposal:
    """Run a proposer in the copy, with the request on stdin; what it changed lies in the copy then.

    `name` is the id of the candidate. Raises AgentkitError (unavailable) where there is no such program.
    """
    variables = {key: environ[key] for key in (*KEPT_NAMES, *settings.keep_env) if key in environ}
    variables.setdefault("PATH", os.defpath)
    variables |= {
        "HOME": stall.home,
        "TMPDIR": stall.scratch,
        "AGENTKIT_CANDIDATE": name,
        "AGENTKIT_USAGE": f"{stall.home}/{USAGE}",
    }
    ended = run_program(
        Program(
            tuple(argv),
            limit=timedelta(seconds=settings.limit_s),
            environment=variables,
            folder=stall.copy,
            stdin=request.encode(),
            keep_bytes=KEPT_BYTES,
        )
    )
    if ended.status in (Exit.NOT_FOUND, Exit.NOT_EXECUTABLE) and ended.trouble:
        raise AgentkitError(f"the proposer cannot be run: {ended.trouble}", status=Exit.UNAVAILABLE)
    trouble = ""
    if ended.outcome in ("timed-out", "unkillable"):
        trouble = f"the proposer did not end within {settings.limit_s:g}s"
    elif ended.status != 0:
        trouble = f"the proposer ended with {ended.status}"
    stdout, stderr = (text.decode("utf-8", "replace") for text in (ended.stdout, ended.stderr))
    return Proposal(trouble, False, stdout, stderr, _take_cost(stall), ended.duration.total_seconds())


def _take_cost(stall: Stall) -> float | None:
    """Return what the proposer says that it cost; its note at the top of the copy is none of the change."""
    in_copy = f"{stall.copy}/{USAGE}"
    is_note = os.path.lexists(in_copy) and stall.repository.ask("cat-file", "-e", f"{stall.base}:{USAGE}").status != 0
    cost = _read_cost(f"{stall.home}/{USAGE}")
    if is_note:
        cost = _read_cost(in_copy) if cost is None else cost
        if not os.path.isdir(in_copy) or os.path.islink(in_copy):
            os.unlink(in_copy)
    return cost


def _read_cost(path: str) -> float | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(descriptor, "rb") as file:
        try:
            told = json.loads(file.read(LONGEST_USAGE_BYTES))
        except (OSError, ValueError, RecursionError):
            return None
    if not isinstance(told, dict):
        return None
    for name in COSTS:
        value = told.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9:
            return float(value)
    return None
