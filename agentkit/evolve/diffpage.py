"""What does a candidate change, as a patch: in colours on a terminal, byte for byte everywhere else?"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.repository import Repository, find_repository
from agentkit.core.screen import Styled, print_styled_lines
from agentkit.evolve.candidate import SHOWN_ID, Candidate
from agentkit.evolve.viewing import find_candidate

LIMIT = timedelta(minutes=2)
# The plumbing, and what it would take from the configuration said: the patch applies, whatever a person likes to read.
DIFF = (
    "diff-tree", "-r", "-p", "--find-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--no-relative",
    "--src-prefix=a/", "--dst-prefix=b/", "--unified=3", "--submodule=short", "--ignore-submodules=none",
)  # fmt: skip
# What `git apply` needs for a file that holds no text, and what no person can read.
WHOLE = ("--binary", "--full-index")
HEADS = ("diff ", "index ", "--- ", "+++ ", "new file", "deleted file", "old mode", "new mode", "similarity",
         "rename ", "Binary files ")  # fmt: skip


def print_diff(environ: Mapping[str, str], name: str) -> None:
    """Print the change of a candidate, from any folder.

    In a pipe it is what `git apply` takes, FORCE_COLOR or not. Raises AgentkitError (unavailable) where there is no
    such candidate, where it changed nothing, or where its repository is not there.
    """
    candidate = find_candidate(environ, name)
    is_read = sys.stdout.isatty()
    patch = read_patch(find_repository(candidate.repository, environ), candidate, () if is_read else WHOLE)
    if is_read:
        print_styled_lines(list(_style(patch.decode("utf-8", "replace"))))
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(patch)
    sys.stdout.buffer.flush()


def read_patch(repository: Repository, candidate: Candidate, more: Sequence[str]) -> bytes:
    """Return the patch from base to commit; raises AgentkitError (unavailable) where one of them is not there."""
    short = candidate.id[:SHOWN_ID]
    if candidate.commit_id is None:
        raise AgentkitError(
            f"{short} has no commit: {candidate.reason or 'nothing was proposed yet'}",
            hint=f"agentkit evolve show {short}",
            status=Exit.UNAVAILABLE,
        )
    for commit in (candidate.base, candidate.commit_id):
        if repository.ask("cat-file", "-e", f"{commit}^{{commit}}").status != 0:
            why = "" if candidate.forgotten_at is None else ": it was forgotten, as [evolve] keep_days says"
            raise AgentkitError(
                f"the commit {commit[:12]} of {short} is not in {candidate.repository} any more{why}",
                hint=f"agentkit evolve show {short}",
                status=Exit.UNAVAILABLE,
            )
    return repository.git(*DIFF, *more, "--end-of-options", candidate.base, candidate.commit_id, limit=LIMIT)


def _style(patch: str) -> Iterator[Styled]:
    is_inside = False
    for line in patch.removesuffix("\n").split("\n"):
        # Within a hunk a line that was taken away may begin like the head of a file.
        is_inside = line.startswith("@@ ") or (is_inside and not line.startswith("diff --git "))
        if line.startswith("@@ "):
            yield Styled(line, "started")
        elif not is_inside:
            yield Styled(line, "heading" if line.startswith(HEADS) else "")
        else:
            yield Styled(line, {"+": "ok", "-": "failed"}.get(line[:1], ""))
