"""Is a move that something is in the way of refused and told, with nothing moved and nobody's work touched?"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.commits import take_patch
from agentkit.ratchet.moving import demand_free_way
from tests.ratchet.ownrepository import OwnRepository, found_repository


@pytest.fixture
def own(tmp_path: Path) -> OwnRepository:
    return found_repository(tmp_path / "own")


def _refuse(own: OwnRepository, candidate: str, match: str, status: int) -> None:
    """See a move refused, and nothing moved by it."""
    state, before = own.state, own.look()
    with pytest.raises(AgentkitError, match=match) as caught:
        own.move(state, candidate)
    assert caught.value.status == status
    assert own.look() == before
    assert own.state == state
    assert own.find_litter() == []


IN_THE_WAY: Mapping[str, tuple[dict[str, str | None], dict[str, str]]] = {
    "an edit": ({"a.py": "a = 2\n"}, {"a.py": "mine\n"}),
    "an edit of what goes": ({"gone.py": None}, {"gone.py": "mine\n"}),
    "an untracked file": ({"new.py": "x\n"}, {"new.py": "mine\n"}),
    "an ignored file": ({"key.secret": "x\n"}, {"key.secret": "mine\n"}),
    "a folder where a file comes": ({"new": "x\n"}, {"new/mine": "mine\n"}),
    "a file where a folder comes": ({"new/x": "x\n"}, {"new": "mine\n"}),
    "an ignored file in a folder that becomes a file": (
        {"lib": "x\n", "lib/c.py": None}, {"lib/key.secret": "mine\n"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", IN_THE_WAY)
def test_what_is_in_the_way_is_named_and_nothing_moves(own: OwnRepository, case: str) -> None:
    changes, mine = IN_THE_WAY[case]
    order = sorted(changes, key=lambda name: changes[name] is not None)
    candidate = own.make_commit({name: changes[name] for name in order})
    own.write(mine)
    _refuse(own, candidate, f"changes of yours are in the way.*{order[-1]}", Exit.REFUSED)


def test_what_is_staged_is_in_the_way_too(own: OwnRepository) -> None:
    candidate = own.make_commit({"a.py": "a = 2\n"})
    own.write({"a.py": "staged\n"})
    own.git("add", "a.py")
    own.write({"a.py": "a = 1\n"})
    _refuse(own, candidate, r"in the way.*a\.py", Exit.REFUSED)


def test_nothing_is_written_through_a_link(own: OwnRepository, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    candidate = own.make_commit({"docs/x": "x\n"})
    (own.folder / "docs").symlink_to(tmp_path / "outside")
    _refuse(own, candidate, "in the way.*docs/x", Exit.REFUSED)
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_link_that_the_candidate_brings_is_not_written_through_either(own: OwnRepository, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    own.write({"docs/x": "x\n"})
    own.git("add", "docs")
    own.git("commit", "-qm", "docs")
    own.git("checkout", "-q", "-b", "side")
    own.git("rm", "-rq", "docs")
    (own.folder / "docs").symlink_to(tmp_path / "outside")
    own.git("add", "docs")
    own.git("commit", "-qm", "link")
    own.git("checkout", "-q", "main")
    own.move(own.state, own.commit("side"))
    assert os.readlink(own.folder / "docs") == str(tmp_path / "outside")
    back = own.make_commit({"docs": None, "docs/x": "x\n"})
    own.move(own.state, back)
    assert (own.folder / "docs/x").read_text() == "x\n"
    assert not (own.folder / "docs").is_symlink()
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_file_that_stands_there_already_is_no_obstacle(own: OwnRepository) -> None:
    candidate = own.make_commit({"a.py": "a = 2\n", "new.py": "x\n", "gone.py": None})
    own.write({"a.py": "a = 2\n", "new.py": "x\n"})
    (own.folder / "gone.py").unlink()
    own.git("add", "a.py")
    own.move(own.state, candidate)
    assert own.git("status", "--porcelain") == ""


def test_a_file_that_was_only_touched_is_no_obstacle(own: OwnRepository) -> None:
    os.utime(own.folder / "a.py", (1, 1))
    own.accept({"a.py": "a = 2\n"})
    assert (own.folder / "a.py").read_text() == "a = 2\n"


def test_what_may_be_in_no_tree_is_not_written(own: OwnRepository) -> None:
    blob = own.git("hash-object", "-w", "--stdin", stdin=b"#!/bin/sh\n")
    inner = own.git("mktree", stdin=f"100755 blob {blob}\tpre-commit\n".encode())
    rows = own.git("ls-tree", "main") + f"\n040000 tree {inner}\t.git\n"
    evil = own.git("commit-tree", own.git("mktree", stdin=rows.encode()), "-p", "main", "-m", "evil")
    state, before = own.state, own.look()
    with pytest.raises(AgentkitError):
        own.move(state, evil)
    assert own.look() == before
    assert own.find_litter() == []
    assert not (own.folder / ".git/hooks/pre-commit").exists()


def test_a_candidate_on_a_base_that_moved_is_to_be_judged_again(own: OwnRepository) -> None:
    state = own.state
    candidate = take_patch(own.repository, state.accepted, own.patch({"b.py": "b = 2\n"}))
    own.accept({"a.py": "a = 2\n"})
    before = own.look()
    with pytest.raises(AgentkitError, match="another candidate was accepted meanwhile") as caught:
        own.move(state, candidate)
    assert caught.value.status == Exit.TRY_LATER
    assert own.look() == before


def test_a_branch_that_a_person_moved_on_is_not_moved_over(own: OwnRepository) -> None:
    candidate = own.make_commit({"a.py": "a = 2\n"})
    own.write({"b.py": "b = 2\n"})
    own.git("commit", "-qam", "by hand")
    _refuse(own, candidate, "main has moved on to", Exit.TRY_LATER)


def test_a_candidate_that_does_not_follow_is_refused(own: OwnRepository) -> None:
    first = own.commit()
    own.accept({"a.py": "a = 2\n"})
    _refuse(own, own.make_commit({"b.py": "b = 2\n"}, first), "does not contain", Exit.REFUSED)


def test_while_a_merge_is_in_progress_nothing_moves(own: OwnRepository) -> None:
    own.git("branch", "side", own.make_commit({"a.py": "theirs\n"}))
    own.write({"b.py": "b = 2\n"})
    own.git("commit", "-qam", "mine")
    own.git("merge", "-q", "--no-commit", "--no-ff", "side")
    _refuse(own, own.make_commit({"run.sh": "x\n"}), "a merge is in progress", Exit.REFUSED)


def test_the_index_lock_of_another_git_is_left_alone(own: OwnRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentkit.ratchet.indexlock.LIMIT_S", 0.2)
    candidate = own.make_commit({"a.py": "a = 2\n"})
    state, before = own.state, own.look()
    lock = own.folder / ".git/index.lock"
    for content in (b"", b"DIRC\x00"):
        lock.write_bytes(content)
        with pytest.raises(AgentkitError, match="another git holds the index") as caught:
            own.move(state, candidate)
        assert caught.value.status == Exit.TRY_LATER
        assert lock.read_bytes() == content
    lock.unlink()
    assert own.look() == before
    assert own.find_litter() == []


@pytest.mark.parametrize("name", ["HEAD.lock", "refs/heads/main.lock", "refs/agentkit/ratchet.lock"])
def test_the_ref_lock_of_another_git_is_left_alone(
    own: OwnRepository, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fast = ("-c", "core.filesRefLockTimeout=50")
    monkeypatch.setattr("agentkit.core.repo.repository.SETTINGS", fast)
    candidate = own.make_commit({"a.py": "a = 2\n"})
    state, before = own.state, own.look()
    lock = own.folder / ".git" / name
    lock.touch()
    with pytest.raises(AgentkitError, match=name) as caught:
        own.move(state, candidate)
    assert caught.value.status == Exit.TRY_LATER
    assert lock.exists()
    lock.unlink()
    assert own.look() == before
    assert own.find_litter() == []


def test_a_git_that_is_killed_is_no_answer(own: OwnRepository, tmp_path: Path) -> None:
    shim = tmp_path / "bin/git"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\ncase "$*" in *merge-base*) kill -KILL $$;; esac\nexec {shutil.which("git")} "$@"\n')
    shim.chmod(0o755)
    candidate, state, before = own.make_commit({"a.py": "a = 2\n"}), own.state, own.look()
    own.environ = {**own.environ, "PATH": f"{shim.parent}:{own.environ['PATH']}"}
    with pytest.raises(AgentkitError, match="merge-base was ended by signal 9") as caught:
        own.move(state, candidate)
    assert caught.value.status == Exit.TRY_LATER
    assert own.look() == before


def test_a_folder_that_may_not_be_written_to_is_told_before_anything_moves(
    own: OwnRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = str(own.folder / "lib")
    # To root, who may run the tests, no folder is closed.
    monkeypatch.setattr("agentkit.ratchet.survey.os.access", lambda path, _: path != closed)
    _refuse(own, own.make_commit({"lib/new/d.py": "d\n"}), "lib in .* may not be written to", Exit.CANNOT_WRITE)


def test_what_will_be_in_the_way_is_known_before_a_long_judgement(own: OwnRepository) -> None:
    candidate = own.make_commit({"a.py": "a = 2\n"})
    demand_free_way(own.repository, own.state, candidate)
    own.write({"a.py": "mine\n"})
    before = own.look()
    with pytest.raises(AgentkitError, match=r"in the way.*a\.py"):
        demand_free_way(own.repository, own.state, candidate)
    demand_free_way(own.repository, own.state, candidate, keeps_files=True)
    assert own.look() == before


def test_a_branch_that_is_gone_is_told(own: OwnRepository) -> None:
    candidate, state = own.make_commit({"a.py": "a = 2\n"}), own.state
    own.git("checkout", "-q", "--detach")
    own.git("branch", "-qD", "main")
    with pytest.raises(AgentkitError, match="the branch main is gone"):
        own.move(state, candidate)
