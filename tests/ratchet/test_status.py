"""Does a person see where the branch stands, what is ahead of it, and what is not as it was left?"""

import json
from pathlib import Path

import jsonschema
import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.schemas import read_schema
from agentkit.ratchet.intent import Move, make_intent, write_intent
from agentkit.ratchet.metrics import Metric
from agentkit.ratchet.moving import found_state
from agentkit.ratchet.outcomes import FAIL, PASS, SKIP
from agentkit.ratchet.ownfolder import own_folder
from agentkit.ratchet.rollback import roll_back
from agentkit.ratchet.state import STATE_REF, write_state
from agentkit.ratchet.status import print_status
from tests.conftest import Run
from tests.ratchet.filing import NOW_S, TESTS, file_verdict
from tests.ratchet.ownrepository import OwnRepository


@pytest.fixture
def own(tmp_path: Path) -> OwnRepository:
    return OwnRepository(tmp_path / "own")


def status(own: OwnRepository, capsys: pytest.CaptureFixture[str], ends: int = Exit.OK) -> dict[str, str]:
    """Return what a person sees, by title, and hold the record against its schema."""
    assert print_status(str(own.folder), own.environ, now=NOW_S, as_json=True) == ends
    record = json.loads(capsys.readouterr().out)
    jsonschema.validate(record, read_schema("baseline"))
    assert print_status(str(own.folder), own.environ, now=NOW_S, as_json=False) == ends
    lines = capsys.readouterr().out.splitlines()
    return {"json": record, **{line.split()[0]: line[10:] for line in lines}}


def test_all_of_an_accepted_state_is_told(own: OwnRepository, capsys: pytest.CaptureFixture[str]) -> None:
    metric = Metric("size", 12.0, "KiB")
    baseline = {"t::a": PASS, "t::b": FAIL, "t::c": SKIP, "t::d": PASS}
    state = write_state(
        own.repository, None, own.commit(), "refs/heads/main", baseline, ["t::\x1b[31m"], [metric], {},
        at_s=int(NOW_S) - 120,
    )  # fmt: skip
    found_state(own.repository, state)
    told = status(own, capsys)
    assert told["branch"] == "main"
    assert told["accepted"] == f"{own.commit()[:12]} as state 1, 2m ago"
    assert told["tests"] == "4 tests: 2 passing, 1 failing, 1 skipped"
    assert told["unstable"] == "1: t::\\x1b[31m"
    assert told["best"] == "size 12 KiB (lower is better)"
    assert told["ahead"] == "no commit: all of it is accepted"
    assert told["json"]["tests"] == {"pass": 2, "xfail": 0, "fail": 1, "skip": 1}


def test_commits_that_nobody_judged_are_counted(own: OwnRepository, capsys: pytest.CaptureFixture[str]) -> None:
    own.found()
    for text in ("one", "two"):
        own.write({"a.py": text})
        own.git("commit", "-qam", text)
    told = status(own, capsys)
    assert (told["ahead"], told["json"]["ahead"]) == ("2 commits are not judged", 2)


def test_the_verdict_on_the_last_commit_is_told(own: OwnRepository, capsys: pytest.CaptureFixture[str]) -> None:
    own.found(TESTS)
    own.write({"a.py": "worse"})
    own.git("commit", "-qam", "worse")
    verdict = file_verdict(own, own.commit(), {})
    told = status(own, capsys)
    assert told["ahead"] == "1 commit is not accepted; the last one: reject, 2 worse"
    assert told["verdict"] == f"reject 2 worse ({verdict[:12]}, 1h ago)"
    assert told["json"]["on_tip"]["evidence"].endswith(verdict)


def test_another_branch_that_is_checked_out_is_named(own: OwnRepository, capsys: pytest.CaptureFixture[str]) -> None:
    own.found()
    own.git("switch", "-qc", "other")
    assert status(own, capsys)["branch"] == "main (checked out is other)"


