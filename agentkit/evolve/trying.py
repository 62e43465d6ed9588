"""How does one candidate go from its intent to its end, and on from wherever a crash left it?

Each step is written down before the next one begins: proposing (a proposer may be at work), proposed (its commit has a
ref), judged (the ratchet answered), done. Whoever is killed in between leaves a row that `resume` takes up.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, replace

from agentkit.core.claims import name_this_process
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.ids import new_id
from agentkit.evolve.candidate import (
    ACCEPTED,
    DONE,
    JUDGED,
    NO_EVIDENCE,
    PROPOSED_STEP,
    PROPOSING,
    REJECTED,
    SHOWN_ID,
    STATUSES,
    Candidate,
    add,
    change,
    find_parent,
    mark_reverted,
    select,
)
from agentkit.evolve.changing import Made, let_propose
from agentkit.evolve.feedback import write_request
from agentkit.evolve.filing import commit_change, hold_commit
from agentkit.evolve.following import MOVED_ON, follow
from agentkit.evolve.judge import ACCEPT, REJECT, Ruling, find_standing, find_verdict, judge, look
from agentkit.evolve.protecting import find_protected
from agentkit.evolve.rollback import go_back
from agentkit.evolve.workbench import Workbench, demand_base

STATES = {ACCEPT: ACCEPTED, REJECT: REJECTED}
SHOWN_PATHS = 3
MOST_ATTEMPTS = 5


@dataclass(frozen=True)
class Result:
    """What became of a candidate, and the status with which a command ends for it."""

    candidate: Candidate
    status: int


def begin(bench: Workbench, candidate: Candidate) -> Candidate:
    """Write a new candidate down as this process's work; sqlite3.IntegrityError where its decision was tried before."""
    now = time.time()
    digest = None if candidate.request is None else digest_request(candidate.request)
    begun = replace(
        candidate,
        id=candidate.id or new_id(now),
        at=candidate.at or now,
        prompt_digest=digest,
        claim=name_this_process(),
        parent=candidate.parent or find_parent(bench.store, candidate.base),
    )
    add(bench.store, begun)
    return begun


def file_commit(bench: Workbench, candidate: Candidate, commit: str) -> Candidate:
    """Let a commit be the candidate's: its ref first, then the row."""
    hold_commit(bench.repository, candidate, commit)
    return change(bench.store, candidate, commit_id=commit, step=PROPOSED_STEP, attempts=0)


def carry_on(bench: Workbench, candidate: Candidate, *, keeps: bool) -> Result:
    """Take a candidate of this process to its end; `keeps` moves the branch to it when it is accepted.

    What cannot go on now is nobody's then, and waits for `resume`; raises AgentkitError.
    """
    try:
        return _carry_on(bench, candidate, keeps=keeps)
    except AgentkitError as error:
        give_back(bench, candidate, error.message)
        raise


def give_back(bench: Workbench, candidate: Candidate, reason: str) -> None:
    """Let a candidate be nobody's, so that it waits for `resume`."""
    bench.store.execute("UPDATE candidates SET claim = NULL, reason = ? WHERE id = ?", (reason, candidate.id))


def _carry_on(bench: Workbench, candidate: Candidate, *, keeps: bool) -> Result:
    if candidate.step == PROPOSING:
        result = make_change(bench, candidate)
        if result.candidate.step == DONE:
            return result
        candidate = result.candidate
    return rule(bench, candidate, keeps=keeps)


def make_change(bench: Workbench, candidate: Candidate) -> Result:
    """Let the proposer change a copy of the base, and file what it made of it."""
    if candidate.commit_id:
        # It was cut off before its ref was written.
        return _file(bench, candidate)
    if candidate.reverts is not None:
        return _go_back(bench, candidate)
    if candidate.attempts >= MOST_ATTEMPTS:
        return give_up(bench, candidate)
    if not candidate.base:
        candidate = _take_base(bench, candidate)
    return take_in(bench, candidate, _propose(bench, candidate))


def give_up(bench: Workbench, candidate: Candidate) -> Result:
    """End a candidate whose proposer was begun as often as one may be."""
    why = candidate.reason or "cut off each time"
    return end(bench, candidate, NO_EVIDENCE, f"its proposer was begun {candidate.attempts} times: {why}")


def take_in(bench: Workbench, candidate: Candidate, made: Made) -> Result:
    """File what a proposer made of the base; what it left half done is filed, and judged by nobody."""
    if made.proposal.no_room:
        bench.warn_once(f"the proposer was not isolated, and saw what you see: {made.proposal.no_room}")
    if made.proposal.usage_trouble:
        bench.warn_once(f"the proposer wrote what it used, and {made.proposal.usage_trouble}")
    if made.unfiled:
        status, why = made.unfiled
        _note(bench, candidate, made, None)
        raise AgentkitError(f"what the proposer made cannot be filed: {why}", status=status)
    if not made.tree:
        candidate = _note(bench, candidate, made, None)
        return end(bench, candidate, NO_EVIDENCE, made.trouble or "the proposer changed nothing")
    commit = commit_change(bench.repository, candidate, made.tree)
    return _file(bench, _note(bench, candidate, made, commit))


