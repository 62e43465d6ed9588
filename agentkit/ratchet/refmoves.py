"""How do refs move by compare-and-swap, and what of it is cleared away after a git that was killed?"""

import contextlib
import os
import time
from collections.abc import Sequence

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.repository import MARK, Repository, own_mark, read_rows, tell_failure
from agentkit.core.tree import find_marked
from agentkit.ratchet.intent import Intent, Move
from agentkit.ratchet.ownfolder import own_folder

ORPHAN_LIMIT_S = 30.0
LOOK_AGAIN_S = 0.02
OURS, NO_DEREF = "refs/agentkit/", "option no-deref\0"


def read_refs(repository: Repository, names: Sequence[str]) -> dict[str, str]:
    """Return the commit on each of the refs; one that is not there is the id of none."""
    raw = repository.git("for-each-ref", "--format=%(objectname) %(refname)", "--", *names)
    found = dict.fromkeys(names, repository.no_object)
    for row in read_rows(raw):
        commit, _, name = row.partition(" ")
        if name in found:
            found[name] = commit
    return found


def move_refs(repository: Repository, moves: Sequence[Move], reason: str) -> None:
    """Move all of them in one transaction.

    Raises AgentkitError: try later where one of them is not where it was or another git holds it.
    """
    failure, _ = try_moving(repository, moves, reason)
    if failure is not None:
        raise failure


def try_moving(repository: Repository, moves: Sequence[Move], reason: str) -> tuple[AgentkitError | None, bool]:
    """Move all of them in one transaction; return why it failed, and whether git was killed in the middle of it."""
    # Our own refs are never followed to where somebody let them lead.
    rows = "".join(
        f"{NO_DEREF if move.ref.startswith(OURS) else ''}update {move.ref}\0{move.new}\0{move.old}\0" for move in moves
    )
    words = ("update-ref", "-m", f"agentkit ratchet: {reason}", "-z", "--stdin")
    try:
        ended = repository.ask(*words, stdin=os.fsencode(rows))
    except AgentkitError as error:
        # It was killed, or took too long and was ended: either way it may have left its locks.
        return error, error.status == Exit.TRY_LATER
    if ended.status == 0:
        return None, False
    said = ended.stderr.decode("utf-8", "replace")
    if " but expected " in said or "reference already exists" in said or "reference is missing" in said:
        failure = AgentkitError(
            "the branch or its state has moved meanwhile", hint="judge the candidate again", status=Exit.TRY_LATER
        )
        return failure, False
    return tell_failure("update-ref", ended), False


def wait_for_orphans(intent: Intent) -> None:
    """Wait until no git works any more that a process started which has gone; raises AgentkitError (try later)."""
    if intent.mark == own_mark():
        return
    due = time.monotonic() + ORPHAN_LIMIT_S
    while left := find_marked(f"{MARK}={intent.mark}".encode()):
        if time.monotonic() > due:
            pids = " ".join(str(pid) for pid in sorted(left))
            raise AgentkitError(f"git of an earlier run still works: pid {pids}", status=Exit.TRY_LATER)
        time.sleep(LOOK_AGAIN_S)


def clear_ref_locks(repository: Repository, intent: Intent) -> list[str]:
    """Remove the locks on refs that a killed git of ours left behind, and return their names; nobody else's.

    Ours is one that is younger than the intent and holds nothing, or the beginning of a commit that we were about to
    write there.
    """
    with contextlib.suppress(FileNotFoundError):
        since_ns = os.stat(f"{own_folder(repository)}/intent").st_mtime_ns
        locks: list[tuple[str, Sequence[str]]] = []
        locks += [(f"{repository.common_dir}/{move.ref}.lock", (move.old, move.new)) for move in intent.moves]
        # Git holds HEAD too while the branch moves that it names, for the log of it.
        heads = {intent.git_dir, repository.git_dir, repository.common_dir} - {""}
        locks += [(f"{folder}/HEAD.lock", ()) for folder in sorted(heads)]
        return [path.removeprefix(f"{repository.common_dir}/") for path, ids in locks if _clear(path, ids, since_ns)]
    return []


def _clear(path: str, ids: Sequence[str], since_ns: int) -> bool:
    try:
        with open(path, "rb") as file:
            content = file.read(200)
            is_younger = os.fstat(file.fileno()).st_mtime_ns >= since_ns
    except OSError:
        return False
    if not is_younger or not any(f"{name}\n".encode().startswith(content) for name in (*ids, "")):
        return False
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    return True
