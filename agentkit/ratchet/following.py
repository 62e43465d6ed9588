"""How does a checked-out tree follow its branch to a new commit without touching anybody's work?

Only the paths that differ between the two commits are touched, and of these only files that stand there exactly as the
old commit has them. New files are made beside, in the git folder, and get their place by a rename: at each instant a
path holds the old content or the new one. The index follows in the same way, in one rename under git's own lock.
"""

import contextlib
import os
import shutil
from dataclasses import dataclass

from agentkit.core.errors import AgentkitError, Exit
from agentkit.ratchet.indexlock import hold_index
from agentkit.ratchet.intent import Intent
from agentkit.ratchet.repository import Repository, find_repository
from agentkit.ratchet.treesteps import (
    MODULE,
    NEW,
    OLD,
    OTHER,
    Entry,
    IndexEntry,
    Step,
    find_common_way,
    list_steps,
    read_files,
    read_index,
)

MOST_NAMED = 3
Stamp = tuple[int, int, int, int]


@dataclass(frozen=True)
class Following:
    """All that is prepared for a work tree to follow; nothing of it has been touched yet.

    `files` are those that stand there as the old commit has them, with what tells that nobody wrote to them since;
    `kept` are paths that somebody has changed.
    """

    work_tree: Repository
    scratch: str
    files: tuple[tuple[Step, Stamp | None], ...]
    kept: tuple[str, ...]
    has_index: bool

    def apply(self) -> list[str]:
        """Bring files and index to the new commit; return what was left as somebody had changed it. Raises OSError."""
        root, kept = self.work_tree.root, list(self.kept)
        os.makedirs(f"{self.scratch}/old")
        # What goes makes room: a file may come where a folder was.
        for place, (step, stamp) in enumerate(sorted(self.files, key=lambda pair: pair[0].new.is_there)):
            full, aside = f"{root}/{step.path}", f"{self.scratch}/old/{place}"
            try:
                if step.new.is_there:
                    has_followed = _replace(full, aside, stamp, f"{self.scratch}/new/{step.path}")
                else:
                    has_followed = _remove(full, aside, stamp)
                    _remove_empty(root, step.path)
            except (FileExistsError, IsADirectoryError, NotADirectoryError):
                has_followed = False  # somebody put something there since
            if not has_followed:
                kept.append(step.path)
        if self.has_index:
            private = f"{self.scratch}/index"
            # It ends with 1 where files differ from the index, as those do that somebody has changed.
            self.work_tree.ask("update-index", "-q", "--refresh", more={"GIT_INDEX_FILE": private})
            _sync(private)
            os.replace(private, f"{self.work_tree.git_dir}/index")
        return [f"left as you changed it: {path}" for path in kept]


def plan_following(repository: Repository, intent: Intent, scratch: str, *, is_strict: bool) -> Following | None:
    """Hold the index of the work tree and prepare what has to follow there; None where nothing has to.

    Raises AgentkitError: refused where changes of the person are in the way (if strict; else those are left as they
    are), try later where another git holds the index.
    """
    assert intent.branch is not None
    if not os.path.isdir(intent.work_tree):
        return None  # a work tree that was removed since has nothing to follow with
    is_same = intent.work_tree == repository.root
    tree = repository if is_same else find_repository(intent.work_tree, repository.environ)
    steps = list_steps(tree, intent.branch.old, intent.branch.new)
    if not steps:
        return None
    hold_index(tree.git_dir, scratch, intent.mark)
    index = f"{scratch}/index"
    with contextlib.suppress(FileNotFoundError):
        shutil.copy2(f"{tree.git_dir}/index", index)
    entries = read_index(tree, steps, index)
    standing = {} if intent.keeps_files else read_files(tree, steps)
    in_the_way = []
    files: list[tuple[Step, Stamp | None]] = []
    listed: list[Step] = []
    for step in steps:
        entry = entries.get(step.path)
        is_hidden = entry is not None and entry.flag == "S"
        told = NEW if intent.keeps_files or is_hidden else step.compare(standing[step.path])
        listing = _compare_index(step, entry, is_early=intent.keeps_files)
        if told == OTHER or (listing == OTHER and not intent.keeps_files):
            in_the_way.append(step.path)
        if told == OLD:
            is_file = step.old.is_there and step.old.mode != MODULE
            files.append((step, _stamp(f"{tree.root}/{step.path}") if is_file else None))
        if listing == OLD:
            listed.append(step)
    if is_strict and in_the_way:
        raise _tell_in_the_way(in_the_way, intent)
    _write_index(tree, index, listed, entries)
    _write_files(tree, index, f"{scratch}/new", [step for step, _ in files])
    return Following(tree, scratch, tuple(files), tuple(in_the_way), bool(listed or files))


def _compare_index(step: Step, entry: IndexEntry | None, *, is_early: bool) -> str:
    if entry is None:
        return step.compare(Entry("000000", ""))
    if entry.flag == "M":
        return OTHER
    told = step.compare(entry.entry)
    # `git add -N` lists a file with no content yet; of a work tree that was taken, the content is the commit's.
    if told == OTHER and is_early and not step.old.is_there and entry.entry.name[:8] in ("e69de29b", "473a0f4c"):
        return OLD
    return told


