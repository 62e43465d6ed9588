"""What would the tree of a work tree be, with all that is changed and untracked in it, if it were committed now?"""

import os
import shutil
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.ratchet.ratchetlock import make_scratch
from agentkit.ratchet.repository import Repository, demand_work_tree

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
