"""What would the tree of a work tree be, with all that is changed and untracked in it, if it were committed now?"""

import os
import shutil
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.commits import commit_tree
from agentkit.core.repo.repository import Repository, demand_branch, demand_work_tree
from agentkit.core.repo.scratch import make_scratch

# A work tree of many large files is read as a whole the first time.
LIMIT = timedelta(minutes=10)


def take_snapshot(repository: Repository) -> str:
    """Return the tree of the work tree as it stands, untracked files too, those that git ignores left out.

    It is taken with a private index: the person's own is only read. Raises AgentkitError.
    """
    demand_work_tree(repository)
    with make_scratch(repository) as scratch:
        index = f"{scratch}/index"
        try:
            # A copy knows which files have not changed since, and which are none of a sparse checkout's.
            shutil.copy2(f"{repository.git_dir}/index", index)
        except FileNotFoundError:
            pass  # nothing was ever added
        except OSError as error:
            raise AgentkitError(f"{repository.git_dir}/index: {error.strerror}", status=Exit.CANNOT_WRITE) from error
        private = {"GIT_INDEX_FILE": index}
        unmerged = os.fsdecode(repository.git("ls-files", "--unmerged", "-z", more=private)).split("\0")[0]
        if unmerged:
            raise AgentkitError(
                f"{unmerged.partition(chr(9))[2]} is not merged yet", hint="git status", status=Exit.REFUSED
            )
        repository.git("add", "--all", "--", ".", more=private, limit=LIMIT)
        return repository.git("write-tree", more=private).decode().strip()


def take_work_tree(repository: Repository, base: str, message: str = "") -> str:
    """Return the commit of the work tree as it stands, on top of what is checked out, which must contain the base.

    That is what is checked out where nothing has changed since. Raises AgentkitError (refused: HEAD is detached or
    does not contain the base).
    """
    branch, head = demand_branch(repository)
    if head != base and repository.ask("merge-base", "--is-ancestor", base, head).status != 0:
        raise AgentkitError(
            f"{branch.removeprefix('refs/heads/')} does not contain the accepted commit {base[:12]}",
            hint=f"git log --oneline {base[:12]}...HEAD",
            status=Exit.REFUSED,
        )
    return commit_tree(repository, take_snapshot(repository), head, message or "Take the work tree as it stands")