def _file(bench: Workbench, candidate: Candidate) -> Result:
    """Give the commit in the row its ref."""
    filed = file_commit(bench, candidate, str(candidate.commit_id))
    if filed.state == NO_EVIDENCE:
        return end(bench, filed, NO_EVIDENCE, filed.reason)
    return Result(filed, Exit.OK)


def rule(bench: Workbench, candidate: Candidate, *, keeps: bool) -> Result:
    """Let the ratchet judge a candidate that has a commit."""
    if (refused := refuse(bench, candidate)) is not None:
        return refused
    if candidate.attempts and (known := _look_back(bench, candidate, keeps=keeps)) is not None:
        return known
    is_first = not candidate.attempts
    candidate = change(bench.store, candidate, attempts=candidate.attempts + 1)
    begun = time.monotonic()
    ruling = _ask(bench, candidate, keeps=keeps)
    if keeps and ruling.verdict is None and ruling.status in (Exit.REFUSED, Exit.TRY_LATER):
        # The way is not free: others moved the branch meanwhile, or changes of the person are in it.
        candidate = replace(candidate, duration_s=candidate.duration_s + time.monotonic() - begun)
        if (known := _look_back(bench, candidate, keeps=keeps)) is not None:
            return known
        begun = time.monotonic()
        if is_first and ruling.status == Exit.REFUSED:
            # What the change is worth can be known all the same.
            found = _ask(bench, candidate, keeps=False)
            if found.verdict is not None and found.verdict["answer"] != ACCEPT:
                ruling = found
            elif found.verdict is not None:
                candidate = replace(candidate, verdict=json.dumps(found.verdict))
                change(bench.store, candidate, verdict=candidate.verdict)
    candidate = replace(candidate, duration_s=candidate.duration_s + time.monotonic() - begun)
    return settle(bench, candidate, ruling, keeps=keeps)


def refuse(bench: Workbench, candidate: Candidate) -> Result | None:
    """Reject a candidate that changes what only a person may change; None where it may be judged."""
    if candidate.allowed is not None:
        return None
    paths = find_protected(bench.repository, candidate.base, str(candidate.commit_id), bench.settings.protected)
    if not paths:
        return None
    more = f" and {len(paths) - SHOWN_PATHS} more" if len(paths) > SHOWN_PATHS else ""
    reason = f"only a person may change {', '.join(paths[:SHOWN_PATHS])}{more} (--allow-protected)"
    return end(bench, candidate, REJECTED, reason, status=Exit.REFUSED)


def _ask(bench: Workbench, candidate: Candidate, *, keeps: bool) -> Ruling:
    return judge(
        bench.repository.root,
        bench.environ,
        str(candidate.commit_id),
        limit_s=bench.settings.judge_limit_s,
        keeps=keeps,
        allowed=candidate.allowed,
    )


def settle(bench: Workbench, candidate: Candidate, ruling: Ruling, *, keeps: bool) -> Result:
    """Write down what the ratchet answered, and how long the candidate took until then."""
    spent = candidate.duration_s
    if ruling.verdict is None:
        # A way that is not free will be; what the ratchet cannot do five times it cannot do.
        is_last = candidate.attempts >= MOST_ATTEMPTS and ruling.status != Exit.REFUSED
        if ruling.status == Exit.TIMED_OUT or is_last:
            return end(bench, candidate, NO_EVIDENCE, ruling.trouble, status=ruling.status)
        # It waits for `resume`.
        waiting = change(bench.store, candidate, reason=ruling.trouble, claim=None, duration_s=spent)
        return Result(waiting, ruling.status)
    if ruling.verdict.get("base") != candidate.base:
        # It was held against what others brought meanwhile, and may lack nothing but that.
        return end(bench, candidate, NO_EVIDENCE, MOVED_ON)
    state = STATES.get(str(ruling.verdict["answer"]), NO_EVIDENCE)
    reason, verdict = str(ruling.verdict["reason"]), json.dumps(ruling.verdict)
    if state == ACCEPTED and not keeps:
        now = time.time()
        judged = change(
            bench.store, candidate, step=JUDGED, state=state, reason=reason, ended_at=now, verdict=verdict,
            duration_s=spent,
        )  # fmt: skip
        return Result(judged, Exit.OK)
    candidate = replace(candidate, verdict=verdict)
    return end(bench, candidate, state, reason, kept=int(state == ACCEPTED))


