"""What was touched, as edges: who touched it, and what of it was only there while the program ran?"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from agentkit.depmap.edge import SEEN, Edge

RULE = "trace"
FILES = frozenset({"read", "write"})
_NUMBERS = re.compile(r"[0-9]+")
MOST_EDGES = 50_000
MOST_MADE = 200_000
# Who touches more files of one folder than this depends on the folder.
MOST_OF_A_FOLDER = 100


class Owner(NamedTuple):
    """To whom it is put down what a process does: a node, and the file of it."""

    node: str
    file: str


def name_dependency(edge: Edge) -> tuple[str, str, str, str | None]:
    """Return what makes two edges that were seen one, by whichever program it was."""
    return edge.source, edge.kind, edge.target, edge.path


class Seen:
    """Collects the edges of one run, each once."""

    def __init__(self, temporary: Iterable[str]) -> None:
        """`temporary` are the folders in which what came and went is nobody's."""
        self._edges: dict[Edge, None] = {}
        self._made: dict[str, bool] = {}
        self._renamed: set[str] = set()
        self._processes: set[str] = set()
        self._started_by: dict[str, Owner] = {}
        self._of_folders: dict[Edge, list[Edge]] = {}
        self._whole: set[Edge] = set()
        self._temporary = tuple(f"{folder.rstrip('/')}/" for folder in temporary)
        self.is_full = False

    def add(self, owner: Owner, kind: str, target: str, *, via: str | None, path: str | None = None) -> None:
        """Note that the owner touched a node; beyond MOST_EDGES of them nothing is noted any more."""
        if target == owner.node:
            return
        edge = Edge(owner.node, target, kind, owner.file, None, RULE, how=SEEN, via=via, path=path)
        if edge in self._edges or (kind in FILES and self._is_in_folder(edge)):
            return
        if len(self._edges) >= MOST_EDGES:
            self.is_full = True
            return
        self._edges[edge] = None

    def _is_in_folder(self, edge: Edge) -> bool:
        """Tell whether the folder of a file stands for it by now; what was told of its files is taken back then."""
        folder = os.path.dirname(edge.target)
        if folder in ("file:/", "file:") or f"{folder[5:]}/" in self._temporary:
            return False
        whole = replace(edge, target=folder)
        if whole in self._whole:
            return True
        files = self._of_folders.setdefault(whole, [])
        files.append(edge)
        if len(files) <= MOST_OF_A_FOLDER:
            return False
        for one in self._of_folders.pop(whole):
            self._edges.pop(one, None)
        self._whole.add(whole)
        if not self._is_in_folder(whole):
            self._edges[whole] = None
        return True

    def note_start(self, owner: Owner, by: Owner) -> None:
        """Remember who started the script that owns what follows."""
        self._started_by.setdefault(owner.node, by)

    def note_made(self, path: str, *, is_new: bool) -> None:
        """Remember that a file was made by the run itself; `is_new` where it cannot have been there before."""
        if len(self._made) < MOST_MADE:
            self._made.setdefault(path, is_new)

    def note_process(self, pid: int) -> None:
        """Remember the number of a process: who puts `$$` into a name means the file for itself."""
        if len(self._processes) < MOST_MADE:
            self._processes.add(str(pid))

    def note_renamed(self, path: str) -> None:
        """Remember that a file has another name now."""
        if path in self._made:
            self._renamed.add(path)

    def find_edges(self, exists: Callable[[str], bool] = os.path.lexists) -> list[Edge]:
        """Return the edges without what the run made for itself and is gone by now.

        That is what it made in a folder for temporary files, and elsewhere what has the number of one of its processes
        in its name, and what it made under a new name to give it another one later. What a script did that is gone
        itself is put down to who started it.
        """
        gone = {path for path, is_new in self._made.items() if self._is_own(path, is_new=is_new) and not exists(path)}
        found: dict[tuple[str, str, str, str | None], Edge] = {}
        for edge in self._edges:
            if edge.target.startswith(("file:", "cmd:")) and (edge.target[5:] in gone or edge.path in gone):
                continue
            owner = Owner(edge.source, edge.file)
            for _ in range(len(self._started_by)):
                if owner.file not in gone or owner.node not in self._started_by:
                    break
                owner = self._started_by[owner.node]
            if edge.target != owner.node:
                own = edge if owner.node == edge.source else replace(edge, source=owner.node, file=owner.file)
                found.setdefault(name_dependency(own), own)
        return list(found.values())

    def _is_own(self, path: str, *, is_new: bool) -> bool:
        if path.startswith(self._temporary) or (is_new and path in self._renamed):
            return True
        return not self._processes.isdisjoint(_NUMBERS.findall(os.path.basename(path)))
