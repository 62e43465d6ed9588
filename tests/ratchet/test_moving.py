"""Do branch, state and checked-out tree move together, wherever the branch is, with nobody's work touched?"""

import os
import stat
from pathlib import Path

import pytest

from agentkit.core.repo.commits import take_patch
from agentkit.ratchet.snapshot import take_work_tree
from agentkit.ratchet.state import read_state
from tests.ratchet.ownrepository import OwnRepository, found_repository


@pytest.fixture
def own(tmp_path: Path) -> OwnRepository:
    return found_repository(tmp_path / "own")


def test_all_three_move_together(own: OwnRepository) -> None:
    candidate = own.accept({"a.py": "a = 2\n", "gone.py": None, "new/x.py": "x\n"}, {"t::two": "pass"})
    assert own.commit("main") == own.commit("HEAD") == own.state.accepted == candidate
    assert own.state.baseline == {"t::two": "pass"}
    assert own.git("status", "--porcelain") == ""
    assert (own.folder / "new/x.py").read_text() == "x\n"
    assert not (own.folder / "gone.py").exists()
    assert own.find_litter() == []
    assert own.git("reflog", "-1", "--format=%gs", "HEAD") == "agentkit ratchet: accept"
    assert own.is_clean()


def test_the_work_of_the_person_stays_as_it_is(own: OwnRepository) -> None:
    own.write({"b.py": "edited\n", "lib/c.py": "staged\n", "mine": "untracked\n", "key.secret": "ignored\n"})
    own.git("add", "lib/c.py")
    own.write({"lib/c.py": "staged and edited\n"})
    own.git("stash", "list")
    mine = own.files()
    own.accept({"a.py": "a = 2\n", "new.py": "x\n"})
    after = own.files()
    assert {name: after[name] for name in mine if name != "a.py"} == {
        name: mine[name] for name in mine if name != "a.py"
    }
    assert own.git("status", "--porcelain").splitlines() == ["M b.py".rjust(7)[1:], "MM lib/c.py", "?? mine"]
    assert own.git("show", ":lib/c.py") == "staged"


def test_modes_links_and_odd_names_follow(own: OwnRepository) -> None:
    own.git("checkout", "-q", "-b", "side")
    odd = os.fsdecode(b'odd \xff\n"name"\t')
    own.write({odd: "odd\n", "a b/ü": "x\n"})
    (own.folder / "a.py").chmod(0o755)
    (own.folder / "run.sh").chmod(0o644)
    (own.folder / "b.py").unlink()
    (own.folder / "b.py").symlink_to("a.py")
    own.git("add", "-A")
    own.git("commit", "-qm", "odd")
    own.git("checkout", "-q", "main")
    own.move(own.state, own.commit("side"))
    assert own.git("status", "--porcelain") == ""
    assert (own.folder / "a.py").stat().st_mode & stat.S_IXUSR
    assert not (own.folder / "run.sh").stat().st_mode & stat.S_IXUSR
    assert os.readlink(own.folder / "b.py") == "a.py"
    assert (own.folder / odd).read_text() == "odd\n"


def test_a_file_becomes_a_folder_and_a_folder_a_file(own: OwnRepository) -> None:
    own.accept({"lib/c.py": None, "lib": "now a file\n", "a.py": None, "a.py/x": "now a folder\n"})
    assert own.git("status", "--porcelain") == ""
    assert (own.folder / "lib").read_text() == "now a file\n"
    assert (own.folder / "a.py/x").read_text() == "now a folder\n"


def test_line_ends_are_those_of_the_new_attributes(own: OwnRepository) -> None:
    own.accept({".gitattributes": "*.txt text eol=crlf\n", "x.txt": "one\ntwo\n"})
    assert (own.folder / "x.txt").read_bytes() == b"one\r\ntwo\r\n"
    assert own.git("status", "--porcelain") == ""


def test_a_dozen_accepts_leave_a_sound_repository(own: OwnRepository) -> None:
    for number in range(12):
        own.accept({"a.py": f"a = {number}\n"}, {f"t::{count}": "pass" for count in range(number + 1)})
    assert own.state.number == 13
    assert len(own.git("rev-list", "--first-parent", "main").split()) == 13
    assert own.is_clean()
    assert own.find_litter() == []
    assert read_state(own.repository, f"{own.state.commit}~10").number == 3


# The work tree itself as candidate.


def test_an_accepted_work_tree_stays_and_the_index_follows(own: OwnRepository) -> None:
    own.write({"a.py": "a = 2\n", "new.py": "x\n", "later.py": "y\n"})
    own.git("add", "a.py")
    own.git("add", "-N", "later.py")
    (own.folder / "gone.py").unlink()
    files, stamp = own.files(), (own.folder / "a.py").stat().st_mtime_ns
    candidate = take_work_tree(own.repository, own.commit())
    own.move(own.state, candidate, keeps_files=True)
    assert own.files() == files
    assert (own.folder / "a.py").stat().st_mtime_ns == stamp
    assert own.commit("main") == candidate
    assert own.git("status", "--porcelain") == ""


def test_what_was_edited_after_the_work_tree_was_taken_stays_as_an_edit(own: OwnRepository) -> None:
    own.write({"a.py": "a = 2\n", "new.py": "x\n"})
    candidate = take_work_tree(own.repository, own.commit())
    own.write({"a.py": "a = 3\n", "new.py": "y\n", "b.py": "b = 2\n"})
    files = own.files()
    own.move(own.state, candidate, keeps_files=True)
    assert own.files() == files
    assert own.git("diff", "--name-only").split() == ["a.py", "b.py", "new.py"]
    assert own.git("diff", "--cached", "--name-only") == ""


