"""What is still to do after a process that ended in the middle of a move, and how is it brought to its end?

The first ref of an intent is the truth. Where it has moved, everything else follows it; where it has not, everything
else goes back. So there is one way on for a move that goes well and for one that was cut off.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.repository import Repository
from agentkit.core.repo.scratch import clear_scratch, find_left_scratch, make_scratch
from agentkit.ratchet.indexlock import let_go_of_index
from agentkit.ratchet.intent import Intent, Move, clear_intent, has_intent, read_intent
from agentkit.ratchet.ownfolder import own_folder
from agentkit.ratchet.ratchetlock import hold_ratchet
from agentkit.ratchet.refmoves import clear_ref_locks, move_refs, read_refs, try_moving, wait_for_orphans
from agentkit.ratchet.state import STATE_REF, remember_known

if TYPE_CHECKING:
    from agentkit.ratchet.following import Following


def repair(repository: Repository) -> str | None:
    """Bring to its end what was cut off, and return what was mended; None where there was nothing to do.

    Called at the start of each verb. Raises AgentkitError: try later while another process is in the middle of it.
    """
    if not has_intent(repository):
        if find_left_scratch(repository):
            # Whoever holds the ratchet now does it, or whoever comes next.
            with suppress(AgentkitError), hold_ratchet(repository, timedelta(0)):
                clear_scratch(repository)
        return None
    with hold_ratchet(repository):
        return repair_held(repository)


def repair_held(repository: Repository) -> str | None:
    """Do what `repair` does, in a process that holds the ratchet."""
    intent = read_intent(repository)
    if intent is None:
        clear_scratch(repository)
        return None
    wait_for_orphans(intent)
    told = settle(repository, intent, was_killed=True)
    clear_scratch(repository)
    return "; ".join([f"an earlier {intent.what} was cut off", *told])


def carry_out(repository: Repository, intent: Intent, following: Following | None = None) -> list[str]:
    """Move what a written intent says; return what a person should know of it.

    Raises AgentkitError where it could not be done; then everything is as it was.
    """
    try:
        failure, was_killed = try_moving(repository, intent.moves, intent.what)
        if failure is None:
            return _finish(repository, intent, {move.ref: move.new for move in intent.moves}, following)
    except KeyboardInterrupt:
        # A git that ran was ended with it. Nobody should find the index held because somebody lost patience.
        if has_intent(repository):
            settle(repository, intent, was_killed=True)
        raise
    told = settle(repository, intent, following, was_killed=was_killed)
    if read_refs(repository, [intent.truth.ref])[intent.truth.ref] != intent.truth.new:
        raise failure
    return told


def settle(
    repository: Repository, intent: Intent, following: Following | None = None, *, was_killed: bool
) -> list[str]:
    """Bring an intent to its end, forward or back, and remove it; return what was done beyond the ordinary."""
    locks = clear_ref_locks(repository, intent) if was_killed else []
    told = [f"removed the lock {name} of a git that was killed" for name in locks]
    return told + _finish(repository, intent, read_refs(repository, [move.ref for move in intent.moves]), following)


def _finish(repository: Repository, intent: Intent, refs: dict[str, str], following: Following | None) -> list[str]:
    told: list[str] = []
    truth, branch = intent.truth, intent.branch
    try:
        if refs[truth.ref] == truth.new:
            told += _go_forward(repository, intent, refs, following)
        elif branch and refs[truth.ref] == truth.old and refs[branch.ref] == branch.new != branch.old:
            move_refs(repository, [Move(branch.ref, branch.new, branch.old)], f"{intent.what} was cut off")
            told.append(f"put {branch.ref} back to {branch.old[:12]}")
        else:
            told.append("nothing had moved yet")
        let_go_of_index(intent.git_dir)
        clear_intent(repository)
    except OSError as error:
        raise AgentkitError(
            f"{error.filename or own_folder(repository)}: {error.strerror}",
            hint="the next start of agentkit ratchet goes on from here",
            status=Exit.CANNOT_WRITE,
        ) from error
    return told


def _go_forward(repository: Repository, intent: Intent, refs: dict[str, str], following: Following | None) -> list[str]:
    told: list[str] = []
    branch = intent.branch
    if intent.truth.ref == STATE_REF:
        remember_known(repository, intent.truth.new)
    if branch is None:
        return told
    if refs[branch.ref] == branch.old != branch.new:
        move_refs(repository, [branch], intent.what)
        told.append(f"moved {branch.ref} on to {branch.new[:12]}")
    elif refs[branch.ref] != branch.new:
        # Somebody went on from here by hand: their tree is theirs.
        return [f"{branch.ref} has moved on since"]
    if not intent.work_tree:
        return told
    if following is not None:
        return told + following.apply()
    from agentkit.ratchet.following import plan_following

    with make_scratch(repository) as scratch:
        again = plan_following(repository, intent, scratch, is_strict=False)
        return told + (again.apply() if again else [])
