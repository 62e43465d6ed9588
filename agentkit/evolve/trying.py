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
    STATUSES,
    Candidate,
    add,
    change,
)
from agentkit.evolve.feedback import write_request
from agentkit.evolve.filing import commit_change, find_held, hold_commit
from agentkit.evolve.judge import ACCEPT, REJECT, Ruling, find_standing, find_verdict, judge
from agentkit.evolve.proposing import Proposal, propose
from agentkit.evolve.protecting import find_protected
from agentkit.evolve.stall import open_stall
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
    digest = None if candidate.request is None else _digest(candidate.request)
    begun = replace(
        candidate,
        id=candidate.id or new_id(now),
        at=candidate.at or now,
        prompt_digest=digest,
        claim=name_this_process(),
        parent=candidate.parent or _find_parent(bench, candidate),
    )
    add(bench.store, begun)
    return begun


def file_commit(bench: Workbench, candidate: Candidate, commit: str) -> Candidate:
    """Let a commit be the candidate's: its ref first, then the row."""
    hold_commit(bench.repository, candidate, commit)
    return change(bench.store, candidate, commit_id=commit, step=PROPOSED_STEP)


def carry_on(bench: Workbench, candidate: Candidate, *, keeps: bool) -> Result:
    """Take a candidate of this process to its end; `keeps` moves the branch to it when it is accepted.

    What cannot go on now is nobody's then, and waits for `resume`; raises AgentkitError.
    """
    try:
        return _carry_on(bench, candidate, keeps=keeps)
    except AgentkitError as error:
        bench.store.execute(
            "UPDATE candidates SET claim = NULL, reason = ? WHERE id = ?", (error.message, candidate.id)
        )
        raise


def _carry_on(bench: Workbench, candidate: Candidate, *, keeps: bool) -> Result:
    if candidate.step == PROPOSING:
        result = make_change(bench, candidate)
        if result.candidate.step == DONE:
            return result
        candidate = result.candidate
    return rule(bench, candidate, keeps=keeps)


def make_change(bench: Workbench, candidate: Candidate) -> Result:
    """Let the proposer change a copy of the base, and file what it made of it."""
    held = find_held(bench.repository, candidate)
    if held:
        # The ref was written, and the row was not: killed in between.
        return Result(file_commit(bench, candidate, held), Exit.OK)
    if not candidate.base:
        candidate = _take_base(bench, candidate)
    assert candidate.argv is not None
    with open_stall(bench.repository, bench.environ, candidate.base) as stall:
        made = propose(
            stall,
            json.loads(candidate.argv),
            request=candidate.request or "",
            settings=bench.settings,
            environ=bench.environ,
            name=candidate.id,
        )
        candidate = _note(bench, candidate, made)
        try:
            tree = stall.write_tree()
        except AgentkitError as error:
            if error.status != Exit.BAD_DATA:
                raise
            return end(bench, candidate, NO_EVIDENCE, made.trouble or error.message)
        commit = commit_change(bench.repository, candidate, tree)
        if commit == candidate.base:
            return end(bench, candidate, NO_EVIDENCE, made.trouble or "the proposer changed nothing")
        candidate = file_commit(bench, candidate, commit)
    if made.trouble:
        # What it left half done is filed, and judged by nobody.
        return end(bench, candidate, NO_EVIDENCE, made.trouble)
    return Result(candidate, Exit.OK)


