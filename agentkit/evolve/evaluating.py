"""What does a worker do for a candidate: let its proposer change a copy, and find out what the change is worth?

Records go in and come out, so that a worker may be anywhere; nothing here touches the archive. What keeps a worker from
its task comes back under `fault`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import cast

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import Record
from agentkit.core.repo.repository import find_repository
from agentkit.core.settings import EvolveSettings
from agentkit.evolve.candidate import Candidate
from agentkit.evolve.changing import Made, let_propose
from agentkit.evolve.judge import Ruling, find_verdict, judge
from agentkit.evolve.proposing import Proposal, propose
from agentkit.evolve.stall import open_stall
from agentkit.evolve.workbench import Workbench

FAULT = "fault"
CHEAP = "the cheap stage"
# What a worker does around its programs, by git mostly, ends within this time: each step has a limit of its own.
AROUND_S = 3600.0


def write_order(bench: Workbench, candidate: Candidate, argv: list[str], *, is_again: bool) -> Record:
    """Return what a worker is told of a candidate; `is_again`: somebody may have done it before, and was cut off."""
    return {
        "root": bench.repository.root,
        "environ": dict(bench.environ),
        "settings": asdict(bench.settings),
        "base": candidate.base,
        "commit": candidate.commit_id,
        "name": candidate.id,
        "argv": argv,
        "request": candidate.request or "",
        "allowed": candidate.allowed,
        "is_again": is_again,
    }


def limit_work(settings: EvolveSettings) -> float:
    """Return the seconds within which a worker has done what is asked of it, or hangs."""
    return settings.limit_s + settings.judge_limit_s + AROUND_S


def make_proposal(order: Record) -> Record:
    """Let the proposer change a copy of the base; the evidence is that of `read_made`."""
    return _give(order, _make)


def evaluate(order: Record) -> Record:
    """Find out what a change is worth, by the cheap stage and then by the ratchet; the evidence is that of
    `read_ruling`, and `cheap` is why the cheap stage let it go no further.
    """
    return _give(order, _evaluate)


def read_made(evidence: Record) -> Made:
    """Return what a proposer made; raises AgentkitError where it could not be asked."""
    _demand(evidence)
    proposal = Proposal(**cast("dict[str, object]", evidence["proposal"]))  # type: ignore[arg-type]  # as it was given
    unfiled = cast("tuple[int, str] | None", evidence["unfiled"])
    return Made(proposal, str(evidence["tree"]), str(evidence["trouble"]), unfiled)


def read_ruling(evidence: Record) -> Ruling:
    """Return what the ratchet said; raises AgentkitError where it could not be asked."""
    _demand(evidence)
    return Ruling(**cast("dict[str, object]", evidence["ruling"]))  # type: ignore[arg-type]  # as it was given


def _give(order: Record, work: Callable[[Record, Mapping[str, str], EvolveSettings], Record]) -> Record:
    begun = time.monotonic()
    settings = EvolveSettings(**cast("dict[str, object]", order["settings"]))  # type: ignore[arg-type]
    try:
        evidence = work(order, cast("Mapping[str, str]", order["environ"]), settings)
    except AgentkitError as error:
        evidence = {FAULT: {"message": error.message, "hint": error.hint, "status": error.status}}
    return {**evidence, "duration_s": time.monotonic() - begun}


def _demand(evidence: Record) -> None:
    fault = evidence.get(FAULT)
    if isinstance(fault, dict):
        raise AgentkitError(fault["message"], hint=fault["hint"], status=fault["status"])


def _make(order: Record, environ: Mapping[str, str], settings: EvolveSettings) -> Record:
    made = let_propose(
        find_repository(str(order["root"]), environ),
        environ,
        settings,
        base=str(order["base"]),
        argv=cast("list[str]", order["argv"]),
        request=str(order["request"]),
        name=str(order["name"]),
    )
    return asdict(made)


def _evaluate(order: Record, environ: Mapping[str, str], settings: EvolveSettings) -> Record:
    root, commit = str(order["root"]), str(order["commit"])
    known = find_verdict(root, environ, str(order["base"]), commit) if order["is_again"] else None
    if known is not None:
        # Whoever asked for it was lost, and the verdict was not.
        return {"ruling": asdict(Ruling(Exit.OK, known, ""))}
    if order["argv"]:
        tried = _try_cheaply(order, environ, settings)
        if tried.trouble:
            # What a bound ended tells nothing of the change.
            return {"cheap": {"trouble": tried.trouble, "is_verdict": tried.status is not None}}
    allowed = order["allowed"]
    ruling = judge(
        root, environ, commit, limit_s=settings.judge_limit_s, keeps=False,
        allowed=None if allowed is None else str(allowed),
    )  # fmt: skip
    return {"ruling": asdict(ruling)}


def _try_cheaply(order: Record, environ: Mapping[str, str], settings: EvolveSettings) -> Proposal:
    """Run the cheap stage in a copy of the change, in the same kind of room as a proposer."""
    repository = find_repository(str(order["root"]), environ)
    argv = cast("list[str]", order["argv"])
    with open_stall(repository, environ, str(order["base"])) as stall:
        stall.show(str(order["commit"]))
        name = str(order["name"])
        return propose(stall, argv, request="", settings=settings, environ=environ, name=name, who=CHEAP)
