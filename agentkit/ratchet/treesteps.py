"""What would change in a work tree and its index from one commit to another, and what stands there now?"""

import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agentkit.core.repo.changes import RAW
from agentkit.core.repo.repository import Repository

NOTHING, LINK, MODULE = "000000", "120000", "160000"
# Paths go to git as words up to here; above, the whole index is read.
MOST_WORDS = 200
OLD, NEW, OTHER = "old", "new", "other"


@dataclass(frozen=True)
class Entry:
    """What is at a path: a mode as git writes it and the id of the content; mode 000000 is nothing."""

    mode: str
    name: str

    @property
    def is_there(self) -> bool:
        """Tell whether there is anything."""
        return self.mode != NOTHING


@dataclass(frozen=True)
class Step:
    """A path that differs between two commits."""

    path: str
    old: Entry
    new: Entry

    def compare(self, entry: Entry | None) -> str:
        """Tell whether an entry is the old one, the new one, or another; None is one that cannot be told."""
        if entry is None:
            return OTHER
        if entry == self.new or (not entry.is_there and not self.new.is_there):
            return NEW
        return OLD if entry == self.old or (not entry.is_there and not self.old.is_there) else OTHER


@dataclass(frozen=True)
class IndexEntry:
    """What the index says of a path: the entry, and its flag (`S`: not in this sparse checkout, `M`: not merged)."""

    entry: Entry
    flag: str


def list_steps(repository: Repository, before: str, after: str) -> list[Step]:
    """Return the paths that differ between two commits."""
    raw = repository.git("diff-tree", "-r", *RAW, "--no-abbrev", "--end-of-options", before, after)
    words = os.fsdecode(raw).split("\0")
    steps = []
    for row, path in zip(words[::2], words[1::2], strict=False):
        old_mode, new_mode, old, new, _ = row.removeprefix(":").split(" ")
        steps.append(Step(path, Entry(old_mode, old), Entry(new_mode, new)))
    return steps


def read_index(repository: Repository, steps: Sequence[Step], index: str) -> dict[str, IndexEntry]:
    """Return what an index file says of the paths of the steps; a path that it does not have is left out."""
    paths = [step.path for step in steps]
    words = ["--", *paths] if len(paths) <= MOST_WORDS else []
    more = {"GIT_INDEX_FILE": index, "GIT_LITERAL_PATHSPECS": "1"}
    raw = repository.git("ls-files", "--stage", "-t", "-z", "--full-name", *words, more=more)
    wanted = set(paths)
    found: dict[str, IndexEntry] = {}
    for row in os.fsdecode(raw).split("\0"):
        facts, _, path = row.partition("\t")
        if path in wanted:
            flag, mode, name, stage = facts.split(" ")
            found[path] = IndexEntry(Entry(mode, name), "M" if stage != "0" else flag)
    return found


def read_files(repository: Repository, steps: Sequence[Step]) -> dict[str, Entry | None]:
    """Return what stands in the work tree at the path of each step, as git would store it; None for what it cannot.

    That is a folder where none was, a file that cannot be read, or a path that leads through a link.
    """
    gone = {step.path for step in steps if step.old.is_there and step.old.mode != MODULE}
    nothing = Entry(NOTHING, repository.no_object)
    found: dict[str, Entry | None] = {}
    regular: dict[str, str] = {}
    for step in steps:
        path, full = step.path, f"{repository.root}/{step.path}"
        try:
            mode = os.lstat(full).st_mode if _is_plain_way(repository.root, path) else None
        except (FileNotFoundError, NotADirectoryError):
            found[path] = nothing
            continue
        except OSError:
            mode = 0
        if mode is None:
            found[path] = nothing if _leads_through_old(repository.root, path, gone) else None
        elif stat.S_ISDIR(mode):
            found[path] = _read_folder(full, step, nothing, steps, path)
        elif stat.S_ISLNK(mode):
            found[path] = Entry(LINK, _hash_link(repository, full))
        elif stat.S_ISREG(mode) and os.access(full, os.R_OK):
            regular[path] = "100755" if mode & 0o100 else "100644"
        else:
            found[path] = None
    names = _hash_files(repository, list(regular))
    found |= {path: Entry(mode, names[path]) for path, mode in regular.items()}
    if any(_differs_by_mode(step, found[step.path]) for step in steps) and not _trusts_modes(repository):
        for step in steps:
            entry = found[step.path]
            if entry and _differs_by_mode(step, entry):
                found[step.path] = Entry((step.old if step.old.name == entry.name else step.new).mode, entry.name)
    return found


def find_common_way(path: str) -> Iterable[str]:
    """Return the folders in which a path lies, the outermost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: place + 1]) for place in range(len(parts))]


def _is_plain_way(root: str, path: str) -> bool:
    """Tell whether only real folders lead to the path; raises FileNotFoundError where one is not there."""
    return all(stat.S_ISDIR(os.lstat(f"{root}/{folder}").st_mode) for folder in find_common_way(path))


def _leads_through_old(root: str, path: str, gone: set[str]) -> bool:
    """Tell whether the first thing on the way that is no folder is one that goes with the old commit."""
    for folder in find_common_way(path):
        if not stat.S_ISDIR(os.lstat(f"{root}/{folder}").st_mode):
            return folder in gone
    return False


def _read_folder(full: str, step: Step, nothing: Entry, steps: Sequence[Step], path: str) -> Entry | None:
    """A folder is what a module has; else it is in the way, unless all that is in it goes with the old commit."""
    if step.new.mode == MODULE:
        return step.old if step.old.mode == MODULE else step.new
    if step.old.mode == MODULE and (not step.new.is_there or not os.listdir(full)):
        return step.old
    leaving = {other.path for other in steps if not other.new.is_there}
    for folder, _, names in os.walk(full):
        inner = os.path.relpath(folder, full)
        for name in names:
            if os.path.normpath(f"{path}/{inner}/{name}") not in leaving:
                return None
    return nothing


def _hash_link(repository: Repository, full: str) -> str:
    target = os.fsencode(os.readlink(full))
    choice = hashlib.sha256 if repository.object_format == "sha256" else hashlib.sha1
    return choice(b"blob %d\0" % len(target) + target).hexdigest()


def _hash_files(repository: Repository, paths: Sequence[str]) -> dict[str, str]:
    if not paths:
        return {}
    rows = "".join(f"{_quote(path)}\n" for path in paths)
    told = repository.git("hash-object", "--stdin-paths", stdin=os.fsencode(rows)).decode().split()
    return dict(zip(paths, told, strict=True))


def _quote(path: str) -> str:
    """Return the path as git reads it from a line."""
    if "\n" not in path and not path.startswith('"'):
        return path
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _differs_by_mode(step: Step, entry: Entry | None) -> bool:
    return (
        entry is not None
        and step.compare(entry) == OTHER
        and any(side.name == entry.name and side.mode[:3] == entry.mode[:3] == "100" for side in (step.old, step.new))
    )


def _trusts_modes(repository: Repository) -> bool:
    return repository.ask("config", "--type=bool", "--get", "core.fileMode").stdout.strip() != b"false"
