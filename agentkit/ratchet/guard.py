"""What does a program make of a private copy, and may that be taken over?

The copy holds the last commit of the branch, not what a person has not committed yet: that is theirs, and neither
judged nor committed with the change.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from datetime import timedelta

from agentkit.core import tree
from agentkit.core.asides import warn
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.passing import make_passing_folder
from agentkit.core.repo.checkout import Workshop, read_tree
from agentkit.core.repo.commits import commit_tree
from agentkit.core.repo.repository import demand_branch, demand_quiet, demand_work_tree
from agentkit.ratchet.candidacy import Asked, accept_if_good, open_repository
from agentkit.ratchet.state import read_state

END_S = 2.0


def guard_program(
    folder: str, environ: Mapping[str, str], argv: Sequence[str], asked: Asked, *, limit: timedelta
) -> int:
    """Let a program change a private copy; judge that, and take it over or throw it away. Returns the status.

    Where the program itself fails nothing is taken, and the status is its own (128+N after a signal, 124 for the
    limit). Raises AgentkitError.
    """
    repository = open_repository(folder, environ)
    demand_work_tree(repository)
    demand_quiet(repository)
    state = read_state(repository)
    branch, head = demand_branch(repository)
    if branch != state.branch:
        raise AgentkitError(
            f"{branch.removeprefix('refs/heads/')} is checked out, and the baseline is of another branch",
            hint=f"git switch {state.branch.removeprefix('refs/heads/')}",
            status=Exit.REFUSED,
        )
    place = make_passing_folder()
    try:
        copy = Workshop(repository, place).check_out(read_tree(repository, head))
        status = _run(argv, copy.folder, environ, limit)
        if status != 0:
            warn(f"{argv[0]} ended with {status}: nothing is taken over")
            return status
        made = copy.write_tree(os.path.join(repository.common_dir, "objects"))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    candidate = commit_tree(repository, made, head, f"Take over what {os.path.basename(argv[0])} changed")
    if candidate == head:
        warn(f"{argv[0]} changed nothing")
        return Exit.OK
    return accept_if_good(folder, environ, asked.of(candidate))


def _run(argv: Sequence[str], folder: str, environ: Mapping[str, str], limit: timedelta) -> int:
    """Run the program at the terminal of the caller, end all of it, and return its status as a shell has it."""
    # What it leaves behind comes to us, and so is found.
    tree.become_subreaper()
    before = tree.find_descendants(os.getpid())
    try:
        process = subprocess.Popen(list(argv), cwd=folder, env=dict(environ))
    except FileNotFoundError:
        raise AgentkitError(f"{argv[0]}: not found", status=Exit.NOT_FOUND) from None
    except OSError as error:
        raise AgentkitError(f"{argv[0]}: {error.strerror}", status=Exit.NOT_EXECUTABLE) from error
    try:
        status = process.wait(limit.total_seconds())
    except subprocess.TimeoutExpired:
        status = Exit.TIMED_OUT
    finally:
        tree.end_all(
            lambda: {pid: start for pid, start in tree.find_descendants(os.getpid()).items() if pid not in before},
            grace_s=END_S / 2,
            limit_s=END_S,
        )
        process.poll()
        tree.become_subreaper(False)
    return 128 - status if status < 0 else status
