"""Do `init`, `check`, `accept` and `guard` do what a person expects, from the command line, and move nothing else?"""

import json
import subprocess
import venv
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from agentkit.core.errors import Exit
from agentkit.core.ourselves import call_ourselves
from agentkit.core.schemas import read_schema
from agentkit.ratchet import candidacy, moving
from agentkit.ratchet.state import STATE_REF
from tests.ratchet.ownrepository import OwnRepository

LIMIT_S = 120
FILES = {
    "shop.py": "def total(items):\n    return sum(items)\n",
    "test_shop.py": "from shop import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n",
    "notes.txt": "one\n",
}
BROKEN = FILES["shop.py"].replace("sum(items)", "len(items)")
GOOD = FILES["shop.py"] + "\n\ndef none():\n    return 0\n"
NAME = "test_shop::test_total"
Ended = subprocess.CompletedProcess[bytes]
Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("begun")
    own = OwnRepository(folder / "shop", FILES)
    ended = run_ratchet(own, "init")
    assert ended.returncode == 0, ended.stderr
    return folder


@pytest.fixture
def own(begun: Path, tmp_path: Path) -> OwnRepository:
    """Return a repository with a baseline, a copy of one that was made once."""
    subprocess.run(["cp", "-a", f"{begun}/shop", str(tmp_path / "shop")], check=True, timeout=LIMIT_S)
    copied = OwnRepository.__new__(OwnRepository)
    copied.folder = tmp_path / "shop"
    copied.environ = {**OwnRepository(tmp_path / "other").environ, "HOME": str(tmp_path)}
    return copied


@pytest.fixture
def ratchet(own: OwnRepository) -> Run:
    return lambda *words, **more: run_ratchet(own, *words, **more)


def run_ratchet(own: OwnRepository, *words: str, stdin: bytes = b"", cwd: Path | None = None) -> Ended:
    environ = {**own.environ, "AGENTKIT_HOME": str(own.folder.parent / "home")}
    return subprocess.run(
        call_ourselves("ratchet", *words), cwd=cwd or own.folder, env=environ, input=stdin, capture_output=True,
        timeout=LIMIT_S, check=False,
    )  # fmt: skip


def look(own: OwnRepository) -> dict[str, object]:
    """Return all that must not move when nothing is accepted: everything but the verdicts."""
    found = own.look()
    refs = [row for row in str(found["refs"]).splitlines() if not row.endswith("refs/agentkit/verdicts")]
    return {**found, "refs": refs}


def read_verdict(ended: Ended) -> dict[str, object]:
    [line] = ended.stdout.splitlines()
    record = json.loads(line)
    jsonschema.validate(record, read_schema("verdict"))
    assert isinstance(record, dict)
    return record


def test_a_second_init_is_refused_and_moves_nothing(own: OwnRepository, ratchet: Run) -> None:
    before = own.look()
    assert ratchet("init").returncode == Exit.REFUSED
    assert own.look() == before


def test_a_lost_baseline_is_never_a_new_first_one(own: OwnRepository, ratchet: Run) -> None:
    state = own.commit(STATE_REF)
    own.git("update-ref", "-d", STATE_REF)
    for words in (("init",), ("check",), ("accept",)):
        ended = ratchet(*words)
        assert ended.returncode == Exit.BAD_DATA
        assert f"git update-ref {STATE_REF} {state}".encode() in ended.stderr


@pytest.mark.parametrize("text", ["", "def test_(:\n", "import os\nos._exit(0)\n"], ids=["empty", "torn", "leaving"])
def test_a_suite_that_gives_nothing_is_no_baseline(tmp_path: Path, text: str) -> None:
    own = OwnRepository(tmp_path / "shop", {"test_shop.py": text})
    before = own.look()
    ended = run_ratchet(own, "init")
    assert (ended.returncode, ended.stdout) == (Exit.BAD_DATA, b"")
    assert b"no baseline" in ended.stderr
    assert own.look() == before


def test_failing_tests_are_held_as_failing(tmp_path: Path) -> None:
    own = OwnRepository(tmp_path / "shop", {**FILES, "shop.py": BROKEN})
    ended = run_ratchet(own, "init")
    assert (ended.returncode, ended.stdout.splitlines()[0]) == (0, b"main: 1 test held, 0 of them passing")
    assert own.state.baseline == {NAME: "fail"}
    own.write({"shop.py": FILES["shop.py"]})
    verdict = read_verdict(run_ratchet(own, "accept", "--work-tree", "--json"))
    assert verdict["fixed"] == [NAME]
    assert own.state.baseline == {NAME: "pass"}


def test_a_test_that_changes_with_the_order_is_unstable(tmp_path: Path) -> None:
    text = "seen = []\n\n\ndef test_one():\n    seen.append(1)\n\n\ndef test_two():\n    assert seen\n"
    own = OwnRepository(tmp_path / "shop", {"test_shop.py": text})
    assert run_ratchet(own, "init").returncode == 0
    assert own.state.unstable == {"test_shop::test_two"}