def end(
    bench: Workbench, candidate: Candidate, state: str, reason: str, *, status: int | None = None, kept: int = 0
) -> Result:
    """Write down how a candidate ended, with the verdict and the time that it has by now.

    One that was kept and takes another one back ends that one, too.
    """
    with bench.store.transaction():
        ended = change(
            bench.store, candidate, step=DONE, state=state, reason=reason, kept=kept, ended_at=time.time(), claim=None,
            verdict=candidate.verdict, duration_s=candidate.duration_s,
        )  # fmt: skip
        if kept and candidate.reverts:
            mark_reverted(bench.store, candidate.reverts, f"taken back by {candidate.id[:SHOWN_ID]}")
    return Result(ended, STATUSES[state] if status is None else status)


def _look_back(bench: Workbench, candidate: Candidate, *, keeps: bool) -> Result | None:
    """Return what an attempt that was cut off, or held up, came to; None where it has to be judged again.

    Where the branch has moved on, that is what the same change comes to on top of it.
    """
    root, commit = bench.repository.root, str(candidate.commit_id)
    standing = find_standing(root, bench.environ)
    verdict = find_verdict(root, bench.environ, candidate.base, commit)
    if bench.repository.ask("merge-base", "--is-ancestor", commit, standing.accepted).status == 0:
        candidate = replace(candidate, verdict=json.dumps(verdict) if verdict else candidate.verdict)
        reason = str(verdict["reason"]) if verdict else "it is a part of what is accepted"
        return end(bench, candidate, ACCEPTED, reason, kept=1)
    if verdict is not None and verdict.get("answer") != ACCEPT:
        return settle(bench, candidate, Ruling(Exit.OK, verdict, ""), keeps=False)
    if standing.accepted == candidate.base:
        return None
    moved = follow(bench, candidate, standing.accepted) if keeps else MOVED_ON
    if isinstance(moved, str):
        return end(bench, candidate, NO_EVIDENCE, moved)
    return rule(bench, moved, keeps=keeps)


def _go_back(bench: Workbench, candidate: Candidate) -> Result:
    """Take the newest accepted candidate back by the ratchet's own way: no commit of it is there before."""
    [old] = select(bench.store, "WHERE id = ?", (str(candidate.reverts),))
    # From now on it may have moved.
    candidate = change(bench.store, candidate, attempts=candidate.attempts + 1)
    begun = time.monotonic()
    done = go_back(bench.repository, old)
    candidate = replace(candidate, duration_s=candidate.duration_s + time.monotonic() - begun)
    if done is None:
        return end(bench, candidate, NO_EVIDENCE, MOVED_ON)
    commit, reason = done
    hold_commit(bench.repository, candidate, commit)
    with bench.store.transaction():
        return end(bench, change(bench.store, candidate, commit_id=commit), ACCEPTED, reason, kept=1)


def _propose(bench: Workbench, candidate: Candidate) -> Made:
    change(bench.store, candidate, attempts=candidate.attempts + 1)
    try:
        return let_propose(
            bench.repository,
            bench.environ,
            bench.settings,
            base=candidate.base,
            argv=json.loads(candidate.argv or "[]"),
            request=candidate.request or "",
            name=candidate.id,
            ready=bench.ready,
        )
    except AgentkitError:
        # It was not started: only those that were cut off are counted.
        change(bench.store, candidate, attempts=candidate.attempts)
        raise


def _note(bench: Workbench, candidate: Candidate, made: Made, commit: str | None) -> Candidate:
    """Write down how a proposer ended, and the commit of what it left, before that gets a ref."""
    proposal = made.proposal
    return change(
        bench.store,
        candidate,
        commit_id=commit,
        state=NO_EVIDENCE if made.trouble else candidate.state,
        reason=made.trouble,
        is_isolated=int(proposal.is_isolated),
        stdout=proposal.stdout,
        stderr=proposal.stderr,
        cost_usd=_add_up(candidate.cost_usd, proposal.cost_usd),
        duration_s=candidate.duration_s + proposal.duration_s,
    )


def _add_up(*costs: float | None) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known else None


def _take_base(bench: Workbench, candidate: Candidate) -> Candidate:
    """Let a candidate that was written down before its turn begin at what is accepted now; raises AgentkitError."""
    standing = demand_base(bench, look(bench.repository.root, bench.environ, bench.make_ready))
    placed = replace(candidate, branch=standing.branch, base=standing.accepted)
    request = write_request(bench, placed, json.loads(candidate.request or "{}").get("decision"))
    return change(
        bench.store,
        candidate,
        branch=placed.branch,
        base=placed.base,
        request=request,
        prompt_digest=digest_request(request),
        parent=find_parent(bench.store, placed.base),
    )


def digest_request(request: str) -> str:
    """Return by what it is known later what a proposer was told."""
    return hashlib.sha256(request.encode()).hexdigest()
