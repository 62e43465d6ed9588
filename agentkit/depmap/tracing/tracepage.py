"""How is a program traced, and what is said about it?"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import IO

from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.times import parse_duration
from agentkit.depmap.edge import Edge
from agentkit.depmap.names import TYPES
from agentkit.depmap.questionwords import usage
from agentkit.depmap.tracing.following import Followed, follow
from agentkit.depmap.tracing.keeping import add_seen, check_map, forget_seen
from agentkit.depmap.tracing.processes import Follower
from agentkit.depmap.tracing.seen import MOST_EDGES, Seen
from agentkit.depmap.tracing.stracing import build_command, find_program, find_strace

USUAL_LIMIT = timedelta(days=1)
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  # looked at, never written to
REFUSED = {"ENOENT": Exit.NOT_FOUND, "ENOTDIR": Exit.NOT_FOUND, "ELOOP": Exit.NOT_FOUND}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run that somebody asks for: the verb, the program and its words, and what goes for it."""

    verb: str
    words: Sequence[str]
    node: str | None
    limit: str | None
    is_quiet: bool
    lets_go: bool = False


@dataclass(frozen=True, slots=True)
class Traced:
    """What a run touched, and the status with which it ended, as a shell's."""

    edges: tuple[Edge, ...]
    status: int


def trace_program(environ: Mapping[str, str], wanted: Wanted) -> int:
    """Run a program, add what it touched to the map, and return its status.

    Raises AgentkitError as `run_traced` and `add_seen` do; of a program that failed its own status stays.
    """
    check_map(environ)
    traced = run_traced(environ, wanted)
    try:
        new = add_seen(environ, traced.edges, _warn)
    except AgentkitError as error:
        if traced.status == Exit.OK:
            raise
        _warn(f"what was seen is not kept: {error.message}")
        return traced.status
    if not wanted.is_quiet:
        tell(f"agentkit: {_count(len(traced.edges))} seen, {new} of them new: agentkit depmap verify\n")
    return traced.status


def forget_traces(environ: Mapping[str, str], node: str, wanted: Wanted) -> int:
    """Forget what was seen from a node, or from `all`; that runs no program."""
    if wanted.words:
        raise usage(wanted.verb, "--forget runs nothing, and a program stands behind --: one or the other")
    count = forget_seen(environ, None if node == "all" else node)
    if not wanted.is_quiet:
        tell(f"agentkit: {_count(count)} seen before, now forgotten\n")
    return Exit.OK


def run_traced(environ: Mapping[str, str], wanted: Wanted, *, stdout: int | IO[bytes] | None = None) -> Traced:
    """Run a program under strace and return what it touched.

    Raises AgentkitError: usage, not found (127), not executable (126), unavailable (no strace, or not permitted).
    """
    words, node, lets_go = wanted.words, wanted.node, wanted.lets_go
    if not words:
        raise usage(wanted.verb, "which program? It stands behind --")
    kind, _, name = (node or "").partition(":")
    if node is not None and (kind not in TYPES or not name):
        raise usage(wanted.verb, f"--as {node!r}: a node is TYPE:NAME, with one of {', '.join(TYPES)}")
    allowed = USUAL_LIMIT if wanted.limit is None else timedelta(seconds=parse_duration(wanted.limit, "--limit"))
    program = find_program(words[0], environ)
    strace = find_strace(environ, lets_go=lets_go)
    seen = Seen(dict.fromkeys((*TEMPORARY, environ.get("TMPDIR") or "/tmp")))  # noqa: S108
    follower = Follower(_find_folder(), seen, node=node)
    sys.stdout.flush()
    followed = follow(
        lambda output: build_command(strace, output, program, words[1:]),
        follower,
        environ=environ,
        limit=allowed,
        lets_go=lets_go,
        stdout=stdout,
        tell=lambda text: None if wanted.is_quiet else tell(f"agentkit: {text}\n"),
    )
    follower.finish()
    if not follower.has_started and follower.refused:
        status = REFUSED.get(follower.refused, Exit.NOT_EXECUTABLE)
        said = os.strerror(getattr(errno, follower.refused, 0))
        raise AgentkitError(f"{words[0]}: {said}", status=status)
    if followed.timed_out:
        tell(f"agentkit: {words[0]}: ended at its limit\n")
    for pid in followed.unkillable:
        tell(f"agentkit: warning: pid {pid} would not end\n")
    if seen.is_full:
        _warn(f"it touched more than {MOST_EDGES} things: what came after them is not told")
    return Traced(tuple(seen.find_edges()), _find_status(follower, followed))


def _find_folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "/"  # removed under our feet: what is written relative to it is nowhere


def _count(edges: int) -> str:
    return f"{edges} {'dependency' if edges == 1 else 'dependencies'}"


def _find_status(follower: Follower, followed: Followed) -> int:
    if followed.timed_out:
        return Exit.TIMED_OUT
    if follower.status is not None:
        return follower.status
    if follower.signal is not None:
        number = getattr(signal, follower.signal, None)
        return Exit.SIGNAL_BASE + int(number or 0)
    if followed.asked is not None:
        return Exit.SIGNAL_BASE + followed.asked
    raise AgentkitError("strace ended before the program did: what came then was not seen", status=Exit.UNAVAILABLE)


def _warn(text: str) -> None:
    tell(f"agentkit: warning: {text}\n")