def test_check_says_what_stopped_working_and_moves_nothing(own: OwnRepository, ratchet: Run) -> None:
    own.write({"shop.py": BROKEN, "untracked.txt": "mine"})
    before = look(own)
    ended = ratchet("check", "--work-tree")
    assert ended.returncode == Exit.FINDINGS
    said = ended.stdout.decode()
    for word in (f"reject {NAME} was pass and fails now", "pass -> fail, since ", "assert 2 == 3", "ratchet show "):
        assert word in said
    assert look(own) == before


def test_a_verdict_travels_and_is_kept(own: OwnRepository, ratchet: Run) -> None:
    own.write({"shop.py": BROKEN})
    verdict = read_verdict(ratchet("check", "--work-tree", "--json"))
    assert (verdict["answer"], verdict["base"]) == ("reject", own.commit())
    [change] = verdict["regressed"]
    assert (change["id"], change["was"], change["now"]) == (NAME, "pass", "fail")
    kept = str(verdict["evidence"]).rpartition("@")[2]
    assert json.loads(own.git("show", f"{kept}:verdict.json"))["regressed"] == verdict["regressed"]
    assert "assert 2 == 3" in own.git("show", f"{kept}:run1.txt")
    assert own.git("show", f"{verdict['candidate']}:shop.py") == BROKEN.strip()


def test_a_good_work_tree_is_accepted_with_what_is_untracked(own: OwnRepository, ratchet: Run) -> None:
    own.write({"shop.py": GOOD, "new.py": "x = 1\n"})
    files = own.files()
    assert ratchet("accept", "--work-tree").returncode == 0
    assert own.files() == files
    assert own.git("status", "--porcelain") == ""
    assert (own.state.accepted, own.state.number) == (own.commit(), 2)


def test_a_commit_of_the_branch_is_accepted_as_it_is(own: OwnRepository, ratchet: Run) -> None:
    own.write({"shop.py": GOOD})
    own.git("commit", "-qam", "more")
    assert ratchet("accept", "--quiet").stdout == b""
    assert own.state.accepted == own.commit()


def test_a_patch_is_accepted_beside_work_that_is_not_committed(own: OwnRepository, ratchet: Run) -> None:
    own.write({"notes.txt": "two\n", "untracked.txt": "mine"})
    patch = own.patch({"shop.py": GOOD})
    assert ratchet("accept", "--patch", "-", stdin=patch).returncode == 0
    assert (own.folder / "shop.py").read_text() == GOOD
    assert (own.folder / "notes.txt").read_text() == "two\n"
    assert own.git("status", "--porcelain").split("\n") == ["M notes.txt", "?? untracked.txt"]
    assert own.state.accepted == own.commit()


def test_a_rejected_patch_leaves_nothing_but_its_evidence(own: OwnRepository, ratchet: Run) -> None:
    before = look(own)
    assert ratchet("accept", "--patch", "-", stdin=own.patch({"shop.py": BROKEN})).returncode == Exit.FINDINGS
    assert look(own) == before


def test_what_is_in_the_way_is_told_before_any_test_runs(own: OwnRepository, ratchet: Run) -> None:
    patch = own.patch({"shop.py": GOOD})
    own.write({"shop.py": GOOD + "# mine\n"})
    before = own.look()
    ended = ratchet("accept", "--patch", "-", stdin=patch)
    assert (ended.returncode, ended.stdout) == (Exit.REFUSED, b"")
    assert b"shop.py" in ended.stderr
    # Not even a verdict: nothing was judged.
    assert own.look() == before


def test_a_verdict_is_on_the_list_before_anything_moves_by_it(
    own: OwnRepository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(moving, "accept_candidate", fail)
    own.write({"shop.py": GOOD})
    environ = {**own.environ, "AGENTKIT_HOME": str(tmp_path / "home")}
    with pytest.raises(KeyboardInterrupt):
        candidacy.accept_if_good(str(own.folder), environ, candidacy.Asked(work_tree=True, quiet=True))
    assert json.loads(own.git("show", "refs/agentkit/verdicts:verdict.json"))["answer"] == "accept"
    assert own.state.number == 1


def test_a_warning_does_not_command_the_terminal(ratchet: Run, tmp_path: Path) -> None:
    program = tmp_path / "clear\x1b[2J"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    ended = ratchet("guard", "--", str(program))
    assert (ended.returncode, b"\x1b" in ended.stderr) == (3, False)
    assert b"ended with 3: nothing is taken over" in ended.stderr


def test_two_choices_at_once_are_no_choice(ratchet: Run) -> None:
    assert ratchet("check", "--rev", "HEAD", "--work-tree").returncode == Exit.USAGE


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("check", "--rev", "nothing"), Exit.UNAVAILABLE),
        (("check", "--rev", "--all"), Exit.UNAVAILABLE),
        (("check", "--patch", "nothing"), Exit.BAD_DATA),
        (("check", "--patch", "notes.txt"), Exit.BAD_DATA),
        (("guard", "--limit", "soon", "--", "true"), Exit.USAGE),
        (("guard",), Exit.USAGE),
    ],
)
def test_what_is_wrong_is_said_in_a_line(ratchet: Run, words: tuple[str, ...], status: int) -> None:
    ended = ratchet(*words)
    assert (ended.returncode, ended.stdout) == (status, b"")
    assert ended.stderr.startswith(b"agentkit: error: ")
    assert len(ended.stderr.splitlines()) <= 3