def _write_index(tree: Repository, index: str, steps: list[Step], entries: dict[str, IndexEntry]) -> None:
    """Let the private index list the new entries. Git refuses a path that must be in no tree, such as .git/hooks/x."""
    if not steps:
        return
    # What goes comes first: a file may come where a folder was.
    ordered = sorted(steps, key=lambda step: step.new.is_there)
    rows = "".join(f"{step.new.mode} {step.new.name}\t{step.path}\0" for step in ordered)
    private = {"GIT_INDEX_FILE": index}
    tree.git("update-index", "-z", "--index-info", stdin=os.fsencode(rows), more=private)
    hidden = [
        step.path for step in steps if step.new.is_there and step.path in entries and entries[step.path].flag == "S"
    ]
    if hidden:
        raw = os.fsencode("".join(f"{path}\0" for path in hidden))
        tree.git("update-index", "--skip-worktree", "-z", "--stdin", stdin=raw, more=private)


def _write_files(tree: Repository, index: str, folder: str, steps: list[Step]) -> None:
    """Write the new files into a folder of their own, with the attributes that the new commit has for them."""
    os.makedirs(folder, exist_ok=True)
    for step in steps:
        if step.new.mode == MODULE:
            os.makedirs(f"{folder}/{step.path}", exist_ok=True)
    paths = [step.path for step in steps if step.new.is_there and step.new.mode != MODULE]
    if paths:
        raw = os.fsencode("".join(f"{path}\0" for path in paths))
        more = {"GIT_INDEX_FILE": index, "GIT_WORK_TREE": folder, "GIT_DIR": tree.git_dir}
        tree.git("checkout-index", "-q", "-z", "--stdin", stdin=raw, more=more)
        missing = [path for path in paths if not os.path.lexists(f"{folder}/{path}")]
        if missing:
            raise AgentkitError(f"git checkout-index: it did not write {missing[0]}", status=Exit.CANNOT_WRITE)


def _replace(full: str, aside: str, stamp: Stamp | None, new: str) -> bool:
    """Put the new file in its place; False, and nothing has changed, where somebody wrote there since."""
    folder = os.path.dirname(full)
    os.makedirs(folder, exist_ok=True)
    if os.path.isdir(new) and not os.path.islink(new):
        os.makedirs(full, exist_ok=True)
        return True
    if stamp is None:
        with contextlib.suppress(OSError):
            os.rmdir(full)  # an empty folder, as the last file that went left it
        return _bring(new, full, is_new=True)
    # The old file gets a second name before it loses its first: what somebody wrote at the last moment is still there.
    with contextlib.suppress(OSError):
        os.link(full, aside, follow_symlinks=False)
    if _stamp(full) != stamp or not _bring(new, full, is_new=False):
        return False
    if os.path.lexists(aside) and not _is_same(_stamp(aside), stamp):
        os.replace(aside, full)
        return False
    return True


def _remove(full: str, aside: str, stamp: Stamp | None) -> bool:
    """Take the old file away; False, and nothing has changed, where somebody wrote to it since."""
    if stamp is None:
        with contextlib.suppress(OSError):
            os.rmdir(full)  # a module that is not filled
        return True
    if _stamp(full) != stamp:
        return False
    try:
        os.rename(full, aside)
    except OSError:
        os.unlink(full)  # the git folder lies on another file system
        return True
    if not _is_same(_stamp(aside), stamp):
        os.replace(aside, full)
        return False
    return True


def _bring(new: str, full: str, *, is_new: bool) -> bool:
    try:
        if is_new:
            os.link(new, full, follow_symlinks=False)
        else:
            os.replace(new, full)
    except FileExistsError:
        return False
    except OSError:
        # Another file system, or one without hard links: the same in two steps.
        beside = f"{full}.agentkit-new"
        if is_new and os.path.lexists(full):
            return False
        shutil.copy2(new, beside, follow_symlinks=False)
        os.replace(beside, full)
    return True


def _stamp(path: str) -> Stamp | None:
    try:
        facts = os.lstat(path)
    except OSError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_mode


def _is_same(now: Stamp | None, stamp: Stamp) -> bool:
    return now == stamp


def _remove_empty(root: str, path: str) -> None:
    for folder in reversed(list(find_common_way(path))):
        try:
            os.rmdir(f"{root}/{folder}")
        except OSError:
            return


def _sync(path: str) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _tell_in_the_way(paths: list[str], intent: Intent) -> AgentkitError:
    named = ", ".join(paths[:MOST_NAMED]) + (f" and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else "")
    return AgentkitError(
        f"changes of yours are in the way of the {intent.what} in {intent.work_tree}: {named}; nothing was moved",
        hint="commit them or put them aside, then again",
        status=Exit.REFUSED,
    )
