"""Which decisions of `think` ask for a change, and what becomes of all the others?

What is no decision, or one with another action, passes through as it came: the next program may know it.
"""

from __future__ import annotations

import json
import shlex
import sqlite3
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace

from agentkit.core.asides import warn
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import Record, read_records, write_record
from agentkit.evolve.candidate import Candidate, select
from agentkit.evolve.feedback import write_request
from agentkit.evolve.telling import tell_result
from agentkit.evolve.trying import Result, begin, carry_on
from agentkit.evolve.workbench import Workbench, demand_base, open_workbench

ACTION = "propose"


@dataclass
class Read:
    """What stdin held: decisions that propose a change, and whether any line was of no use."""

    proposals: list[Record]
    fault: AgentkitError | None = None


def try_decisions(
    folder: str, environ: Mapping[str, str], allowed: str | None, *, as_json: bool, is_quiet: bool
) -> int:
    """Make a candidate of each decision on stdin that proposes one; the status is the worst that came of them.

    Raises AgentkitError: configuration where no proposer is named, and as `open_workbench` and `demand_base` do.
    """
    found = _read(as_json=as_json)
    status = Exit.OK
    if found.proposals:
        with open_workbench(folder, environ, is_decided=True, is_quiet=is_quiet) as bench:
            if not bench.settings.proposer:
                raise AgentkitError(
                    "[evolve] proposer is not set: nobody is there to make the change",
                    hint='proposer = ["/usr/local/bin/mend"] in the configuration',
                    status=Exit.CONFIGURATION,
                )
            for result in [_try(bench, record, allowed) for record in found.proposals]:
                tell_result(bench, result, as_json=as_json, is_quiet=is_quiet)
                status = status or result.status
    if found.fault:
        raise found.fault
    return status


def _read(*, as_json: bool) -> Read:
    found = Read([])
    if sys.stdin is None or sys.stdin.isatty():
        raise AgentkitError(
            "decisions are expected on stdin, and it is a terminal",
            hint="agentkit think wake --json | agentkit evolve try, or --propose, --patch, --rev",
            status=Exit.USAGE,
        )
    try:
        for record in read_records("-", warn):
            if record.get("kind") == "decision" and record.get("action") == ACTION:
                found.proposals.append(record)
            elif as_json:
                write_record(record)
    except AgentkitError as error:
        found.fault = error
    sys.stdout.flush()
    return found


def _try(bench: Workbench, decision: Record, allowed: str | None) -> Result:
    known = _find_tried(bench, decision)
    if known is not None:
        return known
    standing = demand_base(bench)
    proposer = bench.settings.proposer
    assert proposer is not None
    told = decision.get("findings")
    new = Candidate(
        "",
        0.0,
        bench.repository.root,
        standing.branch,
        standing.accepted,
        shlex.join(proposer),
        argv=json.dumps(proposer),
        allowed=allowed,
        decision=str(decision["id"]) if decision.get("id") else None,
        findings=json.dumps([str(one) for one in told] if isinstance(told, list) else []),
        subject=str(decision.get("proposal") or ""),
    )
    new = replace(new, request=write_request(bench, new, decision))
    try:
        begun = begin(bench, new)
    except sqlite3.IntegrityError:
        # Another process took the same decision between two looks.
        known = _find_tried(bench, decision)
        assert known is not None
        return known
    return carry_on(bench, begun, keeps=True)


def _find_tried(bench: Workbench, decision: Record) -> Result | None:
    """Return what came of a decision that was tried before: telling it twice asks nobody twice."""
    if not decision.get("id"):
        return None
    found = select(bench.store, "WHERE decision = ?", (str(decision["id"]),))
    return Result(found[0], Exit.OK) if found else None
