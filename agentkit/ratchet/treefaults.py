"""What in the tree of a candidate could make a checkout of it something else than what stands there?"""

from __future__ import annotations

import os
from collections.abc import Iterable

from agentkit.core.repo.blobs import read_blobs
from agentkit.core.repo.checkout import CACHE, LINK, Tree
from agentkit.core.repo.repository import Repository

COMPILED = (".pyc", ".pyo", ".so", ".pyd")
UNFIT = frozenset({"", ".", "..", ".git"})


def find_unfit(tree: Tree) -> list[str]:
    """Return the paths that no checkout can have: a tree that git did not write may hold `.git`, or a name twice."""
    folders = {path.rsplit("/", depth)[0] for path in tree for depth in range(1, path.count("/") + 1)}
    return [path for path in tree if path in folders or not UNFIT.isdisjoint(path.lower().split("/"))]


def find_escaping_links(repository: Repository, tree: Tree, known: Tree) -> list[str]:
    """Return the links that leave the tree (or go into a `.git`), without those that the accepted tree has too."""
    links = {path: entry.name for path, entry in tree.items() if entry.mode == LINK and known.get(path) != entry}
    targets = read_blobs(repository, links.values())
    return [path for path, name in links.items() if _leaves(path, os.fsdecode(targets.get(name, b"")))]


def find_compiled(paths: Iterable[str]) -> list[str]:
    """Return compiled code among the paths: it is what runs, and nobody reads it."""
    return [path for path in paths if path.endswith(COMPILED) or CACHE in path.split("/")]


def _leaves(path: str, target: str) -> bool:
    if not target or target.startswith("/"):
        return True
    depth = path.count("/")
    has_gone_down = False
    for part in target.split("/"):
        if part == "..":
            depth -= 1
            # Back from a folder that may be a link itself leads anywhere.
            if depth < 0 or has_gone_down:
                return True
        elif part.lower() == ".git":
            return True
        elif part not in ("", "."):
            has_gone_down = True
    return False
