"""Where does the branch stand: what is accepted, what is ahead of it, and what is not as it should be?"""

from __future__ import annotations

from dataclasses import dataclass

from agentkit.core.asides import write_instant
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import Record
from agentkit.core.repo.repository import Repository, read_branch
from agentkit.ratchet.metrics import Metric
from agentkit.ratchet.refmoves import read_refs
from agentkit.ratchet.state import STATE_REF, State, read_state
from agentkit.ratchet.verdicts import Filed, find_verdict, list_places, read_verdicts
from agentkit.ratchet.viewing import count_outcomes

CUT_OFF, LOST, MOVED, UNREADABLE = "cut-off", "baseline-lost", "baseline-moved", "baseline-unreadable"
CHAIN, GONE, REWRITTEN = "verdicts-unreadable", "branch-gone", "branch-rewritten"
SHALLOW = "history-shallow"


@dataclass(frozen=True)
class Trouble:
    """Something that is not as it was left: of which type (as findings name it), and in words."""

    type: str
    error: AgentkitError


@dataclass(frozen=True)
class Standing:
    """Where a branch stands. `state` is None where it cannot be read; `troubles` say why, and what else is wrong.

    `tip` is the branch's last commit ("" for a branch that is gone), `ahead` how many commits of it are not accepted,
    `on_tip` the verdict on it. `checked_out` is the branch here, "" where HEAD is detached.
    """

    state: State | None
    accepted_at: float | None
    tip: str
    ahead: int
    checked_out: str
    last: Filed | None
    on_tip: Filed | None
    troubles: tuple[Trouble, ...]

    @property
    def status(self) -> int:
        """Return the status of a verb that shows it."""
        return self.troubles[0].error.status if self.troubles else Exit.OK

    def record(self, host: str, at: str) -> Record:
        """Return the record that travels (kind `baseline`)."""
        state = self.state
        return {
            "v": 1,
            "kind": "baseline",
            "at": at,
            "host": host,
            "branch": state.branch if state else None,
            "state": state.number if state else None,
            "commit": state.accepted if state else None,
            "accepted_at": write_instant(self.accepted_at),
            "tests": count_outcomes(state.baseline) if state else {},
            "unstable": sorted(state.unstable) if state else [],
            "metrics": [metric.record() for metric in state.metrics] if state else [],
            "tip": self.tip or None,
            "ahead": self.ahead,
            "last": _sum_up(self.last),
            "on_tip": _sum_up(self.on_tip),
            "troubles": [trouble.error.message for trouble in self.troubles],
        }


def find_standing(repository: Repository, cut_off: AgentkitError | None = None) -> Standing:
    """Return where the repository stands; `cut_off` is what an earlier run left that could not be repaired.

    Raises AgentkitError (unavailable) where there never was a baseline.
    """
    troubles = [Trouble(CUT_OFF, cut_off)] if cut_off else []
    state, tip, ahead, at = None, "", 0, None
    try:
        state = read_state(repository)
    except AgentkitError as error:
        if error.status == Exit.UNAVAILABLE:
            raise
        troubles.append(Trouble(_name_trouble(repository, error), error))
    try:
        places = list_places(repository)
        last = read_verdicts(repository, places[:1])[0] if places else None
    except AgentkitError as error:
        troubles.append(Trouble(CHAIN, error))
        places, last = [], None
    if last and last.trouble:
        told = AgentkitError(f"the last verdict: {last.trouble}", hint="agentkit ratchet doctor", status=Exit.BAD_DATA)
        troubles.append(Trouble(CHAIN, told))
    if state is not None:
        # `git show -s` would read every tree for a difference that it does not print.
        times = repository.git("rev-list", "--max-count=1", "--timestamp", "--end-of-options", state.commit)
        at = float(times.split()[0])
        tip, ahead, more = _look_at_branch(repository, state)
        troubles += more
    on_tip = find_verdict(repository, tip, places) if tip and ahead else None
    branch = read_branch(repository)
    return Standing(state, at, tip, ahead, branch, last, on_tip, tuple(troubles))


def tell_metric(metric: Metric) -> str:
    """Return `size 12 KiB (lower is better)`."""
    value = "none" if metric.value is None else f"{metric.value:g}"
    return f"{metric.name} {' '.join(filter(None, (value, metric.unit)))} ({metric.direction} is better)"


def _look_at_branch(repository: Repository, state: State) -> tuple[str, int, list[Trouble]]:
    """Return (tip, commits ahead, troubles) of the branch that is held."""
    name = state.branch.removeprefix("refs/heads/")
    tip = read_refs(repository, [state.branch])[state.branch]
    if tip == repository.no_object:
        hint = f"git branch {name} {state.accepted[:12]}"
        return "", 0, [Trouble(GONE, AgentkitError(f"the branch {name} is gone", hint=hint))]
    if tip == state.accepted:
        return tip, 0, []
    counted = repository.git("rev-list", "--left-right", "--count", "--end-of-options", f"{state.accepted}...{tip}")
    behind, ahead = map(int, counted.split())
    if not behind:
        return tip, ahead, []
    if repository.git("rev-parse", "--is-shallow-repository").strip() == b"true":
        told = AgentkitError(
            f"this clone is shallow: whether {name} contains the accepted commit {state.accepted[:12]} is not in it",
            hint="git fetch --unshallow",
        )
        return tip, ahead, [Trouble(SHALLOW, told)]
    told = AgentkitError(
        f"{name} does not contain the accepted commit {state.accepted[:12]}: it was moved back, or rewritten",
        hint=f"git log --oneline {tip[:12]}..{state.accepted[:12]}",
        status=Exit.TAMPERED,
    )
    return tip, ahead, [Trouble(REWRITTEN, told)]


def _name_trouble(repository: Repository, error: AgentkitError) -> str:
    if error.status == Exit.TAMPERED:
        return MOVED
    is_there = read_refs(repository, [STATE_REF])[STATE_REF] != repository.no_object
    return UNREADABLE if is_there else LOST


def _sum_up(verdict: Filed | None) -> Record | None:
    if verdict is None:
        return None
    kept = ("at", "answer", "candidate", "reason", "mechanism", "evidence")
    return {key: verdict.record.get(key) for key in kept} if verdict.record else None
