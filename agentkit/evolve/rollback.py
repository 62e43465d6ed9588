"""How is the newest accepted change taken back by the ratchet's own way, and has that been done already?

`agentkit ratchet rollback` brings back the accepted state before it: its tree and the tests that were held then. So a
change goes back together with the tests that came with it, which as a candidate would be one that deletes tests.
"""

from __future__ import annotations

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.repository import Repository
from agentkit.evolve.candidate import Candidate
from agentkit.evolve.judge import find_standing, roll_back
from agentkit.evolve.replaying import read_tree_name


def leads_before(repository: Repository, old: Candidate) -> bool:
    """Tell whether one step back by the ratchet leads to the base of a candidate that is what is accepted."""
    # Where others had moved the state in between, it leads elsewhere.
    try:
        told = roll_back(repository.root, repository.environ, is_dry=True)
    except AgentkitError as error:
        if error.status != Exit.UNAVAILABLE:
            raise
        return False
    return f"({old.base[:12]})" in told


def go_back(repository: Repository, old: Candidate) -> tuple[str, str] | None:
    """Take the newest accepted candidate back; return the commit that does it, and what to say of it.

    Where it has been done, as by a process that was killed then, nothing moves. None where something else has come
    after it meanwhile. Raises AgentkitError as the ratchet does, and refused where commits wait to be accepted.
    """
    branch = old.branch.removeprefix("refs/heads/")
    standing = find_standing(repository.root, repository.environ)
    if standing.accepted == old.commit_id:
        if standing.ahead:
            raise AgentkitError(
                f"{branch} is ahead of what is accepted: that would be taken back with it",
                hint=f"agentkit ratchet accept --rev {branch}",
                status=Exit.REFUSED,
            )
        roll_back(repository.root, repository.environ, is_dry=False)
        standing = find_standing(repository.root, repository.environ)
    words = ("rev-list", "--first-parent", "--reverse", "--end-of-options", f"{old.commit_id}..{standing.accepted}")
    after = repository.git(*words).decode().split()
    if not after or read_tree_name(repository, after[0]) != read_tree_name(repository, old.base):
        return None
    return after[0], f"{branch} went forward to {after[0][:12]}, with the tree of {old.base[:12]}"
