"""Which repository is this, is it in a state in which its branch may move, and how is git asked about it?"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.git import run_git
from agentkit.core.program import Ended
from agentkit.core.tree import process_start

LIMIT = timedelta(seconds=60)
KEEP_BYTES = 1 << 30
# A lock of another git that works right now is waited for; core.filesRefLockTimeout is 100 ms by itself.
PATIENCE = ("core.filesRefLockTimeout=5000", "core.packedRefsTimeout=5000")
# An index of ours is one file.
SETTINGS = tuple(word for setting in (*PATIENCE, "core.splitIndex=false") for word in ("-c", setting))
PASSING = ("-c", "core.fsync=none")
# Every git that we start carries it: after a crash it tells whether one of them still works.
MARK = "AGENTKIT_GIT"
# Whose commit it is, the person may have said in the environment.
IDENTITY = tuple(f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL", "DATE"))
# What the system says stands at the end of a row, and what git says at its beginning: what stands between is a name.
CANNOT_WRITE = re.compile(
    r"(fatal|error): unable to write .*"
    r"|.*: (no space left on device|disk quota exceeded|read-only file system|permission denied|file too large)"
)
LOCKED = re.compile(r"(fatal|error): .*\.lock': file exists\.?")
BAD_DATA = (
    "bad object",
    "corrupt",
    "unable to read",
    "invalid object",
    "could not parse",
    "unable to parse",
    "bad tree",
    "inflate",
    "unable to unpack",
)
UNDER_WAY = {
    "MERGE_HEAD": ("a merge", "git merge --continue, or git merge --abort"),
    "rebase-merge": ("a rebase", "git rebase --continue, or git rebase --abort"),
    "rebase-apply": ("a rebase or am", "git rebase --continue, or git rebase --abort"),
    "CHERRY_PICK_HEAD": ("a cherry-pick", "git cherry-pick --continue, or git cherry-pick --abort"),
    "REVERT_HEAD": ("a revert", "git revert --continue, or git revert --abort"),
    "BISECT_START": ("a bisection", "git bisect reset"),
}


@dataclass(frozen=True)
class Repository:
    """A repository as seen from one of its work trees; `root` is "" where there is none (bare).

    What is written to it outlasts a loss of power, unless it `is_passing`.
    """

    root: str
    git_dir: str
    common_dir: str
    environ: Mapping[str, str] = field(repr=False)
    object_format: str = "sha1"
    is_passing: bool = False

    @property
    def no_object(self) -> str:
        """Return the id that stands for none."""
        return "0" * (64 if self.object_format == "sha256" else 40)

    def ask(
        self, *words: str, stdin: bytes = b"", more: Mapping[str, str] | None = None, limit: timedelta = LIMIT
    ) -> Ended:
        """Run git at the top of the work tree and return how it ended, whatever its status.

        Raises AgentkitError (try later) where it was killed: that is never an answer.
        """
        variables = {name: self.environ[name] for name in IDENTITY if name in self.environ}
        ended = run_git(
            [*SETTINGS, *(PASSING if self.is_passing else ()), *words],
            environ=self.environ,
            limit=limit,
            folder=self.root or self.git_dir,
            stdin=stdin,
            more={**variables, **self._name(), MARK: own_mark(), **(more or {})},
            keep_bytes=KEEP_BYTES,
        )
        if ended.stdout_truncated:
            raise AgentkitError(f"git {words[0]}: more than {KEEP_BYTES} bytes", status=Exit.BAD_DATA)
        if ended.signal is not None:
            raise _tell_killed(words[0], ended.signal)
        return ended

    def _name(self) -> dict[str, str]:
        """Return what tells git where a repository without a work tree is: a person may forbid it to find such ones."""
        return {} if self.root else {"GIT_DIR": self.git_dir}

    def git(
        self, *words: str, stdin: bytes = b"", more: Mapping[str, str] | None = None, limit: timedelta = LIMIT
    ) -> bytes:
        """Run git and return its stdout; raises AgentkitError where it ends with another status than 0."""
        ended = self.ask(*words, stdin=stdin, more=more, limit=limit)
        if ended.status != 0:
            raise tell_failure(words[0], ended)
        return ended.stdout


def own_mark() -> str:
    """Return by what a git of this very process is known."""
    pid = os.getpid()
    return f"{pid}.{process_start(pid)}"


def find_repository(folder: str, environ: Mapping[str, str]) -> Repository:
    """Return the repository in which the folder lies; bare ones too.

    Raises AgentkitError: unavailable where there is none, refused where git does not trust its owner.
    """
    here = os.path.abspath(folder)
    if not os.path.isdir(here):
        raise AgentkitError(f"{here}: no such folder")
    facts = ["--is-bare-repository", "--absolute-git-dir", "--git-common-dir", "--show-object-format"]
    words = ["rev-parse", *facts, "--show-toplevel"]
    ended = run_git(words, environ=environ, limit=LIMIT, folder=here)
    if ended.signal is not None:
        raise _tell_killed("rev-parse", ended.signal)
    told = read_rows(ended.stdout)
    if len(told) < len(facts):
        raise _tell_missing(here, ended)
    is_bare, git_dir, common, object_format = told[: len(facts)]
    root = told[-1] if ended.status == 0 and len(told) > len(facts) else ""
    if not root and is_bare != "true":
        raise AgentkitError(f"{here} lies in a git folder", hint="go to the work tree", status=Exit.UNAVAILABLE)
    return Repository(root, git_dir, os.path.realpath(os.path.join(here, common)), environ, object_format)


def demand_work_tree(repository: Repository) -> None:
    """Raise AgentkitError (unavailable) where the repository is bare."""
    if not repository.root:
        raise AgentkitError(
            f"{repository.git_dir} is a bare repository: there is no work tree", hint="name a candidate with --rev"
        )


def demand_quiet(repository: Repository) -> None:
    """Raise AgentkitError (refused) while a merge, a rebase or the like is under way in this work tree."""
    for name, (what, hint) in UNDER_WAY.items():
        if os.path.lexists(f"{repository.git_dir}/{name}"):
            raise AgentkitError(f"{what} is in progress in {repository.root}", hint=hint, status=Exit.REFUSED)


def read_branch(repository: Repository) -> str:
    """Return the branch that is checked out, such as "refs/heads/main"; "" where HEAD is detached."""
    return os.fsdecode(repository.ask("symbolic-ref", "--quiet", "HEAD").stdout).strip()


def read_head(repository: Repository) -> tuple[str, str]:
    """Return (branch, commit) of what is checked out, such as ("refs/heads/main", id).

    The branch is "" where HEAD is detached, the commit "" where the branch has none yet.
    """
    told = repository.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    return read_branch(repository), told.stdout.decode().strip()


def demand_branch(repository: Repository) -> tuple[str, str]:
    """Return (branch, commit) of what is checked out.

    Raises AgentkitError: refused where HEAD is detached, unavailable where the branch has no commit yet.
    """
    branch, commit = read_head(repository)
    if not branch:
        raise AgentkitError(
            "HEAD is detached: there is no branch that could be held", hint="git switch BRANCH", status=Exit.REFUSED
        )
    if not commit:
        raise AgentkitError(
            f"{branch.removeprefix('refs/heads/')} has no commit yet", hint="git commit", status=Exit.UNAVAILABLE
        )
    return branch, commit


def list_work_trees(repository: Repository) -> list[tuple[str, str]]:
    """Return (folder, branch) of every work tree that is there; the branch is "" where HEAD is detached."""
    found = []
    for entry in os.fsdecode(repository.git("worktree", "list", "--porcelain")).split("\n\n"):
        rows = dict(row.partition(" ")[::2] for row in entry.split("\n"))
        folder = rows.get("worktree", "")
        if folder and "bare" not in rows and os.path.isdir(folder):
            found.append((folder, rows.get("branch", "")))
    return found


def read_rows(raw: bytes) -> list[str]:
    """Return what git printed, row by row: the name of a folder or a branch may hold what Python, too, calls the end
    of a line.
    """
    return os.fsdecode(raw).removesuffix("\n").split("\n") if raw else []


def tell_failure(verb: str, ended: Ended) -> AgentkitError:
    """Return what the failure of a git means: another lock, no room, a broken object, or just not there."""
    text = ended.stderr.decode("utf-8", "replace")
    said = " ".join(text.split()) or f"it ended with {ended.status}"
    rows, hint, status = [row.strip().lower() for row in text.split("\n")], None, Exit.UNAVAILABLE
    low = said.lower()
    if any(map(LOCKED.fullmatch, rows)):
        status, hint = Exit.TRY_LATER, "another git works there, or one was killed: look, then remove that file"
    elif any(map(CANNOT_WRITE.fullmatch, rows)):
        status = Exit.CANNOT_WRITE
    elif any(sign in low for sign in BAD_DATA):
        status, hint = Exit.BAD_DATA, "git fsck"
    return AgentkitError(f"git {verb}: {said[:500]}", hint=hint, status=status)


def _tell_killed(verb: str, number: int) -> AgentkitError:
    return AgentkitError(f"git {verb} was ended by signal {number}", hint="again", status=Exit.TRY_LATER)


def _tell_missing(folder: str, ended: Ended) -> AgentkitError:
    said = " ".join(ended.stderr.decode("utf-8", "replace").split())
    if "dubious ownership" in said:
        return AgentkitError(
            f"{folder}: the repository belongs to another user, and git does not trust it",
            hint=f"git config --global --add safe.directory {folder}",
            status=Exit.REFUSED,
        )
    if "not a git repository" in said:
        return AgentkitError(f"{folder} lies in no git repository", hint="git init, or go to one")
    return AgentkitError(f"git rev-parse: {said[:500] or f'it ended with {ended.status}'}")
