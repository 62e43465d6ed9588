"""What is a proposer told: the decision that asks for a change, and what became of the proposals before?

Of a verdict it gets the answer, the reason, the tests that got worse and what they said; the metrics never, or it would
work for them alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from agentkit.core.lines import Record
from agentkit.evolve.candidate import ACCEPTED, DONE, Candidate, select
from agentkit.evolve.judge import read_outputs
from agentkit.evolve.workbench import Workbench

SHOWN = 3
LONGEST_OUTPUT = 4000


def write_request(bench: Workbench, candidate: Candidate, decision: Mapping[str, object] | None) -> str:
    """Return what a proposer gets on stdin: one object of JSON on one line."""
    request: Record = {
        "v": 1,
        "kind": "request",
        "repository": candidate.repository,
        "branch": candidate.branch,
        "base": candidate.base,
        "decision": None if decision is None else dict(decision),
        "feedback": [_tell(bench, one) for one in _find_earlier(bench, candidate)],
    }
    return json.dumps(request, ensure_ascii=False) + "\n"


def _find_earlier(bench: Workbench, candidate: Candidate) -> list[Candidate]:
    words = f"WHERE repository = ? AND base = ? AND step = '{DONE}' AND state <> '{ACCEPTED}' ORDER BY at DESC LIMIT ?"
    return select(bench.store, words, (candidate.repository, candidate.base, SHOWN))


def _tell(bench: Workbench, candidate: Candidate) -> Record:
    verdict = candidate.judgement or {}
    told: Record = {
        "candidate": candidate.id,
        "proposer": candidate.proposer,
        "state": candidate.state,
        "reason": candidate.reason,
        "regressed": verdict.get("regressed", []),
        "outputs": [],
    }
    if verdict.get("regressed"):
        outputs = read_outputs(bench.repository.root, bench.environ, str(candidate.commit_id))
        told["outputs"] = [{**one, "text": str(one.get("text", ""))[-LONGEST_OUTPUT:]} for one in outputs]
    return told
