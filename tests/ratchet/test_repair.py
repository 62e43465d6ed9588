"""Is what a crash left brought to its end by the next start, and what is somebody else's left alone?"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.repository import MARK, Repository, own_mark
from agentkit.ratchet.indexlock import WORDS
from agentkit.ratchet.intent import Intent, Move, has_intent, write_intent
from agentkit.ratchet.ratchetlock import hold_ratchet
from agentkit.ratchet.refmoves import move_refs
from agentkit.ratchet.repair import repair
from agentkit.ratchet.state import STATE_REF, read_known, write_state
from tests.ratchet.ownrepository import OwnRepository

DEAD = "999999.1"
HOLDING = """
import sys
from datetime import timedelta
from agentkit.core.locks import hold_lock
with hold_lock(sys.argv[1], what="x", limit=timedelta(seconds=9)):
    print("held", flush=True)
    sys.stdin.read()
"""
REPAIRING = """
import os, sys
from agentkit.ratchet.repair import repair
from agentkit.core.repo.repository import find_repository
print(repair(find_repository(sys.argv[1], os.environ)))
"""


class Crash:
    """A move to a candidate whose process has died; the refs stand where it got."""

    def __init__(
        self, own: OwnRepository, *, has_moved_state: bool, has_moved_branch: bool, keeps: bool = False
    ) -> None:
        self.own = own
        self.state = own.found()
        self.candidate = own.make_commit({"a.py": "a = 2\n", "gone.py": None, "new/x.py": "x\n"})
        self.new = write_state(
            own.repository, self.state, self.candidate, "refs/heads/main", {"t::two": "pass"}, (), (), {}
        )
        moves = (
            Move(STATE_REF, self.state.commit, self.new),
            Move("refs/heads/main", self.state.accepted, self.candidate),
        )
        intent = Intent("accept", moves, str(own.folder), str(own.folder / ".git"), keeps, DEAD)
        write_intent(own.repository, intent)
        if has_moved_state:
            own.git("update-ref", STATE_REF, self.new)
        if has_moved_branch:
            own.git("update-ref", "refs/heads/main", self.candidate)
        (own.folder / ".git/index.lock").write_bytes(WORDS + DEAD.encode() + b"\n")

    def assert_moved(self) -> None:
        own = self.own
        assert own.commit("main") == own.state.accepted == self.candidate
        assert read_known(own.repository) == own.state.commit == self.new
        assert not has_intent(own.repository)
        assert own.find_litter() == []


@pytest.fixture
def own(tmp_path: Path) -> OwnRepository:
    return OwnRepository(tmp_path / "own")


def test_where_nothing_was_cut_off_nothing_is_done(own: OwnRepository) -> None:
    own.found()
    assert repair(own.repository) is None


@pytest.mark.parametrize("has_moved_branch", [True, False])
def test_where_the_state_has_moved_all_the_rest_follows(own: OwnRepository, has_moved_branch: bool) -> None:
    crash = Crash(own, has_moved_state=True, has_moved_branch=has_moved_branch)
    own.write({"b.py": "edited\n", "mine": "mine\n"})
    told = repair(own.repository)
    assert told is not None
    assert told.startswith("an earlier accept was cut off")
    crash.assert_moved()
    assert (own.folder / "new/x.py").read_text() == "x\n"
    assert own.git("status", "--porcelain").split() == ["M", "b.py", "??", "mine"]
    assert repair(own.repository) is None


@pytest.mark.parametrize("has_moved_branch", [True, False])
def test_where_the_state_has_not_moved_all_goes_back(own: OwnRepository, has_moved_branch: bool) -> None:
    crash = Crash(own, has_moved_state=False, has_moved_branch=has_moved_branch)
    files = own.files()
    assert "an earlier accept was cut off" in (repair(own.repository) or "")
    assert own.state == crash.state
    assert own.commit("main") == crash.state.accepted
    assert own.files() == files
    assert own.git("status", "--porcelain") == ""
    assert own.find_litter() == []


def test_what_somebody_changed_since_the_crash_is_left(own: OwnRepository) -> None:
    crash = Crash(own, has_moved_state=True, has_moved_branch=True)
    own.write({"a.py": "mine\n", "new/x.py": "mine too\n"})
    assert "left as you changed it: a.py; left as you changed it: new/x.py" in (repair(own.repository) or "")
    crash.assert_moved()
    assert (own.folder / "a.py").read_text() == "mine\n"
    assert own.git("status", "--porcelain").splitlines() == ["M a.py", " M new/x.py"]


def test_a_tree_half_of_whose_files_had_moved_is_brought_to_the_end(own: OwnRepository) -> None:
    crash = Crash(own, has_moved_state=True, has_moved_branch=True)
    own.write({"a.py": "a = 2\n"})
    (own.folder / "gone.py").unlink()
    repair(own.repository)
    crash.assert_moved()
    assert own.git("status", "--porcelain") == ""


def test_a_branch_that_went_on_by_hand_is_left_with_its_tree(own: OwnRepository) -> None:
    crash = Crash(own, has_moved_state=True, has_moved_branch=True)
    own.git("update-ref", "refs/heads/main", own.make_commit({"b.py": "by hand\n"}))
    files = own.files()
    assert "has moved on since" in (repair(own.repository) or "")
    assert own.files() == files
    assert own.state.commit == crash.new


def test_the_scratch_of_the_dead_goes_with_the_next_verb_and_that_of_the_living_stays(own: OwnRepository) -> None:
    scratch = Path(own.repository.common_dir, "agentkit/scratch")
    dead, living = scratch / f"{DEAD}.left", scratch / f"{own_mark()}.used"
    for folder in (dead, living):
        (folder / "old").mkdir(parents=True)
    with hold_ratchet(own.repository):
        # Who holds the ratchet may be at work on it: nobody waits for that, and nothing is taken away.
        words = [sys.executable, "-c", REPAIRING, str(own.folder)]
        assert subprocess.run(words, capture_output=True, timeout=60, check=True).stdout == b"None\n"
    assert dead.exists()
    assert repair(own.repository) is None
    assert (dead.exists(), living.exists()) == (False, True)


@pytest.mark.parametrize("has_moved", [True, False])
def test_an_interrupted_move_is_brought_to_its_end_before_it_is_let_go(
    own: OwnRepository, monkeypatch: pytest.MonkeyPatch, has_moved: bool
) -> None:
    def interrupt(repository: Repository, moves: Sequence[Move], reason: str) -> None:
        if has_moved:
            move_refs(repository, moves, reason)
        raise KeyboardInterrupt

    own.found()
    before = own.commit()
    monkeypatch.setattr("agentkit.ratchet.repair.try_moving", interrupt)
    with pytest.raises(KeyboardInterrupt):
        own.accept({"a.py": "a = 2\n"})
    assert (own.commit() == own.state.accepted != before) == has_moved
    assert (own.folder / "a.py").read_text() == ("a = 2\n" if has_moved else "a = 1\n")
    assert own.git("status", "--porcelain") == ""
    assert own.find_litter() == []


def test_a_work_tree_that_was_removed_since_hinders_nothing(own: OwnRepository, tmp_path: Path) -> None:
    Crash(own, has_moved_state=True, has_moved_branch=True)
    intent = own.folder / ".git/agentkit/ratchet/intent"
    intent.write_text(intent.read_text().replace(str(own.folder), str(tmp_path / "away")))
    assert repair(own.repository)
    assert not has_intent(own.repository)


@pytest.mark.parametrize("end", ["", "\n"])
def test_ref_locks_of_a_git_of_ours_that_was_killed_are_removed(own: OwnRepository, end: str) -> None:
    crash = Crash(own, has_moved_state=False, has_moved_branch=False)
    git_dir = own.folder / ".git"
    locks = [git_dir / "refs/heads/main.lock", git_dir / "refs/agentkit/ratchet.lock", git_dir / "HEAD.lock"]
    for lock, content in zip(locks, (crash.candidate + end, "", ""), strict=True):
        lock.write_text(content)
    told = repair(own.repository) or ""
    assert "removed the lock refs/heads/main.lock of a git that was killed" in told
    assert own.find_litter() == []
    own.accept({"a.py": "a = 3\n"})


def test_ref_locks_of_somebody_else_stay(own: OwnRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentkit.core.repo.repository.SETTINGS", ("-c", "core.filesRefLockTimeout=50"))
    Crash(own, has_moved_state=False, has_moved_branch=False)
    git_dir = own.folder / ".git"
    other, older = git_dir / "refs/heads/main.lock", git_dir / "HEAD.lock"
    other.write_text(f"{'7' * 40}\n")
    older.touch()
    os.utime(older, (1, 1))
    repair(own.repository)
    assert other.exists()
    assert older.exists()
    with pytest.raises(AgentkitError) as caught:
        own.accept({"a.py": "a = 3\n"})
    assert caught.value.status == Exit.TRY_LATER


def test_a_git_that_goes_on_after_its_program_died_is_waited_for(own: OwnRepository) -> None:
    Crash(own, has_moved_state=True, has_moved_branch=True)
    orphan = subprocess.Popen(["sleep", "1"], env={**own.environ, MARK: DEAD})
    try:
        begun = time.monotonic()
        assert repair(own.repository)
        assert orphan.poll() is not None or time.monotonic() - begun >= 0.9
    finally:
        orphan.wait(30)


@pytest.mark.parametrize("content", ["", "{", '{"moves": []}', '{"what": 1, "moves": [{"ref": "x"}]}', "[]"])
def test_an_intent_that_is_none_of_ours_is_told(own: OwnRepository, content: str) -> None:
    own.found()
    (own.folder / ".git/agentkit/ratchet/intent").write_text(content)
    with pytest.raises(AgentkitError, match="intent") as caught:
        repair(own.repository)
    assert caught.value.status == Exit.BAD_DATA


def test_what_a_live_process_is_in_the_middle_of_is_waited_for(own: OwnRepository) -> None:
    Crash(own, has_moved_state=True, has_moved_branch=True)
    lock = str(own.folder / ".git/agentkit/ratchet/lock")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        waiting = subprocess.Popen(
            [sys.executable, "-c", REPAIRING, str(own.folder)],
            stdout=subprocess.PIPE, env={**os.environ, "HOME": own.environ["HOME"]},
        )  # fmt: skip
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1.5)
        assert has_intent(own.repository)
        holder.stdin.close()
        out, _ = waiting.communicate(timeout=60)
    assert b"was cut off" in out
    assert not has_intent(own.repository)
