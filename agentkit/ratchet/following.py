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
from agentkit.core.repo.repository import Repository, find_repository
from agentkit.ratchet.indexlock import hold_index
from agentkit.ratchet.intent import Intent
from agentkit.ratchet.placing import Stamp, put_in_place, remove_empty, take_away
from agentkit.ratchet.survey import Survey, survey
from agentkit.ratchet.treesteps import MODULE, Step, list_steps


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
                    has_followed = put_in_place(full, aside, stamp, f"{self.scratch}/new/{step.path}")
                else:
                    has_followed = take_away(full, aside, stamp)
                    remove_empty(root, step.path)
            except (FileExistsError, IsADirectoryError, NotADirectoryError):
                has_followed = False  # somebody put something there since
            if not has_followed:
                kept.append(step.path)
        if self.has_index:
            private = f"{self.scratch}/index"
            # It saves the next look at the files some reading, and no more: an end of it by a signal is no harm.
            with contextlib.suppress(AgentkitError):
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
    view = survey(tree, steps, index, keeps_files=intent.keeps_files)
    if is_strict:
        view.demand_free(intent.what)
    _write_index(tree, index, view)
    _write_files(tree, index, f"{scratch}/new", [step for step, _ in view.files])
    return Following(tree, scratch, view.files, view.in_the_way, bool(view.listed or view.files))


def _write_index(tree: Repository, index: str, view: Survey) -> None:
    """Let the private index list the new entries. Git refuses a path that must be in no tree, such as .git/hooks/x."""
    if not view.listed:
        return
    # What goes comes first: a file may come where a folder was.
    ordered = sorted(view.listed, key=lambda step: step.new.is_there)
    rows = "".join(f"{step.new.mode} {step.new.name}\t{step.path}\0" for step in ordered)
    private = {"GIT_INDEX_FILE": index}
    tree.git("update-index", "-z", "--index-info", stdin=os.fsencode(rows), more=private)
    hidden = [step.path for step in view.listed if step.new.is_there and step.path in view.hidden]
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


def _sync(path: str) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())
