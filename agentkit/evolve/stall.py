"""Where does a proposer work: a copy of one commit, with its history and nothing later, that is used again afterwards?

A stall is a folder of the state folder with three rooms: the copy, a home and a place for temporary files. The index by
which the copy is filled and read lies outside of them: what a proposer does to the `.git` of its copy changes nothing.
A used copy is put right by git, which is quicker than a new one: only what differs is written.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.git import GitTooSlowError
from agentkit.core.repo.changes import RAW, read_changes
from agentkit.core.repo.checkout import MODULE, make_private, write_format
from agentkit.core.repo.repository import Repository
from agentkit.core.tree import read_boot_id
from agentkit.evolve.stallhistory import give_history
from agentkit.evolve.stallkeeping import (
    clear,
    clear_old_stalls,
    hold_stall,
    is_folder,
    open_up,
    read_note,
    remove_unseen,
    write_note,
)

LIMIT = timedelta(minutes=10)
# By these git tells what was changed; a person may have set them otherwise for all repositories.
STRICT = """[core]
	fileMode = true
	symlinks = true
	ignoreCase = false
	trustctime = true
	checkStat = default
	ignoreStat = false
	untrackedCache = false
	sparseCheckout = false
[submodule]
	recurse = false
"""


@dataclass(frozen=True)
class Stall:
    """A stall that this process holds: its folder, the commit in its copy, and what reads and fills that."""

    folder: str
    base: str
    repository: Repository
    private: Repository
    # The paths of the base's submodules, known once the copy is filled.
    modules: list[str] = field(default_factory=list)

    @property
    def room(self) -> str:
        """Return the folder with all that a proposer gets."""
        return f"{self.folder}/room"

    @property
    def copy(self) -> str:
        """Return the folder with the copy."""
        return f"{self.room}/copy"

    @property
    def home(self) -> str:
        """Return the folder that is the proposer's home."""
        return f"{self.room}/home"

    @property
    def scratch(self) -> str:
        """Return the folder for the proposer's temporary files."""
        return f"{self.room}/scratch"

    def write_tree(self) -> str:
        """Return the tree of the copy as it stands now, its objects in the person's repository; what git ignores
        stays out. "" is that of the base.

        Raises AgentkitError: bad data where git cannot take it in, or where a repository of its own lies in it.
        """
        if not (is_folder(self.room) and is_folder(self.copy)):
            raise AgentkitError("the copy itself is gone", status=Exit.BAD_DATA)
        # Git would look into these by a git of their own, which obeys the configuration that it finds there.
        self._demand_no_repository(path for path in self.modules if self._holds_repository(path))
        more = {**self._private_index(), "GIT_OBJECT_DIRECTORY": f"{self.repository.common_dir}/objects"}
        lasting = replace(self.private, is_passing=False)
        try:
            try:
                lasting.git("add", "--all", "--", ".", more=more, limit=LIMIT)
            except GitTooSlowError:
                raise
            except AgentkitError:
                self._add_again(lasting, more)
        except GitTooSlowError as error:
            # So it would be each time.
            raise AgentkitError(f"it is too much to be filed: {error.message}", status=Exit.BAD_DATA) from error
        raw = lasting.git("diff-index", "--cached", *RAW, "--end-of-options", self.base, more=more)
        changes = read_changes(raw)
        self._demand_no_repository(change.path for change in changes if change.after == MODULE)
        return lasting.git("write-tree", more=more).decode().strip() if changes else ""

    def show(self, commit: str) -> None:
        """Let the copy have the files of another commit; its history stays that of the base."""
        more = self._private_index()
        self.private.git("read-tree", "--reset", "-u", "--end-of-options", commit, more=more, limit=LIMIT)

    def prepare(self) -> None:
        """Let the copy be the base and nothing else, with empty rooms beside it; raises AgentkitError, OSError."""
        self._clear_leftovers()
        try:
            self._fill()
        except (AgentkitError, OSError, RecursionError):
            # Whatever was done to it: a new one is made the way the first one was.
            clear(self.copy)
            clear(f"{self.folder}/index")
            self._fill()
        for room in (self.home, self.scratch):
            os.makedirs(room, mode=0o700)
        give_history(self.folder, self.copy, self.repository, self.base, f"{self.private.git_dir}/objects")

    def _demand_no_repository(self, paths: Iterable[str]) -> None:
        for path in paths:
            raise AgentkitError(
                f"{path} is a repository of its own; git would keep its name alone", status=Exit.BAD_DATA
            )

    def _holds_repository(self, path: str) -> bool:
        return os.path.lexists(f"{self.copy}/{path}/.git")

    def _clear_leftovers(self) -> None:
        # A git that was killed; no other one works here, for we hold the stall.
        clear(f"{self.folder}/index.lock")
        for path in (self.room, self.copy):
            # Through a link git would put right, and sweep clean, what lies at its other end.
            if not is_folder(path):
                clear(path)
                os.makedirs(path, mode=0o700)
            os.chmod(path, 0o700)
        for name in os.listdir(self.room):
            if name != "copy":
                clear(f"{self.room}/{name}")
        clear(f"{self.copy}/.git")

    def _fill(self) -> None:
        os.makedirs(self.copy, mode=0o700, exist_ok=True)
        more = self._private_index()
        self.private.git("read-tree", "--reset", "-u", "--end-of-options", self.base, more=more, limit=LIMIT)
        remove_unseen(self.copy)
        self.private.git("clean", "-ffdxq", more=more, limit=LIMIT)
        self.modules[:] = self._list_modules()
        for path in self.modules:
            # What lies in the place of a submodule is no business of this repository's git.
            clear(f"{self.copy}/{path}")
            os.makedirs(f"{self.copy}/{path}")

    def _add_again(self, lasting: Repository, more: Mapping[str, str]) -> None:
        """Take the copy in once what it made unreadable can be read."""
        open_up(self.copy)
        # What was closed is seen only now, and the failed add may have taken in more: git would look into all of them.
        self._demand_no_repository(
            path for path in self._list_modules() if path not in self.modules or self._holds_repository(path)
        )
        try:
            lasting.git("add", "--all", "--", ".", more=more, limit=LIMIT)
        except AgentkitError as error:
            if error.status in (Exit.CANNOT_WRITE, Exit.TRY_LATER):
                raise
            raise AgentkitError(f"git cannot take it in: {error.message}", status=Exit.BAD_DATA) from error

    def _list_modules(self) -> list[str]:
        rows = os.fsdecode(self.private.git("ls-files", "--stage", "-z", more=self._private_index())).split("\0")
        return [row.partition("\t")[2] for row in rows if row.startswith(f"{MODULE} ")]

    def _private_index(self) -> dict[str, str]:
        return {"GIT_DIR": self.private.git_dir, "GIT_INDEX_FILE": f"{self.folder}/index", "GIT_WORK_TREE": self.copy}


@contextmanager
def open_stall(repository: Repository, environ: Mapping[str, str], base: str) -> Iterator[Stall]:
    """Hold a stall that nobody else has, its copy being the base; raises AgentkitError (cannot write, bad data)."""
    with ExitStack() as stack:
        folder = hold_stall(environ, repository.common_dir, stack)
        try:
            stall = Stall(folder, base, repository, _make_private(repository, folder))
            stall.prepare()
            clear_old_stalls(environ, time.time())
        except OSError as error:
            raise AgentkitError(f"{error.filename or folder}: {error.strerror}", status=Exit.CANNOT_WRITE) from error
        yield stall


def _make_private(repository: Repository, folder: str) -> Repository:
    note, boot = f"{folder}/boot", str(read_boot_id())
    if read_note(note) != boot:
        # After a loss of power nothing in there is known to have reached the disk.
        clear(folder)
        os.makedirs(folder, mode=0o700)
        write_note(note, boot)
    private = make_private(repository, f"{folder}/objects.git")
    write_note(f"{private.git_dir}/config", write_format(repository, is_bare=True) + STRICT)
    return replace(private, is_passing=True)
