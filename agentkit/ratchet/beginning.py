"""What is the first baseline of a repository?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime

from agentkit.core.asides import say_count
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import write_record
from agentkit.core.repo.repository import demand_branch
from agentkit.core.screen import print_line
from agentkit.ratchet.candidacy import open_repository
from agentkit.ratchet.judging import find_baseline
from agentkit.ratchet.moving import found_state
from agentkit.ratchet.outcomes import PASS
from agentkit.ratchet.state import STATE_REF, read_known, tell_lost, write_state
from agentkit.ratchet.telling import tell_progress
from agentkit.ratchet.verdictlog import append_verdict
from agentkit.ratchet.viewing import read_host


def begin_baseline(folder: str, environ: Mapping[str, str], *, as_json: bool) -> int:
    """Make the first baseline of the branch that is checked out, from two runs of its commit, and print it.

    Raises AgentkitError: refused where there is one already, bad data where one was lost or the tests give nothing.
    """
    repository = open_repository(folder, environ)
    branch, commit = demand_branch(repository)
    known = read_known(repository)
    is_there = repository.ask("rev-parse", "--verify", "--quiet", STATE_REF).status == 0
    if is_there:
        raise AgentkitError(
            "this repository has a baseline, and it only moves forward",
            hint="agentkit ratchet status",
            status=Exit.REFUSED,
        )
    if known:
        raise tell_lost(known)
    with tell_progress(environ, is_wanted=not as_json) as tell:
        judgement = find_baseline(repository, commit, tell)
    record = judgement.verdict.record(read_host(environ), datetime.now(UTC))
    state = write_state(
        repository, None, commit, branch, judgement.outcomes, judgement.unstable, judgement.metrics, judgement.files
    )
    evidence = append_verdict(repository, record, judgement.files, commit)
    found_state(repository, state)
    if as_json:
        write_record({**record, "evidence": evidence})
        return Exit.OK
    passing = sum(outcome == PASS for outcome in judgement.outcomes.values())
    held = say_count(len(judgement.outcomes), "test")
    print_line(f"{branch.removeprefix('refs/heads/')}: {held} held, {passing} of them passing")
    if judgement.unstable:
        shown = sorted(judgement.unstable)[:3]
        print_line(f"{len(judgement.unstable)} of them unstable: {', '.join(shown)}")
    print_line(f"next: commit a change, then agentkit ratchet accept ({os.path.basename(repository.root)})")
    return Exit.OK
