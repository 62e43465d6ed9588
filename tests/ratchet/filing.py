"""States and verdicts as the judge files them, made in no time: what is looked at is how they are read."""

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from agentkit.ratchet.comparing import Comparison, compare_outcomes
from agentkit.ratchet.outcomes import PASS, Outcomes, write_lines
from agentkit.ratchet.verdict import ACCEPT, REJECT, Verdict
from agentkit.ratchet.verdictlog import append_verdict
from tests.ratchet.ownrepository import OwnRepository

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
NOW_S = AT.timestamp() + 3600
TESTS = {"tests.test_shop::test_total": PASS, "tests.test_shop.TestTax::test_cents[1]": PASS}
SHOP = {
    "shop.py": "def total(items):\n    return sum(items)\n",
    "tests/test_shop.py": (
        "import pytest\n\nfrom shop import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n\n\n"
        "class TestTax:\n    @pytest.mark.parametrize('x', [1])\n    def test_cents(self, x):\n        assert x\n"
    ),
}


def copy_repository(own: OwnRepository, folder: Path) -> OwnRepository:
    """Return a copy with all that git keeps: to make each one anew would take most of the time of a test."""
    made = OwnRepository.__new__(OwnRepository)
    made.folder, made.environ = folder, {**own.environ, "HOME": str(folder.parent)}
    shutil.copytree(own.folder, folder, symlinks=True)
    return made


def file_verdict(
    own: OwnRepository,
    candidate: str,
    now: Outcomes | None = None,
    *,
    reason: str = "",
    mechanism: str | None = None,
    files: Mapping[str, bytes] | None = None,
) -> str:
    """File the verdict on a candidate whose tests gave `now`, and return its id."""
    state = own.state
    found = compare_outcomes(state.baseline, now) if now is not None else Comparison()
    answer = REJECT if found.regressed or mechanism else ACCEPT
    reason = reason or (f"{len(found.regressed)} worse" if found.regressed else f"{len(state.baseline)} tests hold")
    runs = ({"name": "under the accepted tests", "trouble": None},)
    verdict = Verdict(answer, state.accepted, candidate, reason, found, mechanism=mechanism, runs=runs)
    evidence = {"outcomes": write_lines(now or {}), **(files or {})}
    return append_verdict(own.repository, verdict.record("here", AT), evidence, candidate).rpartition("@")[2]
