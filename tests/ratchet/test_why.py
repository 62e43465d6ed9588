"""Does the history of a test say since when it is there, how it ended, what names it, and who changed it?"""

import json
from pathlib import Path

import jsonschema
import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.schemas import read_schema
from agentkit.ratchet.outcomes import FAIL, MISSING, PASS
from agentkit.ratchet.testnames import suggest_names
from agentkit.ratchet.testsource import Source, find_source, list_revisions
from agentkit.ratchet.whypage import print_past
from agentkit.ratchet.whytest import Past, find_past
from tests.ratchet.filing import NOW_S, SHOP, TESTS, copy_repository, file_verdict
from tests.ratchet.ownrepository import OwnRepository

ONE, TWO = TESTS


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> OwnRepository:
    made = OwnRepository(tmp_path_factory.mktemp("template") / "own", SHOP)
    made.found(TESTS)
    return made


@pytest.fixture
def own(template: OwnRepository, tmp_path: Path) -> OwnRepository:
    return copy_repository(template, tmp_path / "own")


def spans(past: Past) -> list[tuple[str, int, int]]:
    return [(span.outcome, span.first, span.last) for span in past.spans]


def test_states_in_which_it_ended_alike_are_one_row(own: OwnRepository) -> None:
    for number, baseline in enumerate(({ONE: PASS}, {ONE: PASS, TWO: FAIL}, {ONE: PASS, TWO: FAIL}, TESTS)):
        own.accept({"a.py": f"{number}\n"}, baseline)
    assert spans(find_past(own.repository, ONE)) == [(PASS, 1, 5)]
    past = find_past(own.repository, TWO)
    assert spans(past) == [(PASS, 5, 5), (FAIL, 3, 4), (MISSING, 2, 2), (PASS, 1, 1)]
    assert past.spans[0].accepted == own.commit()


def test_the_record_and_the_page_tell_of_verdicts_and_commits(
    own: OwnRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    candidate = own.make_commit({"shop.py": "x\n"})
    verdict = file_verdict(own, candidate, {ONE: FAIL, TWO: PASS})
    file_verdict(own, own.make_commit({"shop.py": "y\n"}), TESTS)
    assert print_past(str(own.folder), own.environ, ONE, now=NOW_S, as_json=True) == Exit.OK
    record = json.loads(capsys.readouterr().out)
    jsonschema.validate(record, read_schema("test"))
    [mention] = record["verdicts"]
    assert (mention["candidate"], mention["said"]) == (candidate, "pass -> fail, fails now")
    assert mention["evidence"].endswith(verdict)
    assert record["path"] == "tests/test_shop.py:6"
    assert [one["subject"] for one in record["commits"]] == ["begin"]
    assert print_past(str(own.folder), own.environ, ONE, now=NOW_S, as_json=False) == Exit.OK
    told = capsys.readouterr().out
    assert told.startswith(f"{ONE} tests/test_shop.py:6\n  pass since state 1, ")
    assert f"{verdict[:12]}  1h ago  reject  {candidate[:12]}  pass -> fail, fails now\n" in told


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (ONE, ONE),
        ("tests/test_shop.py::test_total", ONE),
        ("tests/test_shop.py::TestTax::test_cents[1]", TWO),
        ("test_total", ONE),
        ("test_cents[1]", TWO),
    ],
)
def test_a_test_is_found_by_any_of_its_names(own: OwnRepository, asked: str, meant: str) -> None:
    assert find_past(own.repository, asked).name == meant


def test_an_id_with_escapes_is_found_as_it_is_and_as_it_is_printed(
    own: OwnRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "t.m::[a\n\x1b[1m\\b\t]"
    own.accept({"a.py": "1\n"}, {**TESTS, name: PASS})
    assert find_past(own.repository, name).name == name
    assert find_past(own.repository, "t.m::[a\\n\\x1b[1m\\\\b\\t]").name == name
    print_past(str(own.folder), own.environ, name, now=NOW_S, as_json=False)
    assert "\x1b" not in capsys.readouterr().out


def test_one_that_only_a_verdict_knows_was_never_accepted(
    own: OwnRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    file_verdict(own, own.make_commit({"a": "b"}), {**TESTS, "tests.test_shop::test_new": PASS})
    print_past(str(own.folder), own.environ, "tests.test_shop::test_new", now=NOW_S, as_json=False)
    told = capsys.readouterr().out
    assert "  no accepted state ever had it\n" in told
    assert "accept  " in told
    assert "  new\n" in told


def test_one_that_went_says_so(own: OwnRepository, capsys: pytest.CaptureFixture[str]) -> None:
    own.accept({"a.py": "1\n"}, {ONE: PASS})
    print_past(str(own.folder), own.environ, TWO, now=NOW_S, as_json=False)
    assert "the accepted state does not have it any more" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("test_totl", f"did you mean {ONE}?"),
        ("cents", f"did you mean {TWO}?"),
        ("\x1b[31m\n", "agentkit ratchet status"),
        ("", f"did you mean {TWO} or {ONE}?"),
    ],
)
def test_one_that_nothing_knows_names_the_nearest(own: OwnRepository, asked: str, hint: str) -> None:
    with pytest.raises(AgentkitError, match="no baseline and no verdict knows") as raised:
        find_past(own.repository, asked)
    assert (raised.value.status, raised.value.hint) == (Exit.UNAVAILABLE, hint)
    assert "\x1b" not in raised.value.message


def test_among_many_names_the_nearest_is_still_found() -> None:
    names = "".join(f"pass\ttests.test_{number}::test_other_{number}\n" for number in range(5000))
    baseline = f"{names}pass\ttests.test_shop::test_total_of_nothing\n".encode()
    assert suggest_names("tests.test_shop::test_totals_of_nothing", baseline).startswith(
        "did you mean tests.test_shop::test_total_of_nothing"
    )


def test_only_commits_that_changed_the_lines_of_the_test_are_listed(own: OwnRepository) -> None:
    path = own.folder / "tests/test_shop.py"
    for old, new in (
        ("assert x", "assert x == 1"),
        ("[1, 2]", "[2, 1]"),
        ("import pytest\n", "import pytest\n\n# why\n"),
    ):
        path.write_text(path.read_text().replace(old, new))
        own.git("commit", "-qam", f"{new.strip()} now")
    source = find_source(own.repository, "HEAD", ONE)
    assert source == Source("tests/test_shop.py", 8, 9)
    assert [one.subject for one in list_revisions(own.repository, "HEAD", source)] == ["[2, 1] now", "begin"]
    method = find_source(own.repository, "HEAD", TWO)
    assert method == Source("tests/test_shop.py", 13, 15)
    assert [one.subject for one in list_revisions(own.repository, "HEAD", method)] == ["assert x == 1 now", "begin"]


@pytest.mark.parametrize("content", ["def test_other(): pass\n", "def broken(:\n", "\0"])
def test_where_the_function_is_not_found_the_file_is_told(own: OwnRepository, content: str) -> None:
    commit = own.make_commit({"tests/test_shop.py": content})
    source = find_source(own.repository, commit, ONE)
    assert source == Source("tests/test_shop.py")
    assert [one.subject for one in list_revisions(own.repository, commit, source)] == ["a candidate", "begin"]


def test_a_lost_baseline_is_told_and_no_test_is_called_unknown(own: OwnRepository) -> None:
    own.git("update-ref", "-d", "refs/agentkit/ratchet")
    with pytest.raises(AgentkitError, match="is lost") as raised:
        find_past(own.repository, ONE)
    assert raised.value.status == Exit.BAD_DATA