def rule(bench: Workbench, candidate: Candidate, *, keeps: bool) -> Result:
    """Let the ratchet judge a candidate that has a commit."""
    assert candidate.commit_id is not None
    if candidate.allowed is None:
        paths = find_protected(bench.repository, candidate.base, candidate.commit_id, bench.settings.protected)
        if paths:
            more = f" and {len(paths) - SHOWN_PATHS} more" if len(paths) > SHOWN_PATHS else ""
            reason = f"only a person may change {', '.join(paths[:SHOWN_PATHS])}{more} (--allow-protected)"
            return end(bench, candidate, REJECTED, reason, status=Exit.REFUSED)
    if candidate.attempts and (known := _look_back(bench, candidate)) is not None:
        return known
    is_first = not candidate.attempts
    candidate = change(bench.store, candidate, attempts=candidate.attempts + 1)
    begun = time.monotonic()
    ruling = _ask(bench, candidate, keeps=keeps)
    if keeps and is_first and ruling.verdict is None and ruling.status == Exit.REFUSED:
        # The way is not free, by changes of the person's mostly. What the change is worth can be known all the same.
        known = _ask(bench, candidate, keeps=False)
        if known.verdict is not None and known.verdict["answer"] != ACCEPT:
            ruling = known
    candidate = change(bench.store, candidate, duration_s=candidate.duration_s + time.monotonic() - begun)
    return settle(bench, candidate, ruling, keeps=keeps)


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
    """Write down what the ratchet answered."""
    if ruling.verdict is None:
        if ruling.status == Exit.TIMED_OUT or candidate.attempts >= MOST_ATTEMPTS:
            return end(bench, candidate, NO_EVIDENCE, ruling.trouble, status=ruling.status)
        # Nothing is known of it: it waits for `resume`.
        return Result(change(bench.store, candidate, reason=ruling.trouble, claim=None), ruling.status)
    state = STATES.get(str(ruling.verdict["answer"]), NO_EVIDENCE)
    candidate = change(bench.store, candidate, verdict=json.dumps(ruling.verdict))
    reason = str(ruling.verdict["reason"])
    if state == ACCEPTED and not keeps:
        judged = change(bench.store, candidate, step=JUDGED, state=state, reason=reason, ended_at=time.time())
        return Result(judged, Exit.OK)
    return end(bench, candidate, state, reason, kept=int(state == ACCEPTED))


def end(
    bench: Workbench, candidate: Candidate, state: str, reason: str, *, status: int | None = None, kept: int = 0
) -> Result:
    """Write down how a candidate ended."""
    ended = change(
        bench.store, candidate, step=DONE, state=state, reason=reason, kept=kept, ended_at=time.time(), claim=None
    )
    return Result(ended, STATUSES[state] if status is None else status)


def _look_back(bench: Workbench, candidate: Candidate) -> Result | None:
    """Return what an earlier attempt, that was cut off, came to; None where it has to be judged again."""
    root, commit = bench.repository.root, str(candidate.commit_id)
    standing = find_standing(root, bench.environ)
    verdict = find_verdict(root, bench.environ, candidate.base, commit)
    if standing.accepted == commit:
        candidate = change(bench.store, candidate, verdict=json.dumps(verdict) if verdict else candidate.verdict)
        reason = str(verdict["reason"]) if verdict else "it is what is accepted"
        return end(bench, candidate, ACCEPTED, reason, kept=1)
    if verdict is not None and verdict.get("answer") != ACCEPT:
        return settle(bench, candidate, Ruling(Exit.OK, verdict, ""), keeps=False)
    if standing.accepted != candidate.base:
        return end(bench, candidate, NO_EVIDENCE, "the branch has moved on since it was proposed")
    return None


def _note(bench: Workbench, candidate: Candidate, made: Proposal) -> Candidate:
    return change(
        bench.store,
        candidate,
        is_isolated=int(made.is_isolated),
        stdout=made.stdout,
        stderr=made.stderr,
        cost_usd=made.cost_usd,
        duration_s=candidate.duration_s + made.duration_s,
    )


def _take_base(bench: Workbench, candidate: Candidate) -> Candidate:
    """Let a candidate that was written down before its turn begin at what is accepted now; raises AgentkitError."""
    standing = demand_base(bench)
    placed = replace(candidate, branch=standing.branch, base=standing.accepted)
    request = write_request(bench, placed, json.loads(candidate.request or "{}").get("decision"))
    return change(
        bench.store,
        candidate,
        branch=placed.branch,
        base=placed.base,
        request=request,
        prompt_digest=_digest(request),
        parent=_find_parent(bench, placed),
    )


def _digest(request: str) -> str:
    return hashlib.sha256(request.encode()).hexdigest()


def _find_parent(bench: Workbench, candidate: Candidate) -> str | None:
    """Return the candidate whose commit is the base; None where that was made by a person."""
    row = bench.store.first("SELECT id FROM candidates WHERE commit_id = ? AND kept = 1", (candidate.base,))
    return str(row[0]) if row else None
