"""What was about to move when a process ended too early?

One file in the git folder, written and made durable before the first ref moves and removed after the last step. Only
the holder of the ratchet's lock writes it: whoever holds the lock and finds one knows that its writer has gone.
"""

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from agentkit.core.durable import replace_file, sync
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.repository import Repository, own_mark
from agentkit.ratchet.ownfolder import own_folder


@dataclass(frozen=True)
class Move:
    """A ref that goes from one commit to another; the old one is none (zeros) where the ref is made."""

    ref: str
    old: str
    new: str


@dataclass(frozen=True)
class Intent:
    """What moves together. The first ref is the truth: where it has moved all the rest follows, else all goes back.

    `work_tree` is where the branch (the second ref) is checked out, "" for nowhere, and `git_dir` that one's folder.
    `keeps_files`: the files there are those of the new commit already, only the index follows.
    """

    what: str
    moves: tuple[Move, ...]
    work_tree: str = ""
    git_dir: str = ""
    keeps_files: bool = False
    mark: str = ""

    @property
    def truth(self) -> Move:
        """Return the ref that decides."""
        return self.moves[0]

    @property
    def branch(self) -> Move | None:
        """Return how the branch moves, None where it stays."""
        return self.moves[1] if len(self.moves) > 1 else None


def make_intent(
    what: str, moves: Sequence[Move], *, work_tree: Repository | None = None, keeps_files: bool = False
) -> Intent:
    """Return the intent of this process."""
    root, git_dir = (work_tree.root, work_tree.git_dir) if work_tree else ("", "")
    return Intent(what, tuple(moves), root, git_dir, keeps_files, own_mark())


def write_intent(repository: Repository, intent: Intent) -> None:
    """Make the intent durable; raises AgentkitError (cannot write), and then nothing has changed."""
    path = _path(repository)
    try:
        replace_file(path, json.dumps({"v": 1, **asdict(intent)}).encode() + b"\n", prefix=".new-")
    except OSError as error:
        raise AgentkitError(f"{path}: {error.strerror}", status=Exit.CANNOT_WRITE) from error


def has_intent(repository: Repository) -> bool:
    """Tell whether something moves right now, or stopped in the middle of it."""
    return os.path.lexists(_path(repository))


def read_intent(repository: Repository) -> Intent | None:
    """Return the intent that is there; raises AgentkitError (bad data) where it cannot be read."""
    path = _path(repository)
    try:
        with open(path, "rb") as file:
            told = json.load(file)
        moves = tuple(Move(str(move["ref"]), str(move["old"]), str(move["new"])) for move in told["moves"])
        what, work_tree, git_dir, mark = (str(told[name]) for name in ("what", "work_tree", "git_dir", "mark"))
        intent = Intent(what, moves, work_tree, git_dir, bool(told["keeps_files"]), mark)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        # It is written whole or not at all: this was no crash of ours.
        raise AgentkitError(
            f"{path} cannot be read: {error}", hint="look at it, then remove it", status=Exit.BAD_DATA
        ) from error
    if not moves:
        raise AgentkitError(f"{path} moves nothing", hint="look at it, then remove it", status=Exit.BAD_DATA)
    return intent


def clear_intent(repository: Repository) -> None:
    """Remove the intent, and what a crash left of one that was never whole; raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_path(repository))
    for name in os.listdir(own_folder(repository)):
        if name.startswith(".new-"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{own_folder(repository)}/{name}")
    sync(own_folder(repository))


def _path(repository: Repository) -> str:
    return f"{own_folder(repository)}/intent"
