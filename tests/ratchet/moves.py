"""The moves that are struck, as a program of their own: `python -m tests.ratchet.moves WHAT FOLDER CANDIDATE`."""

import os

# Loaded before the work begins, so that none of its calls is an import's.
import shutil  # noqa: F401
import sys
import tempfile  # noqa: F401
from collections.abc import Mapping

import filelock  # noqa: F401

from agentkit.core.errors import AgentkitError, tell
from agentkit.core.repo.repository import find_repository
from agentkit.ratchet.moving import accept_candidate
from agentkit.ratchet.repair import repair
from agentkit.ratchet.rollback import roll_back
from agentkit.ratchet.snapshot import take_work_tree
from agentkit.ratchet.state import read_state, write_state
from agentkit.ratchet.verdictlog import append_verdict

WORDS = ("accept", "work tree", "rollback", "reject")
BEGIN = "/the-work-begins-here"


def make_move(what: str, folder: str, environ: Mapping[str, str], candidate: str) -> None:
    """Make one of the moves in a repository, or only `heal` it; raises AgentkitError."""
    repository = find_repository(folder, environ)
    repair(repository)
    if what == "rollback":
        roll_back(folder, environ, 1, is_dry=False)
    elif what == "reject":
        append_verdict(repository, {"answer": "reject", "reason": "x"}, {"output": b"no"}, candidate)
    elif what != "heal":
        state = read_state(repository)
        if what == "work tree":
            candidate = take_work_tree(repository, state.accepted)
        new = write_state(repository, state, candidate, state.branch, {"t::new": "pass"}, (), (), {"output": b"yes"})
        accept_candidate(repository, state, new, candidate, keeps_files=what == "work tree")
    read_state(repository)


def main() -> int:
    """Make the move that the words name; return the status."""
    what, folder, candidate = sys.argv[1:]
    os.access(BEGIN, 0)
    try:
        make_move(what, folder, os.environ, candidate)
    except AgentkitError as error:
        tell(error.lines())
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
