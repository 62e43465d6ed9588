"""Has every folder a summary, in silence, and does it say what a person has to do?"""

import json
from pathlib import Path

import jsonschema
import pytest

from agentkit.core.errors import Exit
from agentkit.core.schemas import read_schema
from agentkit.core.summary import Summary
from agentkit.ratchet.ownfolder import own_folder
from agentkit.ratchet.summary import read_summary
from tests.conftest import Run
from tests.ratchet.filing import NOW_S, TESTS, file_verdict
from tests.ratchet.ownrepository import OwnRepository


@pytest.fixture
def own(tmp_path: Path) -> OwnRepository:
    return OwnRepository(tmp_path / "own")


def look(own: OwnRepository) -> Summary:
    return read_summary(str(own.folder), own.environ, NOW_S)


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_folder_that_is_no_repository_has_one_too(agentkit: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    ended = agentkit("ratchet", "summary", *words, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (Exit.OK, "")
    if words:
        record = json.loads(ended.stdout)
        jsonschema.validate(record, read_schema("summary"))
        assert (record["title"], record["next"]) == ("ratchet: no repository here", None)
    else:
        assert ended.stdout.startswith("ratchet: no repository here\n")


def test_the_git_folder_itself_is_no_place_for_it(own: OwnRepository) -> None:
    found = read_summary(str(own.folder / ".git"), own.environ, NOW_S)
    assert (found.title, found.lines[0].severity) == ("ratchet: no repository here", "info")


def test_a_repository_without_a_baseline_says_how_to_begin(own: OwnRepository) -> None:
    found = look(own)
    assert (found.title, found.next_step) == ("ratchet: no baseline in own", "agentkit ratchet init")


def test_where_all_is_accepted_there_is_nothing_to_do(own: OwnRepository) -> None:
    own.found()
    found = look(own)
    assert (found.title, found.next_step) == ("ratchet: what worked in own works", None)
    assert {line.severity for line in found.lines} == {"info"}


def test_commits_ahead_are_to_be_accepted(own: OwnRepository) -> None:
    own.found()
    own.git("commit", "-q", "--allow-empty", "-m", "more")
    found = look(own)
    assert (found.lines[-1].text, found.next_step) == ("1 commit is not judged", "agentkit ratchet accept")


def test_a_rejected_one_is_a_warning_that_leads_to_its_verdict(own: OwnRepository) -> None:
    own.found(TESTS)
    own.git("commit", "-q", "--allow-empty", "-m", "more")
    verdict = file_verdict(own, own.commit(), {})
    found = look(own)
    assert (found.lines[-1].severity, found.next_step) == ("warning", f"agentkit ratchet show {verdict[:12]}")


def test_a_lost_baseline_is_critical(own: OwnRepository) -> None:
    own.found()
    own.git("update-ref", "-d", "refs/agentkit/ratchet")
    found = look(own)
    assert (found.title, found.next_step) == ("ratchet: own has lost its baseline", "agentkit ratchet doctor")
    assert [line.severity for line in found.lines] == ["critical"]


def test_nothing_is_changed_by_looking(own: OwnRepository) -> None:
    own.found()
    intent = Path(own_folder(own.repository), "intent")
    intent.write_text("{")
    found = look(own)
    assert any("was cut off" in line.text for line in found.lines)
    assert intent.read_text() == "{"


def test_a_repository_that_git_cannot_read_is_told_and_is_no_failure(own: OwnRepository) -> None:
    (own.folder / ".git/config").write_text("[core\n")
    found = look(own)
    assert found.title == "ratchet: nothing known"
    assert [line.severity for line in found.lines] == ["warning"]