def test_what_was_staged_in_another_form_stays_staged(own: OwnRepository) -> None:
    own.write({"a.py": "staged\n"})
    own.git("add", "a.py")
    own.write({"a.py": "a = 2\n"})
    candidate = take_work_tree(own.repository, own.commit())
    own.move(own.state, candidate, keeps_files=True)
    assert own.git("show", ":a.py") == "staged"
    assert (own.folder / "a.py").read_text() == "a = 2\n"


# Where the branch is, and where it is not checked out.


def test_a_commit_of_the_branch_itself_is_accepted_by_moving_the_state_alone(own: OwnRepository) -> None:
    own.write({"a.py": "a = 2\n", "b.py": "b = 2\n"})
    own.git("commit", "-qm", "by hand", "a.py")
    before = own.look()
    own.move(own.state, own.commit())
    after = own.look()
    assert (after["files"], after["index"]) == (before["files"], before["index"])
    assert own.state.accepted == own.commit()


def test_a_branch_that_is_not_checked_out_moves_alone(own: OwnRepository) -> None:
    own.git("checkout", "-q", "-b", "other")
    before = own.look()
    candidate = own.accept({"a.py": "a = 2\n"})
    after = own.look()
    assert {name: after[name] for name in ("files", "index", "head")} == {
        name: before[name] for name in ("files", "index", "head")
    }
    assert own.commit("main") == candidate


@pytest.mark.parametrize("is_asked_there", [True, False])
def test_a_branch_in_a_linked_work_tree_moves_there(own: OwnRepository, tmp_path: Path, is_asked_there: bool) -> None:
    own.git("checkout", "-q", "--detach")
    own.git("worktree", "add", "-q", str(tmp_path / "linked"), "main")
    linked = OwnRepository.__new__(OwnRepository)
    linked.folder, linked.environ = tmp_path / "linked", own.environ
    linked.write({"mine": "mine\n", "b.py": "edited\n"})
    before = own.files(), own.index()
    (linked if is_asked_there else own).accept({"a.py": "a = 2\n"})
    assert (own.files(), own.index()) == before
    assert (linked.folder / "a.py").read_text() == "a = 2\n"
    assert linked.git("status", "--porcelain").split() == ["M", "b.py", "??", "mine"]
    assert own.find_litter() == []


def test_in_a_bare_repository_the_branch_moves_alone(own: OwnRepository, tmp_path: Path) -> None:
    patch = own.patch({"a.py": "a = 2\n"})
    own.git("clone", "-q", "--bare", str(own.folder), str(tmp_path / "bare"))
    bare = OwnRepository.__new__(OwnRepository)
    bare.folder, bare.environ = tmp_path / "bare", own.environ
    state = bare.found()
    candidate = take_patch(bare.repository, state.accepted, patch)
    bare.move(state, candidate)
    assert bare.commit("main") == bare.state.accepted == candidate


def test_in_a_shallow_clone_it_works_the_same(own: OwnRepository, tmp_path: Path) -> None:
    own.accept({"a.py": "a = 2\n"})
    own.git("clone", "-q", "--depth=1", f"file://{own.folder}", str(tmp_path / "shallow"))
    shallow = OwnRepository.__new__(OwnRepository)
    shallow.folder, shallow.environ = tmp_path / "shallow", own.environ
    shallow.git("config", "user.name", "a person")
    shallow.git("config", "user.email", "person@example.org")
    shallow.found()
    shallow.accept({"a.py": "a = 3\n"})
    assert shallow.state.number == 2
    assert (shallow.folder / "a.py").read_text() == "a = 3\n"
    assert shallow.is_clean()


def test_a_module_that_moves_is_left_to_the_person(own: OwnRepository, tmp_path: Path) -> None:
    inner = OwnRepository(tmp_path / "inner")
    first = inner.commit()
    own.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.folder), "inner")
    own.git("commit", "-qm", "module")
    own.move(own.state, own.commit())
    inner.write({"a.py": "a = 9\n"})
    inner.git("commit", "-qam", "more")
    own.git("-c", "protocol.file.allow=always", "-C", "inner", "fetch", "-q", str(inner.folder))
    index = own.make_commit({"a.py": "a = 2\n"})
    tree = own.git("ls-tree", index).replace(first, inner.commit()) + "\n"
    candidate = own.git("commit-tree", own.git("mktree", stdin=tree.encode()), "-p", "main", "-m", "x")
    own.move(own.state, candidate)
    assert own.git("-C", "inner", "rev-parse", "HEAD") == first
    assert own.git("status", "--porcelain") == "M inner"
    assert own.git("diff", "--submodule=short", "--name-only") == "inner"


def test_a_sparse_checkout_stays_sparse(own: OwnRepository) -> None:
    own.git("sparse-checkout", "set", "--no-cone", "/*", "!lib/")
    assert not (own.folder / "lib/c.py").exists()
    own.accept({"lib/c.py": "c = 2\n", "a.py": "a = 2\n"})
    assert not (own.folder / "lib/c.py").exists()
    assert own.git("status", "--porcelain") == ""
