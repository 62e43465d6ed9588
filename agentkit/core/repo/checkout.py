"""How does a commit get into a folder of its own, byte for byte, with nothing of git in reach?

A private repository borrows the objects of the person's. In it no attribute, filter, hook or configuration of either
side is in force, and it lies beside the checkout, not in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.repository import Repository

FILE, PROGRAM, LINK, MODULE = "100644", "100755", "120000", "160000"
CACHE = "__pycache__"
# Whatever attributes a tree has, its files are written as they are stored.
ATTRIBUTES = "* -text -eol -crlf -filter -ident -working-tree-encoding -export-ignore -export-subst\n"


@dataclass(frozen=True)
class Entry:
    """A path in a tree: its mode, as git writes it, and the name of its object."""

    mode: str
    name: str


Tree = dict[str, Entry]


def read_tree(repository: Repository, commit: str) -> Tree:
    """Return {path: entry} of a commit."""
    return read_rows(list_tree(repository, commit))


def list_tree(repository: Repository, commit: str) -> list[str]:
    """Return the rows of `git ls-tree`, one for each path of a commit."""
    raw = repository.git("ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit)
    return os.fsdecode(raw).split("\0")[:-1]


def read_rows(rows: Iterable[str]) -> Tree:
    """Return {path: entry} of rows of `git ls-tree`."""
    tree: Tree = {}
    for row in rows:
        facts, path = row.split("\t", 1)
        mode, _, name = facts.split(" ")
        tree[path] = Entry(mode, name)
    return tree


def make_private(repository: Repository, git_dir: str) -> Repository:
    """Return a private repository in a folder, made there, that borrows the objects of another one."""
    for part in ("objects/info", "refs", "info"):
        os.makedirs(os.path.join(git_dir, part), exist_ok=True)
    objects = os.path.join(repository.common_dir, "objects")
    for path, text in (
        ("HEAD", "ref: refs/heads/none\n"),
        ("config", write_format(repository, is_bare=True)),
        ("objects/info/alternates", f"{objects}\n"),
        ("info/attributes", ATTRIBUTES),
    ):
        with open(os.path.join(git_dir, path), "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
    return replace(repository, root="", git_dir=git_dir, common_dir=git_dir)


def write_format(repository: Repository, *, is_bare: bool) -> str:
    """Return the configuration of a repository that has the same format of objects as another one, and nothing else."""
    is_sha256 = repository.object_format == "sha256"
    extension = "[extensions]\n\tobjectFormat = sha256\n" if is_sha256 else ""
    bare = "true" if is_bare else "false"
    return f"[core]\n\trepositoryformatversion = {int(is_sha256)}\n\tbare = {bare}\n{extension}"


class Workshop:
    """A private folder with a private repository in it, from which checkouts are made."""

    def __init__(self, repository: Repository, folder: str) -> None:
        self.folder = folder
        self._repository = make_private(repository, os.path.join(folder, "objects.git"))
        self._count = 0

    def make_checkout(self) -> Checkout:
        """Return a new folder, which is still empty."""
        self._count += 1
        folder = os.path.join(self.folder, f"tree{self._count}")
        os.mkdir(folder)
        index = os.path.join(self.folder, f"index{self._count}")
        more = {"GIT_INDEX_FILE": index, "GIT_WORK_TREE": folder}
        return Checkout(os.path.realpath(folder), self._repository, more)

    def check_out(self, tree: Mapping[str, Entry]) -> Checkout:
        """Return a folder that holds these entries and nothing else."""
        checkout = self.make_checkout()
        checkout.fill(tree)
        return checkout


@dataclass(frozen=True)
class Checkout:
    """A folder with the files of a tree."""

    folder: str
    repository: Repository
    more: Mapping[str, str]

    def fill(self, tree: Mapping[str, Entry]) -> None:
        """Write the files of these entries into the folder, which is empty."""
        rows = [
            f"{entry.mode} {entry.name}\t{path}"
            for path, entry in tree.items()
            if entry.mode != MODULE and CACHE not in path.split("/")
        ]
        stdin = os.fsencode("".join(f"{row}\0" for row in rows))
        # Nobody needs a half of it after a crash.
        passing = replace(self.repository, is_passing=True)
        passing.git("update-index", "-z", "--index-info", stdin=stdin, more=self.more)
        passing.git("checkout-index", "--all", "-u", "-q", "-f", more=self.more)

    def write_tree(self, objects: str) -> str:
        """Return the tree of the folder as it stands now, written to a folder of objects; what git ignores stays out.

        Raises AgentkitError (bad data) where a repository of its own lies in it: git would keep its name alone.
        """
        more = {**self.more, "GIT_OBJECT_DIRECTORY": objects}
        self.repository.git("add", "--all", "--", ".", more=more)
        rows = os.fsdecode(self.repository.git("ls-files", "--stage", "-z", more=more)).split("\0")
        inner = [row.partition("\t")[2] for row in rows if row.startswith(f"{MODULE} ")]
        if inner:
            raise AgentkitError(
                f"{inner[0]} is a repository of its own",
                hint=f"remove {inner[0]}/.git, or commit it as a submodule by hand",
                status=Exit.BAD_DATA,
            )
        return self.repository.git("write-tree", more=more).decode().strip()
