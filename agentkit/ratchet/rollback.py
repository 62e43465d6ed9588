"""How does a branch get back to an earlier accepted state, going forward?

A new commit on the branch has the tree of that state's commit, and a new state its baseline: history stays as it was,
and the way back is in it.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.objects import Objects
from agentkit.core.repo.repository import Repository, find_repository
from agentkit.ratchet.moving import accept_candidate
from agentkit.ratchet.refmoves import read_refs
from agentkit.ratchet.repair import repair
from agentkit.ratchet.state import State, read_state, write_state


@dataclass(frozen=True)
class Rollback:
    """A way back: from the state now to an earlier one, on top of the branch's last commit."""

    state: State
    target: State
    tip: str

    def tell(self, commit: str = "") -> str:
        """Return what is done, or what would be where there is no commit yet, in one line."""
        branch = self.state.branch.removeprefix("refs/heads/")
        begin = f"{branch} went forward to {commit[:12]}, with" if commit else f"would put on {branch} a commit with"
        return f"{begin} the tree of state {self.target.number} ({self.target.accepted[:12]})"


def roll_back(folder: str, environ: Mapping[str, str], steps: int, *, is_dry: bool) -> list[str]:
    """Go back by so many accepted states and return the lines that tell of it; `is_dry` only tells.

    Raises AgentkitError, and then nothing has moved: usage for less than one step, unavailable where there are not so
    many states, and as `accept_candidate` does.
    """
    repository = find_repository(folder, environ)
    mended = repair(repository)
    told = [mended] if mended else []
    plan = plan_rollback(repository, steps)
    if is_dry:
        return [*told, plan.tell()]
    commit, new_state = write_rollback(repository, plan)
    return [*told, plan.tell(commit), *accept_candidate(repository, plan.state, new_state, commit, what="rollback")]


def plan_rollback(repository: Repository, steps: int) -> Rollback:
    """Return the way back by so many accepted states; one that was itself a rollback counts as where it led to."""
    if steps < 1:
        raise AgentkitError(f"rollback {steps}: expected 1 or more", status=Exit.USAGE)
    state = target = read_state(repository)
    for step in range(steps):
        wanted = target.place - 1
        if wanted < 1:
            there = "is no accepted state" if step == 0 else f"are only {step} accepted states"
            raise AgentkitError(f"there {there} before this one", hint="agentkit ratchet log")
        # Numbers go up by one along the chain.
        target = read_state(repository, f"{state.commit}~{state.number - wanted}")
        if target.number != wanted:
            raise AgentkitError(
                f"the chain of states does not hold: {target.commit[:12]} is number {target.number}, not {wanted}",
                hint="git log --first-parent refs/agentkit/ratchet",
                status=Exit.TAMPERED,
            )
    tip = read_refs(repository, [state.branch])[state.branch]
    if tip == repository.no_object:
        name = state.branch.removeprefix("refs/heads/")
        raise AgentkitError(f"the branch {name} is gone", hint=f"git branch {name} {state.accepted[:12]}")
    return Rollback(state, target, tip)


def write_rollback(repository: Repository, plan: Rollback, *, at_s: int = 0) -> tuple[str, str]:
    """Write the commit that has the old tree and the state that goes with it, and return both; no ref is moved."""
    state, target = plan.state, plan.target
    at_s = at_s or int(time.time())
    message = (
        f"Roll back to accepted state {target.number}\n\n"
        f"The tree is that of {target.accepted}; what came after it stays in the history.\n"
    )
    objects = Objects(repository)
    commit = objects.commit(target.tree, [plan.tip], message.rstrip(), at_s)
    objects.write()
    new_state = write_state(
        repository,
        state,
        commit,
        state.branch,
        target.baseline,
        target.unstable,
        target.metrics,
        {"rolled-back-from": f"{state.commit}\n".encode(), "rolled-back-to": f"{target.commit}\n".encode()},
        place=target.place,
        message=f"Roll back to state {target.number}, as state {state.number + 1}",
        at_s=at_s,
    )
    return commit, new_state
