"""What of a work tree can follow its branch to another commit, and which changes of the person are in the way?"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.repository import Repository
from agentkit.ratchet.placing import Stamp, read_stamp
from agentkit.ratchet.treesteps import MODULE, NEW, NOTHING, OLD, OTHER, Entry, IndexEntry, Step, read_files, read_index

MOST_NAMED = 3
# The beginning of the id of an empty file, with SHA-1 and SHA-256.
EMPTY = ("e69de29b", "473a0f4c")


@dataclass(frozen=True)
class Survey:
    """`files` stand there as the old commit has them, each with what tells that nobody wrote to it since.

    `listed` are the paths that the index has as the old commit has them, `hidden` those of no sparse checkout,
    `in_the_way` those that somebody has changed, `closed` the folders in which nothing may be written.
    """

    tree: Repository
    files: tuple[tuple[Step, Stamp | None], ...]
    listed: tuple[Step, ...]
    hidden: frozenset[str]
    in_the_way: tuple[str, ...]
    closed: tuple[str, ...]

    def demand_free(self, what: str) -> None:
        """Raise AgentkitError (refused) where changes are in the way, cannot write where a folder is closed."""
        if self.in_the_way:
            raise AgentkitError(
                f"changes of yours are in the way of the {what} in {self.tree.root}: {_name(self.in_the_way)}; "
                f"nothing was moved",
                hint="commit them or put them aside, then again",
                status=Exit.REFUSED,
            )
        if self.closed:
            raise AgentkitError(
                f"{_name(self.closed)} in {self.tree.root} may not be written to; nothing was moved",
                status=Exit.CANNOT_WRITE,
            )


def survey(tree: Repository, steps: Sequence[Step], index: str, *, keeps_files: bool) -> Survey:
    """Look at the paths that differ, in an index file and in the work tree; nothing is touched.

    `keeps_files` is for a candidate that was taken from this work tree: no file has to follow, whatever it holds.
    """
    entries = read_index(tree, steps, index)
    standing = {} if keeps_files else read_files(tree, steps)
    hidden = frozenset(path for path, entry in entries.items() if entry.flag == "S")
    in_the_way: list[str] = []
    files: list[tuple[Step, Stamp | None]] = []
    listed: list[Step] = []
    for step in steps:
        listing = _compare_index(step, entries.get(step.path), is_early=keeps_files)
        if listing == OLD:
            listed.append(step)
        if keeps_files:
            continue
        told = NEW if step.path in hidden else step.compare(standing[step.path])
        if OTHER in (told, listing):
            in_the_way.append(step.path)
        elif told == OLD:
            is_file = step.old.is_there and step.old.mode != MODULE
            files.append((step, read_stamp(f"{tree.root}/{step.path}") if is_file else None))
    closed = sorted({folder for step, _ in files if (folder := _find_closed(tree.root, step.path)) is not None})
    return Survey(tree, tuple(files), tuple(listed), hidden, tuple(in_the_way), tuple(closed))


def _compare_index(step: Step, entry: IndexEntry | None, *, is_early: bool) -> str:
    if entry is None:
        return step.compare(Entry(NOTHING, ""))
    if entry.flag == "M":
        return OTHER
    told = step.compare(entry.entry)
    # `git add -N` lists a file with no content yet; of a work tree that was taken, the content is the commit's.
    if told == OTHER and is_early and not step.old.is_there and entry.entry.name.startswith(EMPTY):
        return OLD
    return told


def _find_closed(root: str, path: str) -> str | None:
    """Return the folder in which the path lies, or the nearest that is there, if nothing may be written to it."""
    folder = os.path.dirname(f"{root}/{path}")
    while len(folder) > len(root) and not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    return None if os.access(folder, os.W_OK | os.X_OK) or not os.path.isdir(folder) else os.path.relpath(folder, root)


def _name(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else ""
    return ", ".join(paths[:MOST_NAMED]) + more
