"""Does a verdict travel as its schema says, and does each answer have its status?"""

from datetime import UTC, datetime

import jsonschema
import pytest

from agentkit.core.schemas import read_schema
from agentkit.ratchet.comparing import compare_outcomes
from agentkit.ratchet.metrics import Metric, compare_metrics
from agentkit.ratchet.verdict import ACCEPT, NO_EVIDENCE, REJECT, Verdict, exit_status

AT = datetime(2026, 11, 22, 3, tzinfo=UTC)


@pytest.mark.parametrize(("answer", "status"), [(ACCEPT, 0), (REJECT, 1), (NO_EVIDENCE, 65)])
def test_each_answer_has_its_status_and_fits_the_schema(answer: str, status: int) -> None:
    assert exit_status(answer) == status
    record = Verdict(answer, "4f0b", "9f5e", "the suite did not start").record("web-1", AT)
    jsonschema.validate(record, read_schema("verdict"))
    assert (record["kind"], record["at"], record["host"]) == ("verdict", "2026-11-22T03:00:00.000Z", "web-1")


def test_a_verdict_with_all_that_it_may_have_fits_the_schema() -> None:
    base = {"a::w": "pass", "a::x": "pass", "a::y": "fail", "a::z": "xfail"}
    verdict = Verdict(
        answer=REJECT,
        base="4f0b",
        candidate="9f5e",
        reason="2 tests are worse",
        comparison=compare_outcomes(base, {"a::x": "fail", "a::y": "pass", "b": "skip"}, unstable=["a::z"]),
        metrics=tuple(compare_metrics([Metric("size", 12.0, "KiB"), Metric("gone", 1)], [Metric("size", None, "KiB")])),
        mechanism="deleted-test",
        hints=("a new skip in tests/test_a.py",),
        runs=({"what": "replay", "status": 1},),
        evidence="refs/agentkit/verdicts",
    )
    record = verdict.record("web-1", AT)
    jsonschema.validate(record, read_schema("verdict"))
    assert record["regressed"] == [
        {"id": "a::w", "was": "pass", "now": "missing", "why": "is not in the new report"},
        {"id": "a::x", "was": "pass", "now": "fail", "why": "fails now"},
    ]
    assert (record["missing"], record["fixed"], record["new"]) == (["a::w"], ["a::y"], ["b"])
    assert record["unstable"] == ["a::z"]


def test_no_verdict_accepts_what_is_worse() -> None:
    worse = compare_outcomes({"a": "pass"}, {})
    record = Verdict(ACCEPT, "4f0b", "9f5e", "fine", worse).record("web-1", AT)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(record, read_schema("verdict"))