def test_outside_of_a_repository_there_is_nothing_to_judge(own: OwnRepository, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for words in (("init",), ("check",), ("accept",), ("guard", "--", "true")):
        ended = run_ratchet(own, *words, cwd=tmp_path / "empty")
        assert ended.returncode == Exit.UNAVAILABLE
        assert b"no git repository" in ended.stderr


def test_settings_that_are_wrong_name_the_nearest_key(own: OwnRepository, ratchet: Run) -> None:
    own.write({"agentkit.toml": '[ratchet]\nlimits = "1m"\n'})
    verdict = read_verdict(ratchet("check", "--work-tree", "--json"))
    assert (verdict["answer"], verdict["mechanism"]) == ("reject", "judge-changed")
    assert "unknown key ratchet.limits" in str(verdict["reason"])


def test_a_person_may_change_the_settings_with_a_reason(own: OwnRepository, ratchet: Run) -> None:
    own.write({"agentkit.toml": '[ratchet]\nlimit = "1m"\n'})
    assert ratchet("accept", "--work-tree").returncode == Exit.FINDINGS
    verdict = read_verdict(ratchet("accept", "--work-tree", "--judge-changed", "slow machine", "--json"))
    assert verdict["answer"] == "accept"
    assert "the judge may change: slow machine" in verdict["hints"]


def test_what_a_guarded_program_makes_is_taken_over_when_it_is_good(own: OwnRepository, ratchet: Run) -> None:
    own.write({"notes.txt": "two\n"})
    script = f"echo 'x = 1' > new.py; printf %s '{GOOD}' > shop.py; cat notes.txt; rm -rf .git; pwd"
    ended = ratchet("guard", "--", "sh", "-c", script)
    assert ended.returncode == 0, ended.stderr
    # It saw what is committed, in a folder of its own.
    assert ended.stdout.startswith(b"one\n")
    assert str(own.folder).encode() not in ended.stdout
    assert (own.folder / "new.py").read_text() == "x = 1\n"
    assert own.git("status", "--porcelain") == "M notes.txt"


@pytest.mark.parametrize(
    ("script", "status"),
    [
        (f"printf %s '{BROKEN}' > shop.py", Exit.FINDINGS),
        (f"printf %s '{GOOD}' > shop.py; exit 3", 3),
        (f"printf %s '{GOOD}' > shop.py; kill -TERM $$", 143),
        (f"printf %s '{GOOD}' > shop.py; sleep 60", Exit.TIMED_OUT),
        ("git init -q inner; cd inner; git -c user.name=a -c user.email=a@b commit -q --allow-empty -m one", 65),
        ("true", Exit.OK),
    ],
    ids=["worse", "failed", "signalled", "too long", "a repository of its own", "nothing"],
)
def test_what_a_guarded_program_makes_is_thrown_away_else(
    own: OwnRepository, ratchet: Run, script: str, status: int
) -> None:
    own.write({"notes.txt": "two\n"})
    before = (own.files(), own.commit())
    assert ratchet("guard", "--limit", "3s", "--", "sh", "-c", script).returncode == status
    assert (own.files(), own.commit()) == before


def test_a_guarded_program_that_is_not_there_is_said(ratchet: Run) -> None:
    assert ratchet("guard", "--", "./nothing").returncode == Exit.NOT_FOUND
    # It is looked for in the copy, where it is no program.
    assert ratchet("guard", "--", "./notes.txt").returncode == Exit.NOT_EXECUTABLE


def test_an_environment_without_pytest_is_named(tmp_path: Path) -> None:
    own = OwnRepository(tmp_path / "shop", FILES)
    venv.create(own.folder / ".venv", with_pip=False)
    ended = run_ratchet(own, "init")
    python = own.folder / ".venv/bin/python"
    assert ended.returncode == Exit.BAD_DATA
    assert f"no baseline: {python} has no pytest" in ended.stderr.decode()
    assert f"{python} -m pip install pytest" in ended.stderr.decode()
