"""What does `agentkit evolve revert` do: take a change back that was kept, through the ratchet?

The newest accepted change goes back by the ratchet's own way, with the tests that came with it. An older one becomes a
candidate: its inverse on top of what is accepted now, judged and kept like any other. Protected paths are no question
here: whoever calls this verb may allow them, and what comes back was accepted before.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from agentkit.core.claims import is_claim_held, name_this_process
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.ids import new_id
from agentkit.core.screen import print_line
from agentkit.evolve.candidate import (
    DONE,
    NO_EVIDENCE,
    REJECTED,
    REVERTED,
    SHOWN_ID,
    Candidate,
    change,
    mark_reverted,
    read,
    select,
)
from agentkit.evolve.filing import commit_change
from agentkit.evolve.following import MOVED_ON
from agentkit.evolve.forgetting import forget_when_due
from agentkit.evolve.judge import Standing
from agentkit.evolve.replaying import find_inverse, read_tree_name
from agentkit.evolve.rollback import leads_before
from agentkit.evolve.store import open_existing
from agentkit.evolve.telling import tell_result
from agentkit.evolve.trying import Result, begin, carry_on
from agentkit.evolve.workbench import Workbench, demand_base, open_workbench

SHOWN_TESTS = 5
GONE = "what is accepted has nothing of it any more"


@dataclass(frozen=True)
class Plan:
    """How a candidate is taken back: its inverse has this `tree`, or (None) by the ratchet's own way back."""

    old: Candidate
    standing: Standing
    tree: str | None

    def is_gone(self, bench: Workbench) -> bool:
        """Tell whether nothing of it is left to be taken back."""
        return self.tree is not None and self.tree == read_tree_name(bench.repository, self.standing.accepted)

    def tell(self, bench: Workbench) -> str:
        """Return what would be done, in one line."""
        name, branch = self.old.id[:SHOWN_ID], self.standing.branch.removeprefix("refs/heads/")
        if self.tree is None:
            return f"would put on {branch} a commit with the tree before {name} ({self.old.base[:12]})"
        if self.is_gone(bench):
            return f"would write down that {name} was taken back: {GONE}"
        return f"would let the ratchet judge the inverse of {name} on top of {self.standing.accepted[:12]}"


def revert(environ: Mapping[str, str], name: str, *, is_dry: bool, as_json: bool, is_quiet: bool) -> int:
    """Take a kept candidate back, print what came of it, and return the status; `is_dry` only tells.

    Raises AgentkitError, and then nothing has moved: unavailable for one that is not known or was not kept, refused for
    one that takes another back, bad data with the paths where later changes are in the way, try later while another
    process does it, and as `open_workbench` and `demand_base` do.
    """
    if is_dry and as_json:
        raise AgentkitError("--dry-run tells it in lines for a person: give it without --json", status=Exit.USAGE)
    with open_existing(environ) as store:
        if store is None:
            raise AgentkitError(f"there is no candidate {name}: nothing was tried yet", hint="agentkit evolve try")
        old = read(store, name)
    # A repository may have moved since; from within it can be named.
    folder = old.repository if os.path.isdir(old.repository) else "."
    with open_workbench(folder, environ, is_quiet=is_quiet) as bench:
        if is_dry:
            _print_plan(bench, old)
            return Exit.OK
        result = _revert(bench, old)
        tell_result(bench, result, as_json=as_json, is_quiet=is_quiet)
        if result.candidate.state == REJECTED and not as_json:
            _print_way_on(old, result.candidate)
        forget_when_due(bench, time.time())
        return result.status


def _print_plan(bench: Workbench, old: Candidate) -> None:
    if old.state == REVERTED:
        print_line(f"would do nothing: {old.id[:SHOWN_ID]} was {old.reason}")
        return
    _demand_kept(old)
    left = _find_left(bench, old)
    print_line(f"would go on with {left.id[:SHOWN_ID]}" if left else _plan(bench, old).tell(bench))


def _revert(bench: Workbench, old: Candidate) -> Result:
    if old.state == REVERTED:
        return _find_done(bench, old)
    _demand_kept(old)
    left = _take_up(bench, old)
    if left is not None:
        result = carry_on(bench, left, keeps=True)
        if (result.candidate.state, result.candidate.reason) != (NO_EVIDENCE, MOVED_ON):
            return result
    plan = _plan(bench, old)
    if plan.is_gone(bench):
        mark_reverted(bench.store, old.id, GONE)
        return _find_done(bench, old)
    return carry_on(bench, _begin(bench, plan), keeps=True)


