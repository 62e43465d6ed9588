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
class Traced:
    """What a run touched, and the status with which it ended, as a shell's."""

    edges: tuple[Edge, ...]
    status: int


def trace_program(
    environ: Mapping[str, str],
    words: Sequence[str],
    *,
    node: str | None,
    limit: str | None,
    lets_go: bool,
    is_quiet: bool,
) -> int:
    """Run a program, add what it touched to the map, and return its status."""
    check_map(environ)
    traced = run_traced(environ, words, node=node, limit=limit, lets_go=lets_go, is_quiet=is_quiet, verb="trace")
    new = add_seen(environ, traced.edges, _warn)
    if not is_quiet:
        tell(f"agentkit: {_count(traced.edges)} seen, {new} of them new: agentkit depmap verify\n")
    return traced.status


def forget_traces(environ: Mapping[str, str], node: str, *, is_quiet: bool) -> int:
    """Forget what was seen from a node, or from `all`."""
    count = forget_seen(environ, None if node == "all" else node)
    if not is_quiet:
        tell(f"agentkit: {count} dependencies that were seen are forgotten\n")
    return Exit.OK


def run_traced(
    environ: Mapping[str, str],
    words: Sequence[str],
    *,
    node: str | None,
    limit: str | None,
    lets_go: bool,
    is_quiet: bool,
    verb: str,
    stdout: int | IO[bytes] | None = None,
) -> Traced:
    """Run a program under strace and return what it touched.

    Raises AgentkitError: usage, not found (127), not executable (126), unavailable (no strace, or not permitted).
    """
    if not words:
        raise usage(verb, "which program? It stands behind --")
    kind, _, name = (node or "").partition(":")
    if node is not None and (kind not in TYPES or not name):
        raise usage(verb, f"--as {node!r}: a node is TYPE:NAME, with one of {', '.join(TYPES)}")
    allowed = USUAL_LIMIT if limit is None else timedelta(seconds=parse_duration(limit, "--limit"))
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
        tell=lambda text: None if is_quiet else tell(f"agentkit: {text}\n"),
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


def _count(edges: Sequence[Edge]) -> str:
    return f"{len(edges)} {'dependency' if len(edges) == 1 else 'dependencies'}"


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
