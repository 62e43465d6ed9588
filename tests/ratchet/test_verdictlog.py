"""Does every verdict stay, with its evidence and its candidate, and is nothing else moved by it?"""

import json
from pathlib import Path

import pytest

from agentkit.ratchet.verdictlog import VERDICT_REF, append_verdict
from tests.ratchet.ownrepository import OwnRepository

RECORD = {"kind": "verdict", "answer": "reject", "reason": "t::one\nfails", "regressed": [{"id": "t::\udcff"}]}


@pytest.fixture
def own(tmp_path: Path) -> OwnRepository:
    own = OwnRepository(tmp_path / "own")
    own.found()
    return own


def test_a_rejected_candidate_stays_with_its_evidence(own: OwnRepository) -> None:
    candidate = own.make_commit({"a.py": "a = 2\n"})
    own.write({"b.py": "edited\n", "mine": "mine\n"})
    before = own.look()
    name, _, commit = append_verdict(
        own.repository, RECORD, {"output": b"\xff\0", "runs/1": b"x"}, candidate
    ).partition("@")
    assert (name, own.commit(VERDICT_REF)) == (VERDICT_REF, commit)
    assert json.loads(own.git("show", f"{commit}:verdict.json")) == RECORD
    assert own.git("log", "-1", "--format=%P|%s", commit) == f"{candidate}|reject: {candidate[:12]} t::one fails"
    assert own.git("ls-tree", "-r", "--name-only", commit).split() == ["output", "runs/1", "verdict.json"]
    own.git("update-ref", "-d", VERDICT_REF)
    assert own.look() == before
    assert own.find_litter() == []


def test_verdicts_are_a_chain(own: OwnRepository) -> None:
    candidate = own.make_commit({"a.py": "a = 2\n"})
    places = [append_verdict(own.repository, {**RECORD, "n": n}, {}, candidate).split("@")[1] for n in range(4)]
    assert own.git("rev-list", "--first-parent", "--max-count=4", VERDICT_REF).split() == places[::-1]
    assert own.is_clean()