def _demand_kept(old: Candidate) -> None:
    name = old.id[:SHOWN_ID]
    if not old.kept or old.step != DONE:
        raise AgentkitError(f"{name} was not kept: there is nothing to take back", hint=f"agentkit evolve show {name}")
    if old.reverts is not None:
        taken = old.reverts[:SHOWN_ID]
        raise AgentkitError(
            f"{name} itself takes {taken} back",
            hint=f"to have that again: agentkit evolve diff {taken} | agentkit evolve try --patch -",
            status=Exit.REFUSED,
        )


def _find_done(bench: Workbench, old: Candidate) -> Result:
    """Return what took a candidate back; itself where no candidate did."""
    words = "WHERE reverts = ? AND kept = 1 ORDER BY at DESC LIMIT 1"
    found = select(bench.store, words, (old.id,)) or select(bench.store, "WHERE id = ?", (old.id,))
    return Result(found[0], Exit.OK)


def _find_left(bench: Workbench, old: Candidate) -> Candidate | None:
    """Return the candidate that was begun to take this one back and has not ended; raises where a process is at it."""
    found = select(bench.store, f"WHERE reverts = ? AND step <> '{DONE}' ORDER BY at LIMIT 1", (old.id,))
    if found and found[0].claim is not None and is_claim_held(found[0].claim):
        raise AgentkitError(
            f"another process takes {old.id[:SHOWN_ID]} back", hint="agentkit evolve status", status=Exit.TRY_LATER
        )
    return found[0] if found else None


def _take_up(bench: Workbench, old: Candidate) -> Candidate | None:
    with bench.store.transaction():
        left = _find_left(bench, old)
        return left and change(bench.store, left, claim=name_this_process())


def _plan(bench: Workbench, old: Candidate) -> Plan:
    standing = demand_base(bench)
    assert old.commit_id is not None
    if standing.branch != old.branch:
        mine, held = (branch.removeprefix("refs/heads/") for branch in (old.branch, standing.branch))
        raise AgentkitError(f"{old.id[:SHOWN_ID]} was kept on {mine}, and what is held is {held}", status=Exit.REFUSED)
    read_tree_name(bench.repository, old.commit_id)
    if standing.accepted == old.commit_id and leads_before(bench.repository, old):
        return Plan(old, standing, None)
    return Plan(old, standing, find_inverse(bench.repository, old.base, old.commit_id, standing.accepted))


def _begin(bench: Workbench, plan: Plan) -> Candidate:
    """Write down what takes a candidate back, as this process's work; raises where another one was quicker."""
    old, now = plan.old, time.time()
    name = old.id[:SHOWN_ID]
    why = f"takes {name} back" if old.allowed is None else f"takes {name} back, which was allowed: {old.allowed}"
    subject = bench.repository.git("log", "-1", "--format=%s", "--end-of-options", str(old.commit_id))
    new = Candidate(
        new_id(now),
        now,
        bench.repository.root,
        plan.standing.branch,
        plan.standing.accepted,
        f"revert {name}",
        subject=f'Revert "{subject.decode("utf-8", "replace").strip()}"',
        allowed=why,
        reverts=old.id,
    )
    if plan.tree is not None:
        new = replace(new, commit_id=commit_change(bench.repository, new, plan.tree))
    with bench.store.transaction():
        if _find_left(bench, old) is not None or not select(bench.store, "WHERE id = ? AND kept = 1", (old.id,)):
            raise AgentkitError(f"another process has begun to take {name} back", hint="again", status=Exit.TRY_LATER)
        return begin(bench, new)


def _print_way_on(old: Candidate, rejected: Candidate) -> None:
    verdict = rejected.judgement or {}
    changes = verdict.get("regressed")
    rows = [one for one in changes if isinstance(one, dict)] if isinstance(changes, list) else []
    for one in rows[:SHOWN_TESTS]:
        print_line(f"  {one.get('id')} {one.get('was')} -> {one.get('now')}")
    if len(rows) > SHOWN_TESTS:
        print_line(f"  and {len(rows) - SHOWN_TESTS} more")
    if verdict.get("missing"):
        # The ratchet lets no test go, and a way back takes along what came after the change.
        print_line("next: agentkit ratchet rollback N --dry-run tells where N accepted states back lead, tests and all")
    else:
        print_line(f"next: agentkit evolve diff {old.id[:SHOWN_ID]} shows what there is to take back by hand")