def test_a_rollback_says_whose_content_it_has(own: OwnRepository, capsys: pytest.CaptureFixture[str]) -> None:
    own.found()
    own.accept({"a.py": "a = 2\n"})
    roll_back(str(own.folder), own.environ, 1, is_dry=False)
    assert status(own, capsys)["rollback"] == "it has the content of state 1"


@pytest.mark.parametrize(
    ("move", "ends", "says"),
    [
        (("update-ref", "-d", STATE_REF), Exit.BAD_DATA, "is lost"),
        (("update-ref", STATE_REF, f"{STATE_REF}~1"), Exit.TAMPERED, "was moved by somebody else"),
        (("branch", "-qm", "main", "trunk"), Exit.UNAVAILABLE, "the branch main is gone"),
        (("reset", "-q", "--hard", "HEAD~1"), Exit.TAMPERED, "does not contain the accepted commit"),
    ],
)
def test_what_was_moved_by_hand_is_told_with_the_way_back(
    own: OwnRepository, capsys: pytest.CaptureFixture[str], move: tuple[str, ...], ends: int, says: str
) -> None:
    own.found()
    own.accept({"a.py": "a = 2\n"})
    own.git(*move)
    told = status(own, capsys, ends)
    assert says in told["trouble"]
    assert told["next"].startswith("git ")
    assert len(told["json"]["troubles"]) == 1


def test_what_was_cut_off_is_brought_to_its_end_and_told(own: OwnRepository, capfd: pytest.CaptureFixture[str]) -> None:
    own.found()
    state = own.state
    write_intent(own.repository, make_intent("accept", [Move(STATE_REF, state.commit, "1" * 40)]))
    assert print_status(str(own.folder), own.environ, now=NOW_S, as_json=False) == Exit.OK
    assert "warning: an earlier accept was cut off; nothing had moved yet" in capfd.readouterr().err


def test_an_intent_that_cannot_be_read_is_a_trouble(own: OwnRepository, capsys: pytest.CaptureFixture[str]) -> None:
    own.found()
    Path(own_folder(own.repository), "intent").write_text("{")
    told = status(own, capsys, Exit.BAD_DATA)
    assert "intent cannot be read" in told["trouble"]
    assert told["branch"] == "main"


def test_before_the_first_baseline_the_next_step_is_told(own: OwnRepository, agentkit: Run) -> None:
    ended = agentkit("ratchet", "status", cwd=own.folder)
    assert (ended.returncode, ended.stdout) == (Exit.UNAVAILABLE, "")
    assert "hint: agentkit ratchet init" in ended.stderr


def test_a_bare_repository_has_a_status_too(own: OwnRepository, tmp_path: Path) -> None:
    own.found()
    own.git("clone", "-q", "--bare", ".", str(tmp_path / "bare"))
    own.git("push", "-q", str(tmp_path / "bare"), STATE_REF)
    assert print_status(str(tmp_path / "bare"), own.environ, now=NOW_S, as_json=True) == Exit.OK


def test_what_a_shallow_clone_does_not_have_is_not_called_rewritten(
    own: OwnRepository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own.found()
    own.git("commit", "-q", "--allow-empty", "-m", "more")
    own.git("clone", "-q", "--depth", "1", f"file://{own.folder}", str(tmp_path / "shallow"))
    own.git("fetch", "-q", "origin", f"{STATE_REF}:{STATE_REF}", cwd=tmp_path / "shallow")
    assert print_status(str(tmp_path / "shallow"), own.environ, now=NOW_S, as_json=False) == Exit.UNAVAILABLE
    assert "trouble   this clone is shallow: " in capsys.readouterr().out


def test_a_folder_that_is_no_repository_is_unavailable(tmp_path: Path, own: OwnRepository) -> None:
    with pytest.raises(AgentkitError, match="lies in no git repository") as raised:
        print_status(str(tmp_path), own.environ, now=NOW_S, as_json=False)
    assert raised.value.status == Exit.UNAVAILABLE
