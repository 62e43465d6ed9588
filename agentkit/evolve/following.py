"""How does a change come along when its branch moves on: the same change, on top of what is accepted now?

Another candidate was kept meanwhile, or a person went on; what was proposed may be as good as before.
"""

from __future__ import annotations

from dataclasses import replace

from agentkit.core.errors import AgentkitError, Exit
from agentkit.evolve.candidate import Candidate, change, find_parent
from agentkit.evolve.filing import commit_change, hold_instead
from agentkit.evolve.replaying import find_replayed, read_tree_name
from agentkit.evolve.workbench import Workbench

MOVED_ON = "the branch has moved on since it was proposed"
PATCH = "patch"


def follow(bench: Workbench, candidate: Candidate, accepted: str) -> Candidate | str:
    """Return a candidate that has a commit as it stands on the accepted commit, where it has a commit of its own; or
    why it cannot come along. Raises AgentkitError.
    """
    if candidate.reverts is not None:
        return MOVED_ON  # a way back is planned anew
    if candidate.argv is None and candidate.proposer != PATCH:
        return f"{MOVED_ON}: git rebase {accepted[:12]}, then agentkit evolve try --rev again"
    try:
        tree = find_replayed(bench.repository, candidate.base, str(candidate.commit_id), accepted)
    except AgentkitError as error:
        if error.status != Exit.BAD_DATA:
            raise
        return f"{MOVED_ON}: {error.message}"
    if tree == read_tree_name(bench.repository, accepted):
        return f"{MOVED_ON}, and has all of it"
    commit = commit_change(bench.repository, replace(candidate, base=accepted), tree)
    # A crash in between leaves the row of before, with which all of this is done again.
    hold_instead(bench.repository, candidate, commit)
    parent = find_parent(bench.store, accepted)
    return change(bench.store, candidate, base=accepted, parent=parent, commit_id=commit, verdict=None)
