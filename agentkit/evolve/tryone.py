"""How does one change by a program, a patch or a revision go from the words of a person to its end?"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.program import Ended
from agentkit.core.repo.commits import take_patch, take_rev
from agentkit.evolve.candidate import Candidate
from agentkit.evolve.feedback import write_request
from agentkit.evolve.following import PATCH
from agentkit.evolve.forgetting import forget_when_due
from agentkit.evolve.proposing import demand_program, name_proposer, split_words
from agentkit.evolve.telling import name_the_way_on, tell_result
from agentkit.evolve.trying import Result, begin, carry_on
from agentkit.evolve.workbench import Workbench, demand_base, open_workbench

if TYPE_CHECKING:
    from agentkit.evolve.tryverb import Asked

LONGEST_PATCH_BYTES = 64 * 1024 * 1024


@contextmanager
def open_one(folder: str, environ: Mapping[str, str], asked: Asked) -> Iterator[Callable[[Ended], int]]:
    """Get ready what a change needs, and give what does the rest: it takes what a look of the ratchet has shown, prints
    what came of the change, and returns the status. Raises AgentkitError.
    """
    argv = None if asked.propose is None else place_program(split_words(asked.propose), folder)
    with open_workbench(folder, environ, is_quiet=asked.quiet) as bench:
        if argv is not None:
            demand_program(argv, bench.environ, bench.settings)
            bench.make_ready()
        yield partial(_finish, bench, asked, argv)


def _finish(bench: Workbench, asked: Asked, argv: tuple[str, ...] | None, seen: Ended) -> int:
    result = _try(bench, asked, argv, seen)
    tell_result(bench, result, as_json=asked.as_json, is_quiet=asked.quiet)
    forget_when_due(bench, time.time())
    return result.status


def _try(bench: Workbench, asked: Asked, argv: tuple[str, ...] | None, seen: Ended) -> Result:
    standing = demand_base(bench, seen)
    new = Candidate("", 0.0, bench.repository.root, standing.branch, standing.accepted, "", allowed=asked.allowed)
    if argv is not None:
        request = write_request(bench, new, None)
        new = replace(new, proposer=name_proposer(argv), argv=json.dumps(argv), request=request)
        return _go(bench, new)
    # The commit first: what does not apply leaves no trace.
    if asked.patch is not None:
        patch = _read_patch(asked.patch)
        commit = take_patch(bench.repository, new.base, patch)
        new = replace(new, proposer=PATCH)
    else:
        commit = take_rev(bench.repository, str(asked.rev))
        new = replace(new, proposer=f"rev {asked.rev}")
        _demand_contains(bench, commit, new.base)
    if commit == new.base:
        raise AgentkitError("it changes nothing: that is what is accepted already", status=Exit.BAD_DATA)
    return _go(bench, replace(new, commit_id=commit))


def _go(bench: Workbench, new: Candidate) -> Result:
    candidate = begin(bench, new)
    with name_the_way_on():
        return carry_on(bench, candidate, keeps=True)


def _demand_contains(bench: Workbench, commit: str, base: str) -> None:
    """Raise AgentkitError where a commit does not stand on the accepted one: the branch could never move to it."""
    if bench.repository.ask("merge-base", "--is-ancestor", base, commit).status == 0:
        return
    if bench.repository.ask("merge-base", "--is-ancestor", commit, base).status == 0:
        raise AgentkitError(f"{commit[:12]} is a part of what is accepted already", status=Exit.BAD_DATA)
    raise AgentkitError(
        f"{commit[:12]} does not contain the accepted commit {base[:12]}",
        hint=f"git rebase {base[:12]}, or merge it",
        status=Exit.REFUSED,
    )


def place_program(argv: tuple[str, ...], folder: str) -> tuple[str, ...]:
    """Return the words with the program as it is named from the caller's folder: it will run in another one."""
    name = argv[0]
    return (os.path.abspath(os.path.join(folder, name)) if "/" in name else name, *argv[1:])


def _read_patch(path: str) -> bytes:
    try:
        if path == "-":
            patch = sys.stdin.buffer.read(LONGEST_PATCH_BYTES + 1)
        else:
            with open(path, "rb") as file:
                patch = file.read(LONGEST_PATCH_BYTES + 1)
    except OSError as error:
        raise AgentkitError(
            f"{path}: {error.strerror}", hint="--patch FILE, or --patch - for stdin", status=Exit.BAD_DATA
        ) from error
    if len(patch) > LONGEST_PATCH_BYTES:
        raise AgentkitError(f"{path}: more than {LONGEST_PATCH_BYTES} bytes", status=Exit.BAD_DATA)
    return patch
