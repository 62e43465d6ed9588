"""How does a checkpoint lie on a branch of a git remote, one commit a checkpoint and never one taken back?"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.git import demand_git, run_git

PREFIX = "git:"
FILE = "checkpoint"
LIMIT = timedelta(seconds=60)
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
NAMES = {"NAME": "agentkit", "EMAIL": "agentkit@localhost"}
AUTHOR = {f"GIT_{who}_{what}": name for who in ("AUTHOR", "COMMITTER") for what, name in NAMES.items()}


class _Remote:
    """A branch of a remote, and an empty repository of our own to speak with it from."""

    def __init__(self, where: str, origin: str, environ: Mapping[str, str], folder: Path) -> None:
        self.url, _, branch = where.removeprefix(PREFIX).partition("#")
        if not self.url or self.url.startswith("-"):
            raise AgentkitError(f"{where} names no remote", hint="git:URL#BRANCH", status=Exit.USAGE)
        self.branch = branch or "".join(letter if letter in LETTERS else "-" for letter in origin)
        self._environ = environ
        self._folder = folder
        self.git("init", "--quiet", "--bare", "--template=")
        if self.try_git("check-ref-format", f"refs/heads/{self.branch}") is None:
            raise AgentkitError(f"{where}: {self.branch} is no name of a branch", status=Exit.USAGE)

    def git(self, *words: str, stdin: bytes = b"") -> bytes:
        return demand_git(words, environ=self._environ, limit=LIMIT, folder=self._folder, stdin=stdin, more=AUTHOR)

    def try_git(self, *words: str) -> bytes | None:
        ended = run_git(words, environ=self._environ, limit=LIMIT, folder=self._folder)
        return ended.stdout if ended.status == 0 else None

    def fetch(self) -> str | None:
        """Return the newest commit of the branch, None where there is no such branch."""
        ref = f"refs/heads/{self.branch}"
        if not self.git("ls-remote", "--", self.url, ref):
            return None
        self.git("fetch", "--quiet", "--no-tags", "--depth=1", "--", self.url, f"+{ref}:refs/anchor")
        return self.git("rev-parse", "refs/anchor").decode().strip()

    def read(self, commit: str) -> bytes | None:
        return self.try_git("cat-file", "blob", f"{commit}:{FILE}")


def fetch_note(where: str, origin: str, environ: Mapping[str, str]) -> bytes | None:
    """Return the note of the branch, None where there is none; raises AgentkitError (try later, unavailable, usage)."""
    with _reach(where, origin, environ) as remote:
        commit = remote.fetch()
        return None if commit is None else remote.read(commit)


def push_note(where: str, note: bytes, old: bytes | None, origin: str, environ: Mapping[str, str]) -> None:
    """Push one commit with the note, without force; raises as `fetch_note` does, try later where one was faster."""
    with _reach(where, origin, environ) as remote:
        parent = remote.fetch()
        if (remote.read(parent) if parent else None) != old:
            raise _tell_overtaken(where)
        blob = remote.git("hash-object", "-w", "--stdin", stdin=note).decode().strip()
        listed = remote.git("ls-tree", parent) if parent else b""
        kept = b"".join(row + b"\n" for row in listed.splitlines() if not row.endswith(f"\t{FILE}".encode()))
        tree = remote.git("mktree", "--missing", stdin=kept + f"100644 blob {blob}\t{FILE}\n".encode()).decode().strip()
        size = note.split(b"\n", 2)[1].decode()
        after = ["-p", parent] if parent else []
        commit = remote.git("commit-tree", tree, *after, "-m", f"Vouch for {size} records of {origin}").decode().strip()
        try:
            remote.git("push", "--quiet", "--", remote.url, f"{commit}:refs/heads/{remote.branch}")
        except AgentkitError as error:
            if "fast-forward" in error.message or "fetch first" in error.message:
                raise _tell_overtaken(where) from error
            raise


@contextlib.contextmanager
def _reach(where: str, origin: str, environ: Mapping[str, str]) -> Iterator[_Remote]:
    with tempfile.TemporaryDirectory(prefix="agentkit-anchor-", ignore_cleanup_errors=True) as folder:
        yield _Remote(where, origin, environ, Path(folder))


def _tell_overtaken(where: str) -> AgentkitError:
    return AgentkitError(f"the anchor {where} was changed meanwhile", hint="again", status=Exit.TRY_LATER)
