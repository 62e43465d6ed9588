"""What is a proposer told: the decision that asks for a change, and what became of the proposals before?

Of a verdict it gets the answer, the reason, the tests that got worse and what they said. Not the metrics, or it would
work for them alone; nor what a hold-out said, which is worth something only while no proposer knows it. So a reason is
written anew from what is known to be free, and passed on only where it tells of neither.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from agentkit.core.lines import Record
from agentkit.core.masking import mask_texts
from agentkit.evolve.candidate import DONE, NO_EVIDENCE, REJECTED, REVERTED, Candidate, change, select
from agentkit.evolve.judge import read_outputs
from agentkit.evolve.workbench import Workbench

SHOWN = 3
SHOWN_TESTS = 20
LONGEST_OUTPUT = 4000
# Of all that the tests of one candidate said.
LONGEST_OUTPUTS = 16_000
LONGEST_REASON = 1000
METRIC_WORSE = "a metric is worse than its best"
HOLDOUT_WORSE = "tests that no proposer sees do not hold"
UNJUDGED = "it could not be judged"
# Same branch, and the same base or one of the same findings, the newest first.
EARLIER = (
    f"WHERE repository = ? AND branch = ? AND step = '{DONE}' AND state IN ('{REJECTED}', '{NO_EVIDENCE}', "  # noqa: S608
    f"'{REVERTED}') AND reverts IS NULL AND forgotten_at IS NULL AND (base = ? OR EXISTS (SELECT 1 FROM "
    "json_each(findings) AS mine JOIN json_each(?) AS theirs ON mine.value = theirs.value)) "
    "ORDER BY at DESC, id DESC LIMIT ?"
)


def write_request(bench: Workbench, candidate: Candidate, decision: Mapping[str, object] | None) -> str:
    """Return what a proposer gets on stdin: one object of JSON on one line."""
    request: Record = {
        "v": 1,
        "kind": "request",
        "repository": candidate.repository,
        "branch": candidate.branch,
        "base": candidate.base,
        "decision": None if decision is None else dict(decision),
        "feedback": _tell_all(bench, _find_earlier(bench, candidate)),
    }
    return json.dumps(request, ensure_ascii=False) + "\n"


def _find_earlier(bench: Workbench, candidate: Candidate) -> list[Candidate]:
    values = (candidate.repository, candidate.branch, candidate.base, candidate.findings, SHOWN)
    return [_learn_outputs(bench, one) for one in select(bench.store, EARLIER, values)]


def _learn_outputs(bench: Workbench, candidate: Candidate) -> Candidate:
    """Return a candidate with what its failing tests said, for which the ratchet is asked once."""
    if candidate.outputs is not None or not _list_regressed(candidate):
        return candidate
    found = read_outputs(bench.repository.root, bench.environ, str(candidate.commit_id))
    return change(bench.store, candidate, outputs=json.dumps(found))


def _tell_all(bench: Workbench, candidates: Iterable[Candidate]) -> list[Record]:
    """Return what is told of each, with no value of the vault in it: masked first and shortened then, for a half of a
    secret would not be known for one.
    """
    known = list(candidates)
    told = [_list_outputs(one) for one in known]
    texts = [
        text for one, outputs in zip(known, told, strict=True)
        for text in (one.proposer, _choose_reason(one), *outputs.values())
    ]  # fmt: skip
    masked = iter(mask_texts(texts, bench.environ))
    rows = []
    for one, outputs in zip(known, told, strict=True):
        regressed = _list_regressed(one)
        row: Record = {
            "candidate": one.id,
            "proposer": next(masked)[:LONGEST_REASON],
            "state": one.state,
            "answer": (one.judgement or {}).get("answer"),
            "reason": next(masked)[:LONGEST_REASON],
            "regressed": regressed[:SHOWN_TESTS],
            "more_regressed": max(0, len(regressed) - SHOWN_TESTS),
            "outputs": _shorten({name: next(masked) for name in outputs}),
        }
        rows.append(row)
    return rows


def _choose_reason(candidate: Candidate) -> str:
    verdict, tells_of_holdout = candidate.judgement, "hold-out" in candidate.reason.lower()
    if candidate.state == REVERTED:
        return "it was kept, and taken back"
    if verdict is None:
        # Where the ratchet keeps what nobody is to see stands in what it says of its own settings.
        return UNJUDGED if tells_of_holdout else candidate.reason
    if _list_regressed(candidate):
        return candidate.reason
    if any(one.get("worse") for one in _list_of(verdict, "metrics")):
        return METRIC_WORSE
    return HOLDOUT_WORSE if tells_of_holdout else candidate.reason


def _list_regressed(candidate: Candidate) -> list[Record]:
    return _list_of(candidate.judgement, "regressed")


def _list_of(verdict: Mapping[str, object] | None, key: str) -> list[Record]:
    rows = (verdict or {}).get(key)
    return [dict(one) for one in rows if isinstance(one, dict)] if isinstance(rows, list) else []


def _list_outputs(candidate: Candidate) -> dict[str, str]:
    """Return {id: text} of the tests that are named to a proposer."""
    named = {str(one.get("id")) for one in _list_regressed(candidate)[:SHOWN_TESTS]}
    rows = json.loads(candidate.outputs or "[]")
    return {str(one["id"]): str(one.get("text", "")) for one in rows if one.get("id") in named}


def _shorten(texts: Mapping[str, str]) -> list[Record]:
    """Return the ends of the texts, whole lines each, and no more of them than fit."""
    rows: list[Record] = []
    left = LONGEST_OUTPUTS
    for name, text in texts.items():
        end = text[-min(LONGEST_OUTPUT, left) :] if left > 0 else ""
        if len(end) < len(text):
            end = end.partition("\n")[2] if "\n" in text else end
        left -= len(end)
        if end:
            rows.append({"id": name, "text": end})
    return rows
