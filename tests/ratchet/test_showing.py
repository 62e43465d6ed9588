"""Does one verdict show all that it says, what failing tests printed, and what the candidate changed?"""

import json
from pathlib import Path

import jsonschema
import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.schemas import read_schema
from agentkit.ratchet.failedoutput import find_outputs, find_printed
from agentkit.ratchet.outcomes import FAIL, PASS
from agentkit.ratchet.ownfolder import own_folder
from agentkit.ratchet.showing import find_places, print_verdict
from agentkit.ratchet.verdicts import Place
from tests.conftest import Run
from tests.ratchet.filing import NOW_S, SHOP, TESTS, copy_repository, file_verdict
from tests.ratchet.ownrepository import OwnRepository

ONE, TWO = TESTS
RUN = (
    f"under the accepted tests\n== {ONE}\n>   assert 4 == 3\nE   assert 4 == 3\n\n== {TWO}\nE   two\n\n"
    "== output\nFFFFF                                   [100%]\n=== FAILURES ===\n... all of it\n"
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> OwnRepository:
    made = OwnRepository(tmp_path_factory.mktemp("template") / "own", SHOP)
    made.found(TESTS)
    return made


@pytest.fixture
def own(template: OwnRepository, tmp_path: Path) -> OwnRepository:
    return copy_repository(template, tmp_path / "own")


def show(own: OwnRepository, name: str, *, as_json: bool = False) -> int:
    return print_verdict(str(own.folder), own.environ, name, now=NOW_S, as_json=as_json)


def test_a_real_rejection_is_shown_with_output_and_changes(own: OwnRepository, agentkit: Run) -> None:
    own.git("update-ref", "-d", "refs/agentkit/ratchet")
    Path(own_folder(own.repository), "known").unlink()
    assert agentkit("ratchet", "init", cwd=own.folder).returncode == Exit.OK
    own.write({"shop.py": "def total(items):\n    return 4\n"})
    own.git("commit", "-qam", "worse")
    assert agentkit("ratchet", "check", cwd=own.folder).returncode == Exit.FINDINGS
    ended = agentkit("ratchet", "show", own.commit()[:8], cwd=own.folder)
    assert ended.returncode == Exit.OK, ended.stderr
    blocks = ended.stdout.split("\n\n")
    assert blocks[0].startswith(f"reject {ONE} was pass and fails now\n")
    assert [line.split() for line in blocks[1].splitlines()][1:] == [[ONE, "pass", "fail", "fails", "now"]]
    assert blocks[2].startswith(f"-- {ONE}\n")
    assert "assert 4 == 3" in ended.stdout
    assert "[100%]" not in ended.stdout
    difference = f"git diff {own.commit('HEAD~1')[:12]} {own.commit()[:12]}"
    assert blocks[-1].splitlines()[1:] == ["shop.py      1        1", difference]


def test_the_record_has_outputs_and_changes(own: OwnRepository, capsys: pytest.CaptureFixture[str]) -> None:
    candidate = own.make_commit({"shop.py": "x\n", "new\n.bin": "\0"})
    verdict = file_verdict(own, candidate, {ONE: FAIL, TWO: FAIL}, files={"run1.txt": RUN.encode()})
    assert show(own, f"refs/agentkit/verdicts@{verdict}", as_json=True) == Exit.OK
    record = json.loads(capsys.readouterr().out)
    jsonschema.validate(record, read_schema("verdict"))
    assert record["outputs"] == [
        {"id": TWO, "text": "E   two"}, {"id": ONE, "text": ">   assert 4 == 3\nE   assert 4 == 3"},
    ]  # fmt: skip
    assert record["changes"] == [
        {"path": "new\n.bin", "added": None, "removed": None}, {"path": "shop.py", "added": 1, "removed": 2},
    ]  # fmt: skip


def test_of_several_verdicts_on_a_candidate_the_newest_is_shown(
    own: OwnRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    candidate = own.make_commit({"shop.py": "x\n"})
    file_verdict(own, candidate, {})
    newest = file_verdict(own, candidate)
    assert show(own, candidate[:6].upper()) == Exit.OK
    told = capsys.readouterr().out
    assert told.startswith("accept 2 tests hold\n")
    assert f"verdict    {newest[:12]}\n" in told
    assert "an earlier verdict on the same candidate" in told


@pytest.mark.parametrize("name", ["", "abc", "HEAD", "\x1b[31mabcdef", "abcd\nef12", "--", "0" * 65, "refs/x@"])
def test_what_is_no_id_is_a_wrong_word(own: OwnRepository, name: str) -> None:
    with pytest.raises(AgentkitError, match="is no id of a verdict") as raised:
        show(own, name)
    assert raised.value.status == Exit.USAGE
    assert "\x1b" not in raised.value.message
    assert "\n" not in raised.value.message


def test_an_id_of_nothing_is_unavailable(own: OwnRepository) -> None:
    file_verdict(own, own.commit())
    with pytest.raises(AgentkitError, match="there is no verdict 12345678") as raised:
        show(own, "12345678")
    assert (raised.value.status, raised.value.hint) == (Exit.UNAVAILABLE, "agentkit ratchet log")


def test_the_beginning_of_several_ids_names_them() -> None:
    places = [Place("a" * 40, "", "12345" + "0" * 35, 1.0), Place("b" * 40, "", "12346" + "0" * 35, 1.0)]
    with pytest.raises(AgentkitError, match="1234 is the beginning of 2 ids: 123450000000, 123460000000") as raised:
        find_places(places, "1234")
    assert raised.value.status == Exit.USAGE
    assert find_places(places, "12346") == [places[1]]


def test_a_record_that_cannot_be_read_is_bad_data(own: OwnRepository) -> None:
    broken = own.make_commit({"verdict.json": "{"})
    own.git("update-ref", "refs/agentkit/verdicts", broken)
    with pytest.raises(AgentkitError, match=r"cannot be read: verdict\.json") as raised:
        show(own, broken[:8])
    assert (raised.value.status, raised.value.hint) == (Exit.BAD_DATA, f"git show {broken[:12]}")


def test_ids_and_output_with_escapes_are_shown_and_not_obeyed(
    own: OwnRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "t::[\x1b[2J\n]"
    own.git("update-ref", "-d", "refs/agentkit/ratchet")
    Path(own_folder(own.repository), "known").unlink()
    own.found({name: PASS})
    run = f"r\n== {name}\n\x1b]0;title\x07 said\n\n== output\n."
    verdict = file_verdict(own, own.make_commit({"a": "b"}), {name: FAIL}, files={"run1.txt": run.encode()})
    assert show(own, verdict[:12]) == Exit.OK
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "\x07" not in told
    assert "-- t::[\\x1b[2J\\n]" in told
    assert "\\x1b]0;title\\x07 said" in told


def test_where_no_test_spoke_the_end_of_what_was_printed_is_shown(
    own: OwnRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = {"run1.txt": b"under the accepted tests\n== output\nERROR: no such option\n"}
    verdict = file_verdict(own, own.make_commit({"a": "b"}), {}, files=runs)
    show(own, verdict)
    assert "-- the end of what was printed\nERROR: no such option\n" in capsys.readouterr().out


def test_outputs_come_from_the_first_run_in_which_the_test_failed() -> None:
    first, second = f"a\n== {TWO}\nmine\n\n== output\n.", f"b\n== {ONE}\nlater\n== {TWO}\nagain\n\n== output\n."
    assert find_outputs([first, second], [ONE, TWO]) == {TWO: "mine", ONE: "later"}
    assert find_outputs([first], ["t::other"]) == {}
    assert find_printed(RUN).endswith("... all of it")
