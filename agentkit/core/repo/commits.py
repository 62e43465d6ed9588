"""Which commit is the one that is named: a revision, a patch on a base, or a tree?

Objects are added to the repository and nothing else: no index, tree, stash or branch is touched.
"""

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.objects import NAME
from agentkit.core.repo.repository import Repository, tell_failure
from agentkit.core.repo.scratch import make_scratch

NO_IDENTITY = ("tell me who you are", "empty ident name", "auto-detect", "no email was given", "no name was given")
NO_PATCH = "No valid patches in input"
LONGEST_SUBJECT = 200


def take_rev(repository: Repository, rev: str) -> str:
    """Return the commit that a revision names; raises AgentkitError (unavailable) where it names none."""
    ended = repository.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
    commit = ended.stdout.decode("ascii", "replace").strip()
    if ended.status != 0 or len(commit) != len(repository.no_object):
        raise AgentkitError(f"{rev!r} names no commit of this repository", hint="git log --oneline --all")
    return commit


def take_patch(repository: Repository, base: str, patch: bytes, message: str = "") -> str:
    """Return the commit of a patch (as `git diff` or `git format-patch` writes it) on the base.

    Raises AgentkitError: bad data where it is none or does not apply.
    """
    if not patch.strip():
        raise AgentkitError("the patch is empty", hint="git diff BASE, or git format-patch", status=Exit.BAD_DATA)
    with make_scratch(repository) as scratch:
        private = {"GIT_INDEX_FILE": f"{scratch}/index"}
        repository.git("read-tree", "--end-of-options", base, more=private)
        ended = repository.ask("apply", "--cached", "--whitespace=nowarn", "-", stdin=patch, more=private)
        if ended.status != 0:
            told = tell_failure("apply", ended)
            if told.status in (Exit.UNAVAILABLE, Exit.BAD_DATA):
                what = told.message.removeprefix("git apply: ")
                if NO_PATCH in what:
                    what = "it is no patch"
                raise AgentkitError(
                    f"the patch does not apply to {base[:12]}: {what}", hint="git diff BASE", status=Exit.BAD_DATA
                )
            raise told
        tree = repository.git("write-tree", more=private).decode().strip()
    return commit_tree(repository, tree, base, message or _find_subject(patch) or "Apply a patch")


def commit_tree(repository: Repository, tree: str, parent: str, message: str) -> str:
    """Return a commit of the tree on its parent, or the parent where that has the same tree; raises AgentkitError."""
    if repository.git("rev-parse", "--verify", "--end-of-options", f"{parent}^{{tree}}").decode().strip() == tree:
        return parent
    return make_commit(repository, tree, parent, message)


def make_commit(repository: Repository, tree: str, parent: str, message: str) -> str:
    """Return a commit of the tree, which is another one than that of its parent; raises AgentkitError."""
    words = ("commit-tree", tree, "-p", parent)
    ended = repository.ask(*words, stdin=message.encode("utf-8", "surrogateescape") + b"\n")
    said = ended.stderr.decode("utf-8", "replace").lower()
    if ended.status != 0 and any(sign in said for sign in NO_IDENTITY):
        name, _, mail = NAME.partition(" <")
        own = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
               for what, value in (("NAME", name), ("EMAIL", mail.rstrip(">")))}  # fmt: skip
        ended = repository.ask(*words, stdin=message.encode("utf-8", "surrogateescape") + b"\n", more=own)
    if ended.status != 0:
        raise tell_failure("commit-tree", ended)
    return ended.stdout.decode().strip()


def _find_subject(patch: bytes) -> str:
    """Return the subject of a patch that was sent as a mail, without its `[PATCH 1/2]`."""
    head = patch.partition(b"\n---\n")[0] if patch.startswith((b"From ", b"From:")) else b""
    for row in head.decode("utf-8", "replace").split("\n"):
        if row.startswith("Subject: "):
            subject = row.removeprefix("Subject: ").strip()
            if subject.startswith("[") and "]" in subject:
                subject = subject.partition("]")[2].strip()
            return subject[:LONGEST_SUBJECT]
    return ""
