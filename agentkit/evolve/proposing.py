"""How is a proposer run, so that it changes its copy and nothing else, and ends?"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shlex
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.hiding import hide_secrets
from agentkit.core.settings import EvolveSettings
from agentkit.evolve.room.asking import Stay, stay_in_room
from agentkit.evolve.room.outcomes import DISK, ITSELF, LOST, MEMORY, MISSING, PROCESSES, TIME, UNMADE
from agentkit.evolve.room.plan import plan_room
from agentkit.evolve.room.programs import find_program
from agentkit.evolve.room.spec import Spec
from agentkit.evolve.stall import Stall

# Of what it says, the end is kept.
KEPT_BYTES = 65536
LONGEST_USAGE_BYTES = 65536
MOST_DOLLARS = 1e9
PROPOSER = "the proposer"
USAGE = "usage.json"
# What is short now and may not be later; 0 is a room that was ended before it was one.
PASSING = (0, errno.ENOSPC, errno.EUSERS, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EDQUOT)
COSTS = ("cost_usd", "total_cost_usd")
KEPT_NAMES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM")
SHELL_LETTERS = frozenset("|&;<>()$`\\\"'*?[]{}#~=!\n")


@dataclass(frozen=True)
class Proposal:
    """How a proposer ended: `trouble` is "" where it ended with 0, `cost_usd` what it says that it cost.

    `status` is its own, None where one of its bounds ended it. Where this machine permits no room, `no_room` says why.
    `usage_trouble` is why what it wrote of its cost tells none.
    """

    trouble: str
    is_isolated: bool
    stdout: str
    stderr: str
    cost_usd: float | None
    duration_s: float
    status: int | None = None
    no_room: str = ""
    usage_trouble: str = ""


def split_words(text: str) -> tuple[str, ...]:
    """Return the argument list of a program as it was written on the command line; a shell reads what only one can."""
    if not text.strip():
        raise AgentkitError("--propose: no program is named", status=Exit.USAGE)
    if SHELL_LETTERS.isdisjoint(text):
        return tuple(text.split())
    return ("/bin/sh", "-c", text)


def name_proposer(argv: Sequence[str]) -> str:
    """Return the proposer in one line, as it would be written; what looks like a secret goes into no commit."""
    return hide_secrets(argv[2] if tuple(argv[:2]) == ("/bin/sh", "-c") and len(argv) == 3 else shlex.join(argv))


def demand_program(
    argv: Sequence[str], environ: Mapping[str, str], settings: EvolveSettings, *, who: str = PROPOSER
) -> str:
    """Return the file that a proposer's words would run; raises AgentkitError (unavailable) where there is none.

    Asked before a candidate is begun. A relative path is one in the copy: whether it is there, the start tells.
    """
    found = find_program(argv[0], _choose_variables(environ, settings))
    if found is None:
        raise AgentkitError(
            f"{who} {argv[0]} is not there, or cannot be run",
            hint="its path, or its folder in PATH",
            status=Exit.UNAVAILABLE,
        )
    return found


def propose(
    stall: Stall,
    argv: Sequence[str],
    *,
    request: str,
    settings: EvolveSettings,
    environ: Mapping[str, str],
    name: str,
    who: str = PROPOSER,
) -> Proposal:
    """Run a proposer in the copy, with the request on stdin; what it changed lies in the copy then.

    `name` is the id of the candidate, `who` what the program is called in messages. Raises AgentkitError (unavailable)
    where there is no such program, (try later, cannot write) where no room can be made on a machine that permits them.
    """
    program = demand_program(argv, environ, settings, who=who)
    variables = _choose_variables(environ, settings) | {
        "HOME": stall.home,
        "TMPDIR": stall.scratch,
        "AGENTKIT_CANDIDATE": name,
        "AGENTKIT_USAGE": f"{stall.home}/{USAGE}",
    }
    spec = Spec(
        token=secrets.token_hex(16),
        program=program,
        argv=tuple(argv),
        environment=variables,
        steps=plan_room(stall, tuple(argv), program, environ, settings.see),
        copy=stall.copy,
        rooms=(stall.copy, stall.home, stall.scratch),
        limit_s=settings.limit_s,
        memory_bytes=settings.memory_bytes,
        disk_bytes=settings.disk_bytes,
        processes=settings.processes,
        parent=os.getpid(),
    )
    stay = stay_in_room(spec, request.encode(), KEPT_BYTES)
    if stay.outcome == MISSING:
        hint = "[evolve] see = [the folders that it needs]" if stay.is_isolated and os.path.exists(program) else None
        raise AgentkitError(f"{who} cannot be run: {argv[0]}: {stay.trouble}", hint=hint, status=Exit.UNAVAILABLE)
    if stay.outcome == UNMADE:
        raise _tell_unmade(stay, who)
    stdout, stderr = (text.decode("utf-8", "replace") for text in (stay.stdout, stay.stderr))
    (cost, usage_trouble), duration_s = _take_cost(stall), stay.duration.total_seconds()
    status = stay.status if stay.outcome == ITSELF else None
    trouble = _tell_trouble(stay, settings, who)
    return Proposal(trouble, stay.is_isolated, stdout, stderr, cost, duration_s, status, stay.no_room, usage_trouble)


def _tell_unmade(stay: Stay, who: str) -> AgentkitError:
    """Return the error for a room that could not be made: without one nothing is run where one is permitted."""
    is_passing = stay.status in PASSING
    hint = "sysctl user.max_user_namespaces" if stay.status in (errno.ENOSPC, errno.EUSERS) else None
    return AgentkitError(
        f"no room could be made for {who}, and it was not run: {stay.trouble}",
        hint=hint if is_passing else "what PATH and [evolve] see name is what a room shows",
        status=Exit.TRY_LATER if is_passing else Exit.CANNOT_WRITE,
    )


def _choose_variables(environ: Mapping[str, str], settings: EvolveSettings) -> dict[str, str]:
    variables = {key: environ[key] for key in (*KEPT_NAMES, *settings.keep_env) if key in environ}
    return {"PATH": os.defpath} | variables


def _tell_trouble(stay: Stay, settings: EvolveSettings, who: str) -> str:
    told = {
        TIME: f"{who} did not end within {settings.limit_s:g}s",
        DISK: f"{who} wrote more than {_say_size(settings.disk_bytes)}",
        MEMORY: f"{who} used more than {_say_size(settings.memory_bytes)} of memory",
        PROCESSES: f"{who} had more than {settings.processes} processes",
        LOST: f"{who} ended what watches over it",
    }
    if stay.outcome == ITSELF:
        by = f", as a signal {stay.status - Exit.SIGNAL_BASE} does" if stay.status > Exit.SIGNAL_BASE else ""
        return f"{who} ended with {stay.status}{by}" if stay.status else ""
    return told[stay.outcome]


def _say_size(size: int) -> str:
    number, units = float(size), ["B", "KiB", "MiB", "GiB", "TiB"]
    while number >= 1024 and len(units) > 1:
        number, units = number / 1024, units[1:]
    return f"{size}B" if units[0] == "B" else f"{number:.1f}{units[0]}"


def _take_cost(stall: Stall) -> tuple[float | None, str]:
    """Return what the proposer says that it cost, and why that is not known where it says something else.

    Its note at the top of the copy is none of the change.
    """
    found = _read_cost(f"{stall.home}/{USAGE}", "$AGENTKIT_USAGE")
    in_copy = f"{stall.copy}/{USAGE}"
    if os.path.lexists(in_copy) and stall.repository.ask("cat-file", "-e", f"{stall.base}:{USAGE}").status != 0:
        found = _read_cost(in_copy, USAGE) if found[0] is None else found
        _remove_note(stall)
    return found


def _read_cost(path: str, name: str) -> tuple[float | None, str]:
    # It may be anything: a pipe that nobody writes to, a link to a file of the person's, numbers that are none.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, f"its cost is not known: {name}: {error.strerror}"
    try:
        is_plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
        told = json.loads(os.read(descriptor, LONGEST_USAGE_BYTES)) if is_plain else None
    except (OSError, ValueError, RecursionError):
        told = None
    finally:
        os.close(descriptor)
    values = [told.get(one) for one in COSTS] if isinstance(told, dict) else []
    for value in values:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < MOST_DOLLARS:
            return float(value), ""
    return None, f"its cost is not known: {name} holds no object with {' or '.join(COSTS)} in dollars"


def _remove_note(stall: Stall) -> None:
    try:
        # The copy itself may be a link by now.
        folder = os.open(stall.copy, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.unlink(USAGE, dir_fd=folder)
    except OSError:
        pass  # a folder of that name is a part of the change, and so is what lies where nobody may write
    finally:
        os.close(folder)
