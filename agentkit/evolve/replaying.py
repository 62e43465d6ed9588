"""What is a change, or its inverse, on top of what came after its base, without touching anything of the person's?

The change is applied, forwards or in reverse, three ways, to an index of its own in a private repository, where
nobody's attributes and merge programs are in force. The new objects go to the person's repository, as those of any
candidate do.
"""

from __future__ import annotations

import os
from dataclasses import replace

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.changes import ALL
from agentkit.core.repo.checkout import make_private
from agentkit.core.repo.repository import Repository, tell_failure
from agentkit.core.repo.scratch import make_scratch

SHOWN_PATHS = 3
FORM = (ALL, "--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv", "--src-prefix=a/",
        "--dst-prefix=b/", "--unified=3")  # fmt: skip


def find_replayed(repository: Repository, base: str, commit: str, tip: str) -> str:
    """Return the tree of `tip` with what lies between `base` and `commit`; its own where it has that already.

    Raises AgentkitError as `find_inverse` does.
    """
    return _apply(repository, base, commit, tip, ())


def find_inverse(repository: Repository, base: str, commit: str, tip: str) -> str:
    """Return the tree of `tip` without what lies between `base` and `commit`; its own where nothing is left of that.

    Raises AgentkitError: bad data with the paths where later changes lie on the same lines, or a commit is gone.
    """
    return _apply(repository, base, commit, tip, ("--reverse",))


def _apply(repository: Repository, base: str, commit: str, tip: str, how: tuple[str, ...]) -> str:
    with make_scratch(repository) as scratch:
        private = make_private(repository, f"{scratch}/objects.git")
        more = {"GIT_INDEX_FILE": f"{scratch}/index", "GIT_OBJECT_DIRECTORY": f"{repository.common_dir}/objects"}
        patch = private.git("diff-tree", "-r", "-p", *FORM, "--end-of-options", base, commit, more=more)
        replace(private, is_passing=True).git("read-tree", "--end-of-options", tip, more=more)
        words = ("apply", *how, "--cached", "--3way", "--whitespace=nowarn", "-")
        ended = private.ask(*words, stdin=patch, more=more)
        if ended.status != 0:
            rows = os.fsdecode(private.git("ls-files", "--unmerged", "-z", more=more)).split("\0")
            paths = sorted({row.partition("\t")[2] for row in rows if row})
            told = tell_failure("apply", ended)
            if not paths and told.status not in (Exit.UNAVAILABLE, Exit.BAD_DATA):
                raise told
            raise _tell_conflict(paths, ended.stderr.decode("utf-8", "replace"), base, commit)
        return private.git("write-tree", more=more).decode().strip()


def read_tree_name(repository: Repository, commit: str) -> str:
    """Return the tree of a commit; raises AgentkitError (bad data) where it is not there any more."""
    ended = repository.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{tree}}")
    if ended.status != 0:
        raise AgentkitError(f"the commit {commit[:12]} is not there any more", hint="git fsck", status=Exit.BAD_DATA)
    return ended.stdout.decode().strip()


def _tell_conflict(paths: list[str], said: str, base: str, commit: str) -> AgentkitError:
    if paths:
        more = f" and {len(paths) - SHOWN_PATHS} more" if len(paths) > SHOWN_PATHS else ""
        what = f"what came after it changed the same lines of {', '.join(paths[:SHOWN_PATHS])}{more}"
    else:
        rows = [row.removeprefix("error: ") for row in said.splitlines() if row.startswith("error: ")]
        what = f"what came after it is in the way: {'; '.join(rows[:SHOWN_PATHS]) or said.strip()[:500]}"
    hint = f"git diff {commit[:12]} {base[:12]}, by hand, then agentkit evolve try --rev HEAD"
    return AgentkitError(what, hint=hint, status=Exit.BAD_DATA)
