"""How do branch, state and checked-out tree move to an accepted candidate together, or none of them?"""

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.repository import Repository, demand_quiet, find_repository, list_work_trees
from agentkit.core.repo.scratch import make_scratch
from agentkit.ratchet.following import Following, plan_following
from agentkit.ratchet.indexlock import let_go_of_index
from agentkit.ratchet.intent import Intent, Move, clear_intent, make_intent, write_intent
from agentkit.ratchet.ratchetlock import hold_ratchet
from agentkit.ratchet.refmoves import read_refs
from agentkit.ratchet.repair import carry_out, repair_held
from agentkit.ratchet.state import STATE_REF, State
from agentkit.ratchet.survey import survey
from agentkit.ratchet.treesteps import list_steps


def found_state(repository: Repository, new_state: str) -> None:
    """Put the first state on its ref; raises AgentkitError (refused) where there is one already."""
    with hold_ratchet(repository):
        repair_held(repository)
        if read_refs(repository, [STATE_REF])[STATE_REF] != repository.no_object:
            raise AgentkitError(
                "this repository has an accepted state already", hint="agentkit ratchet status", status=Exit.REFUSED
            )
        intent = make_intent("init", [Move(STATE_REF, repository.no_object, new_state)])
        write_intent(repository, intent)
        carry_out(repository, intent)


def accept_candidate(
    repository: Repository,
    state: State,
    new_state: str,
    candidate: str,
    *,
    keeps_files: bool = False,
    what: str = "accept",
) -> list[str]:
    """Move the branch to the candidate and the state to the new one; return what a person should know of it.

    `keeps_files` is for a candidate that was taken from the work tree: its files are there, only the index follows, and
    what was staged in another form stays staged. Raises AgentkitError, and then nothing has moved: try later where the
    state or the branch has moved meanwhile, refused where the candidate does not follow the branch, where changes of
    the person are in the way, or a merge is in progress.
    """
    with hold_ratchet(repository), make_scratch(repository) as scratch:
        repair_held(repository)
        old = _find_old(repository, state, candidate)
        moves = [Move(STATE_REF, state.commit, new_state)]
        if old != candidate:
            moves.append(Move(state.branch, old, candidate))
        tree = _find_checked_out(repository, state.branch) if old != candidate else None
        intent = make_intent(what, moves, work_tree=tree, keeps_files=keeps_files)
        write_intent(repository, intent)
        following = _prepare(repository, intent, scratch)
        return carry_out(repository, intent, following)


def demand_free_way(
    repository: Repository, state: State, candidate: str, *, keeps_files: bool = False, what: str = "accept"
) -> None:
    """Raise AgentkitError as `accept_candidate` would now, before a candidate is judged at length; nothing is held."""
    old = _find_old(repository, state, candidate)
    tree = _find_checked_out(repository, state.branch) if old != candidate else None
    if tree is not None and not keeps_files:
        steps = list_steps(tree, old, candidate)
        survey(tree, steps, f"{tree.git_dir}/index", keeps_files=False).demand_free(what)


def _find_old(repository: Repository, state: State, candidate: str) -> str:
    refs = read_refs(repository, [STATE_REF, state.branch])
    old, name = refs[state.branch], state.branch.removeprefix("refs/heads/")
    if refs[STATE_REF] != state.commit:
        raise AgentkitError(
            "another candidate was accepted meanwhile", hint="judge this one again", status=Exit.TRY_LATER
        )
    if old == repository.no_object:
        raise AgentkitError(f"the branch {name} is gone", hint=f"git branch {name} {state.accepted[:12]}")
    if old == candidate or repository.ask("merge-base", "--is-ancestor", old, candidate).status == 0:
        return old
    if old != state.accepted:
        raise AgentkitError(
            f"{name} has moved on to {old[:12]}, which the candidate does not contain",
            hint=f"agentkit ratchet accept --rev {name}, then this one on top of it",
            status=Exit.TRY_LATER,
        )
    raise AgentkitError(
        f"the candidate {candidate[:12]} does not contain {old[:12]}, the last commit of {name}",
        hint=f"git rebase {name}, or merge it",
        status=Exit.REFUSED,
    )


def _find_checked_out(repository: Repository, branch: str) -> Repository | None:
    """Return the work tree in which the branch is checked out; raises AgentkitError (refused) in a merge and the like.

    Git lets a branch be checked out once.
    """
    for folder, checked_out in list_work_trees(repository):
        if checked_out == branch:
            is_same = folder == repository.root
            tree = repository if is_same else find_repository(folder, repository.environ)
            demand_quiet(tree)
            return tree
    return None


def _prepare(repository: Repository, intent: Intent, scratch: str) -> Following | None:
    if not intent.work_tree:
        return None
    try:
        return plan_following(repository, intent, scratch, is_strict=True)
    except BaseException:  # Ctrl-C too: nothing has moved, so there is nothing to repair either
        let_go_of_index(intent.git_dir)
        clear_intent(repository)
        raise
