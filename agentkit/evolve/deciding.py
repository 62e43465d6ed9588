"""What becomes of the decisions of `think` that come from a pipe?

All that ask for a change are written down before the first proposer is started, and so none is lost by a crash. Each
begins where the branch stands when its turn comes. What asks for nothing passes through as it came: the next program
may know it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

from agentkit.core.asides import warn
from agentkit.core.claims import name_this_process
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.ids import new_id
from agentkit.core.jsonlines import parse_object
from agentkit.core.screen import Styled, print_line
from agentkit.evolve.candidate import PROPOSING, Candidate, add, select
from agentkit.evolve.decisions import KIND, Input, Proposed, read_decisions
from agentkit.evolve.forgetting import forget_when_due
from agentkit.evolve.proposing import demand_program, name_proposer
from agentkit.evolve.telling import name_the_way_on, tell_result
from agentkit.evolve.trying import Result, carry_on
from agentkit.evolve.workbench import Workbench, open_workbench

KNOWN = "WHERE decision = ?"
THOUGHT = "thought"
# As much of an id as a person reads.
SHOWN_ID = 16


def try_decisions(
    folder: str, environ: Mapping[str, str], allowed: str | None, *, as_json: bool, is_quiet: bool
) -> int:
    """Make a candidate of each decision on stdin that proposes one; the status is the worst, that is the highest.

    Raises AgentkitError: bad data where a line was left out and nothing worse happened, configuration where no proposer
    is named, and as `open_workbench` and `carry_on` do. What was not written down then has been passed on.
    """
    found = read_decisions(warn)
    status: int = Exit.OK
    if found.proposals:
        is_kept = False
        try:
            with open_workbench(folder, environ, is_decided=True, is_quiet=is_quiet) as bench:
                tried = _write_down(bench, found.proposals, allowed)
                is_kept = True
                _tell(found, with_proposals=False, as_json=as_json, is_quiet=is_quiet)
                with name_the_way_on():
                    status = _try_all(bench, tried, as_json=as_json, is_quiet=is_quiet)
                forget_when_due(bench, time.time())
        finally:
            if not is_kept:
                _tell(found, with_proposals=True, as_json=as_json, is_quiet=is_quiet)
    else:
        _tell(found, with_proposals=False, as_json=as_json, is_quiet=is_quiet)
    if found.faults and status <= Exit.BAD_DATA:
        raise AgentkitError(
            f"stdin: {found.faults} of {found.count} lines left out; expected decisions, one JSON object a line",
            status=Exit.BAD_DATA,
        )
    return status


def _write_down(bench: Workbench, proposals: Sequence[Proposed], allowed: str | None) -> list[tuple[Candidate, bool]]:
    """Return a candidate for each, and whether it is new and ours: a decision that was told before has one already."""
    proposer = bench.settings.proposer
    if not proposer:
        raise AgentkitError(
            "[evolve] proposer is not set: nobody is there to make the change",
            hint='proposer = ["/usr/local/bin/mend"] in the configuration; agentkit think journal has what was decided',
            status=Exit.CONFIGURATION,
        )
    demand_program(proposer, bench.environ, bench.settings)
    claim, tried = name_this_process(), []
    with bench.store.transaction():
        for asked in proposals:
            known = select(bench.store, KNOWN, (asked.id,))
            if known:
                tried.append((known[0], False))
                continue
            now = time.time()
            candidate = Candidate(
                new_id(now),
                now,
                bench.repository.root,
                # Branch and base are those of the time at which it is worked on.
                "",
                "",
                name_proposer(proposer),
                argv=json.dumps(proposer),
                request=json.dumps({"decision": asked.record}),
                decision=asked.id,
                findings=json.dumps(asked.findings),
                subject=asked.words,
                allowed=allowed,
                claim=claim,
            )
            add(bench.store, candidate)
            tried.append((candidate, True))
    return tried


def _try_all(bench: Workbench, tried: Sequence[tuple[Candidate, bool]], *, as_json: bool, is_quiet: bool) -> int:
    status: int = Exit.OK
    for place, (candidate, is_ours) in enumerate(tried):
        try:
            result = carry_on(bench, candidate, keeps=True) if is_ours else Result(candidate, Exit.OK)
        except AgentkitError as error:
            # What holds one of them up holds up all: they wait for `resume`.
            _leave(bench, error.message)
            for left, _ in tried[place:] if as_json else tried[place : place + 1]:
                row = select(bench.store, "WHERE id = ?", (left.id,))[0]
                tell_result(bench, Result(row, error.status), as_json=as_json, is_quiet=is_quiet)
            count = sum(is_new for _, is_new in tried[place:])
            warn(f"{count} {'decision waits' if count == 1 else 'decisions wait'} for agentkit evolve resume")
            raise
        tell_result(bench, result, as_json=as_json, is_quiet=is_quiet)
        status = max(status, result.status)
    return status


def _leave(bench: Workbench, reason: str) -> None:
    words = f"UPDATE candidates SET claim = NULL, reason = ? WHERE claim = ? AND step = '{PROPOSING}'"  # noqa: S608
    bench.store.execute(words, (reason, name_this_process()))


def _tell(found: Input, *, with_proposals: bool, as_json: bool, is_quiet: bool) -> None:
    """Pass on what asks for no change, or all of it; a person is told what a model decided."""
    if as_json:
        found.pass_on(with_proposals=with_proposals)
        return
    for line, asked in found.lines:
        record = None if is_quiet or (asked and not with_proposals) else parse_object(line)
        if record and record.get("kind") == KIND and (asked or record.get("status") == THOUGHT):
            severity, rationale = (str(record.get(name) or "") for name in ("severity", "rationale"))
            print_line(
                Styled(str(record.get("action") or "none"), "dim"),
                f"{severity or 'info'}: {rationale}; agentkit think journal show {str(record.get('id'))[:SHOWN_ID]}",
            )
