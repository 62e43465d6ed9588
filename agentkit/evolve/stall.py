"""Where does a proposer work: a copy of one commit, with its history and nothing later, that is used again afterwards?

A stall is a folder of the state folder with three rooms: the copy, a home and a place for temporary files. The index by
which the copy is filled and read lies outside of them: what a proposer does to the `.git` of its copy changes nothing.
A used copy is put right by git, which is quicker than a new one: only what differs is written.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.locks import hold_lock
from agentkit.core.paths import state_folder
from agentkit.core.repo.checkout import MODULE, make_private, read_tree, write_format
from agentkit.core.repo.repository import Repository

LIMIT = timedelta(minutes=10)
MOST = 256
BRANCH = "main"


@dataclass(frozen=True)
class Stall:
    """A stall that this process holds: its folder, the commit in its copy, and what reads and fills that."""

    folder: str
    base: str
    repository: Repository
    private: Repository

    @property
    def copy(self) -> str:
        """Return the folder with the copy."""
        return f"{self.folder}/room/copy"

    @property
    def home(self) -> str:
        """Return the folder that is the proposer's home."""
        return f"{self.folder}/room/home"

    @property
    def scratch(self) -> str:
        """Return the folder for the proposer's temporary files."""
        return f"{self.folder}/room/tmp"

    def write_tree(self) -> str:
        """Return the tree of the copy as it stands now, its objects in the person's repository; what git ignores
        stays out. Raises AgentkitError (bad data) where a repository of its own lies in it.
        """
        more = {**self._private_index(), "GIT_OBJECT_DIRECTORY": f"{self.repository.common_dir}/objects"}
        asked = replace(self.private, is_passing=False)
        asked.git("add", "--all", "--", ".", more=more, limit=LIMIT)
        rows = os.fsdecode(asked.git("ls-files", "--stage", "-z", more=more)).split("\0")
        modules = {row.partition("\t")[2] for row in rows if row.startswith(f"{MODULE} ")}
        if modules:
            known = {path for path, entry in read_tree(self.repository, self.base).items() if entry.mode == MODULE}
            for path in sorted(modules - known):
                raise AgentkitError(
                    f"{path} is a repository of its own; git would keep its name alone", status=Exit.BAD_DATA
                )
        return asked.git("write-tree", more=more).decode().strip()

    def _private_index(self) -> dict[str, str]:
        return {"GIT_INDEX_FILE": f"{self.folder}/index", "GIT_WORK_TREE": self.copy}

    def prepare(self) -> None:
        """Let the copy be the base and nothing else, with empty rooms beside it; raises AgentkitError."""
        for room in (self.home, self.scratch, f"{self.copy}/.git"):
            clear(room)
        try:
            self._fill()
        except AgentkitError:
            # Whatever was done to it: a new one is made the way the first one was.
            clear(self.copy)
            clear(f"{self.folder}/index")
            self._fill()
        for room in (self.home, self.scratch):
            os.makedirs(room, mode=0o700)
        self._give_history()

    def _fill(self) -> None:
        os.makedirs(self.copy, mode=0o700, exist_ok=True)
        more = self._private_index()
        self.private.git("read-tree", "--reset", "-u", "--end-of-options", self.base, more=more, limit=LIMIT)
        self.private.git("clean", "-ffdxq", more=more, limit=LIMIT)

    def _give_history(self) -> None:
        """Make the `.git` of the copy: the base with what led to it, checked out on a branch."""
        packs = f"{self.folder}/packs"
        self._pack(packs)
        inner = f"{self.copy}/.git"
        shutil.copytree(packs, f"{inner}/objects/pack")
        shutil.copyfile(f"{self.folder}/index", f"{inner}/index")
        os.makedirs(f"{inner}/refs/heads")
        files = {"HEAD": f"ref: refs/heads/{BRANCH}\n", "config": write_format(self.repository, is_bare=False),
                 f"refs/heads/{BRANCH}": f"{self.base}\n"}  # fmt: skip
        if os.path.exists(f"{self.repository.common_dir}/shallow"):
            shutil.copyfile(f"{self.repository.common_dir}/shallow", f"{inner}/shallow")
        for name, text in files.items():
            with open(f"{inner}/{name}", "w", encoding="utf-8") as file:
                file.write(text)

    def _pack(self, packs: str) -> None:
        """Let a folder of packs hold the base and what led to it, and nothing that came later."""
        note = f"{self.folder}/packed"
        packed = _read(note)
        if packed == self.base:
            return
        is_later = packed and self.repository.ask("merge-base", "--is-ancestor", packed, self.base).status == 0
        if not is_later:
            clear(packs)
        clear(note)
        os.makedirs(packs, exist_ok=True)
        wanted = f"{self.base}\n^{packed}\n" if is_later else f"{self.base}\n"
        passing = replace(self.repository, is_passing=True)
        passing.git("pack-objects", "--revs", "-q", f"{packs}/pack", stdin=wanted.encode(), limit=LIMIT)
        with open(note, "w", encoding="utf-8") as file:
            file.write(self.base)


@contextmanager
def open_stall(repository: Repository, environ: Mapping[str, str], base: str) -> Iterator[Stall]:
    """Hold a stall that nobody else has, its copy being the base; raises AgentkitError (cannot write, bad data)."""
    digest = hashlib.sha256(os.fsencode(repository.common_dir)).hexdigest()[:16]
    parent = f"{state_folder(environ)}/evolve/stalls/{digest}"
    with ExitStack() as stack:
        folder = _hold_one(parent, stack)
        try:
            private = replace(make_private(repository, f"{folder}/objects.git"), is_passing=True)
            stall = Stall(folder, base, repository, private)
            stall.prepare()
        except OSError as error:
            raise AgentkitError(f"{error.filename or folder}: {error.strerror}", status=Exit.CANNOT_WRITE) from error
        yield stall


def _hold_one(parent: str, stack: ExitStack) -> str:
    for number in range(MOST):
        folder = f"{parent}/{number}"
        try:
            stack.enter_context(hold_lock(f"{folder}/lock", what=f"stall {number}", limit=timedelta(0)))
        except AgentkitError as error:
            if error.status != Exit.TRY_LATER:
                raise
        else:
            return folder
    raise AgentkitError(f"{MOST} proposers work on this repository already", hint="later", status=Exit.TRY_LATER)


def clear(path: str) -> None:
    """Remove whatever is there, also what was made unreadable; raises OSError."""
    if not os.path.isdir(path) or os.path.islink(path):
        if os.path.lexists(path):
            os.unlink(path)
        return
    try:
        shutil.rmtree(path)
    except OSError:
        for folder, _, _ in os.walk(path, followlinks=False):
            for inner in [entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]:
                os.chmod(inner, 0o700)
        shutil.rmtree(path)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""
