"""Is every verdict listed, newest first, as a table and as the records that were filed?"""

import json
from pathlib import Path

import jsonschema
import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.objects import Objects
from agentkit.core.schemas import read_schema
from agentkit.ratchet.history import print_verdicts
from agentkit.ratchet.verdictlog import VERDICT_REF
from agentkit.ratchet.verdicts import find_verdict, list_places
from tests.ratchet.filing import NOW_S, TESTS, copy_repository, file_verdict
from tests.ratchet.ownrepository import OwnRepository


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> OwnRepository:
    made = OwnRepository(tmp_path_factory.mktemp("template") / "own")
    made.found(TESTS)
    return made


@pytest.fixture
def own(template: OwnRepository, tmp_path: Path) -> OwnRepository:
    return copy_repository(template, tmp_path / "own")


def log(own: OwnRepository, *, count: int | None = None, as_json: bool = False) -> int:
    return print_verdicts(str(own.folder), own.environ, count=count, now=NOW_S, as_json=as_json)


def test_verdicts_come_newest_first_with_all_that_they_say(
    own: OwnRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = own.make_commit({"a.py": "2"}), own.make_commit({"a.py": "3"})
    ids = [file_verdict(own, good), file_verdict(own, bad, {}, mechanism="deleted-test")]
    assert log(own) == Exit.OK
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["id", "when", "answer", "candidate", "reason", "mechanism"]
    assert first.split() == [ids[1][:12], "1h", "ago", "reject", bad[:12], "2", "worse", "deleted-test"]
    assert second.split()[0:5] == [ids[0][:12], "1h", "ago", "accept", good[:12]]


def test_the_records_are_those_that_were_filed_and_say_where(
    own: OwnRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    candidate = own.make_commit({"a.py": "2"})
    ids = [file_verdict(own, candidate, {}), file_verdict(own, candidate)]
    assert log(own, as_json=True) == Exit.OK
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["evidence"] for record in records] == [f"{VERDICT_REF}@{one}" for one in reversed(ids)]
    assert [record["answer"] for record in records] == ["accept", "reject"]
    for record in records:
        jsonschema.validate(record, read_schema("verdict"))


def test_no_more_are_listed_than_were_asked_for(own: OwnRepository, capsys: pytest.CaptureFixture[str]) -> None:
    newest = [file_verdict(own, own.commit()) for _ in range(3)][-1]
    assert log(own, count=1) == Exit.OK
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["id", newest[:12]]
    with pytest.raises(AgentkitError) as raised:
        log(own, count=0)
    assert raised.value.status == Exit.USAGE


def test_without_a_verdict_nothing_is_printed(own: OwnRepository, capsys: pytest.CaptureFixture[str]) -> None:
    assert log(own) == Exit.OK
    assert log(own, as_json=True) == Exit.OK
    assert capsys.readouterr().out == ""


def test_the_chain_ends_before_the_history_of_the_code(own: OwnRepository) -> None:
    own.write({"a.py": "more"})
    own.git("commit", "-qam", "more")
    file_verdict(own, own.commit())
    file_verdict(own, own.commit("HEAD~1"))
    assert [place.candidate for place in list_places(own.repository)] == [own.commit("HEAD~1"), own.commit()]


def test_control_characters_in_a_reason_never_reach_a_terminal(
    own: OwnRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    file_verdict(own, own.commit(), reason="t::\x1b[31m\n was pass")
    log(own)
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "t::\\x1b[31m\\n was pass" in told


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"kind": "verdict", "answer": "yes"}', None])
def test_a_verdict_that_cannot_be_read_hides_no_other(
    own: OwnRepository, capfd: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    first = file_verdict(own, own.commit())
    objects = Objects(own.repository)
    tree = objects.tree({"other": b""} if content is None else {"verdict.json": content})
    broken = objects.commit(tree, [first, own.commit()], "by hand", 1)
    objects.write()
    own.git("update-ref", VERDICT_REF, broken)
    assert log(own) == Exit.BAD_DATA
    told = capfd.readouterr()
    assert [line.split()[0] for line in told.out.splitlines()] == ["id", broken[:12], first[:12]]
    assert f"warning: verdict {broken[:12]}: " in told.err


def test_a_verdict_beside_another_candidate_than_its_own_is_told(own: OwnRepository) -> None:
    first = file_verdict(own, own.commit())
    other = own.make_commit({"a.py": "other"})
    forged = own.git("commit-tree", f"{first}^{{tree}}", "-p", first, "-p", other, "-m", "forged")
    own.git("update-ref", VERDICT_REF, forged)
    found = find_verdict(own.repository, other)
    assert found is not None
    assert found.trouble == "it is filed with another candidate than it names"
