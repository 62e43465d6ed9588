"""Does a real model, where there is no network, decide about what a real check of real jobs finds?"""

from __future__ import annotations

from pathlib import Path

from tests.think.smallmodel import small_model
from tests.think.thoughtfulpipe import think_with

FINDINGS = 200


def test_a_small_model_decides_about_200_findings(environ: dict[str, str], tmp_path: Path) -> None:
    with small_model() as model:
        status, records, faults = think_with(model, tmp_path, environ, findings=FINDINGS, group_by="type", limit_s=600)
    assert faults == []
    # What it says may be nonsense, and an answer may not fit; nothing is lost by that.
    assert {record["status"] for record in records} <= {"thought", "deferred"}
    assert "thought" in {record["status"] for record in records}
    assert status == (75 if any(record["status"] == "deferred" for record in records) else 0)
    told = [fingerprint for record in records for fingerprint in record["findings"]]  # type: ignore[attr-defined]
    assert len(told) == len(set(told)) >= FINDINGS
    # One may raise a severity, and never lower it.
    assert {record["severity"] for record in records} <= {"warning", "critical"}
