"""Does a candidate become the commit that a person means, and is nothing else touched by that?"""

import os
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.commits import take_patch, take_rev
from agentkit.ratchet.snapshot import take_work_tree
from tests.ratchet.ownrepository import OwnRepository


@pytest.fixture
def own(tmp_path: Path) -> OwnRepository:
    return OwnRepository(tmp_path / "own")


def test_a_revision_is_its_commit(own: OwnRepository) -> None:
    own.git("tag", "-a", "-m", "x", "v1")
    assert take_rev(own.repository, "v1") == take_rev(own.repository, "HEAD") == own.commit()


@pytest.mark.parametrize("rev", ["nonsense", "--all", "-h", "", "main:a.py", "main..main", "a\nb"])
def test_what_names_no_commit_is_told(own: OwnRepository, rev: str) -> None:
    with pytest.raises(AgentkitError, match="names no commit") as caught:
        take_rev(own.repository, rev)
    assert caught.value.status == Exit.UNAVAILABLE


def test_a_patch_becomes_a_commit_on_its_base_and_nothing_is_touched(own: OwnRepository) -> None:
    patch = own.patch({"a.py": "a = 2\n", "new/x.py": "x\n", "gone.py": None})
    own.write({"a.py": "my own edit\n", "untracked": "mine\n"})
    own.git("add", "a.py")
    before = own.look()
    commit = take_patch(own.repository, own.commit(), patch)
    assert own.look() == before
    assert own.find_litter() == []
    assert own.git("diff", "--name-status", "main", commit) == "M\ta.py\nD\tgone.py\nA\tnew/x.py"
    assert own.git("log", "-1", "--format=%an|%P", commit) == f"a person|{own.commit()}"


def test_a_patch_that_came_by_mail_keeps_its_subject(own: OwnRepository) -> None:
    own.git("branch", "side", own.make_commit({"a.py": "a = 2\n"}))
    mail = own.git("format-patch", "--stdout", "main..side").encode() + b"\n"
    commit = take_patch(own.repository, own.commit(), mail)
    assert own.git("log", "-1", "--format=%s", commit) == "a candidate"
    assert own.git("rev-parse", f"{commit}^{{tree}}") == own.git("rev-parse", "side^{tree}")


def test_a_binary_patch_applies(own: OwnRepository) -> None:
    own.git("checkout", "-q", "-b", "side")
    (own.folder / "blob").write_bytes(bytes(range(256)) * 20)
    own.git("add", "blob")
    own.git("commit", "-qm", "blob")
    patch = own.git("diff", "--binary", "main", "side").encode() + b"\n\n"
    commit = take_patch(own.repository, own.commit("main"), patch)
    assert own.git("rev-parse", f"{commit}^{{tree}}") == own.git("rev-parse", "side^{tree}")


@pytest.mark.parametrize(
    "patch",
    [
        b"not a patch\n",
        b"diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-a = 7\n+a = 2\n",
        b"diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,5 +1 @@\n-a = 1\n",
        b"--- /dev/null\n+++ b/../outside\n@@ -0,0 +1 @@\n+x\n",
        b"--- /dev/null\n+++ b/.git/hooks/pre-commit\n@@ -0,0 +1 @@\n+x\n",
    ],
)
def test_what_does_not_apply_is_bad_data(own: OwnRepository, patch: bytes) -> None:
    before = own.look()
    with pytest.raises(AgentkitError, match="does not apply") as caught:
        take_patch(own.repository, own.commit(), patch)
    assert caught.value.status == Exit.BAD_DATA
    assert own.look() == before


def test_the_work_tree_is_taken_with_what_is_untracked_and_without_what_is_ignored(own: OwnRepository) -> None:
    own.write({"a.py": "a = 2\n", "untracked/x": "mine\n", "key.secret": "secret\n", "b.py": "staged\n"})
    own.git("add", "b.py")
    own.write({"b.py": "and edited\n"})
    (own.folder / "gone.py").unlink()
    (own.folder / "link").symlink_to("a.py")
    before = own.look()
    commit = take_work_tree(own.repository, own.commit())
    assert own.look() == before
    assert own.find_litter() == []
    rows = own.git("diff", "--name-status", "main", commit).splitlines()
    assert rows == ["M\ta.py", "M\tb.py", "D\tgone.py", "A\tlink", "A\tuntracked/x"]
    assert own.git("show", f"{commit}:b.py") == "and edited"


def test_an_unchanged_work_tree_is_the_commit_that_is_checked_out(own: OwnRepository) -> None:
    os.utime(own.folder / "a.py", (1, 1))
    assert take_work_tree(own.repository, own.commit()) == own.commit()


def test_a_work_tree_is_taken_on_top_of_what_is_checked_out(own: OwnRepository) -> None:
    base = own.commit()
    own.write({"a.py": "a = 2\n"})
    own.git("commit", "-qam", "by hand")
    own.write({"b.py": "b = 2\n"})
    commit = take_work_tree(own.repository, base)
    assert own.git("log", "--format=%s", commit).splitlines() == [
        "Take the work tree as it stands", "by hand", "begin",
    ]  # fmt: skip


def test_a_work_tree_that_does_not_contain_the_base_is_refused(own: OwnRepository) -> None:
    other = own.make_commit({"a.py": "a = 5\n"})
    with pytest.raises(AgentkitError, match="does not contain the accepted commit") as caught:
        take_work_tree(own.repository, other)
    assert caught.value.status == Exit.REFUSED


def test_a_work_tree_in_the_middle_of_a_conflict_is_refused(own: OwnRepository) -> None:
    own.git("branch", "side", own.make_commit({"a.py": "theirs\n"}))
    own.write({"a.py": "mine\n"})
    own.git("commit", "-qam", "mine")
    own.git("merge", "-q", "side", check=False)
    before = own.look()
    with pytest.raises(AgentkitError, match=r"a\.py is not merged yet") as caught:
        take_work_tree(own.repository, own.commit())
    assert caught.value.status == Exit.REFUSED
    assert own.look() == before


def test_without_a_name_of_the_person_agentkit_signs(own: OwnRepository) -> None:
    own.git("config", "user.useConfigOnly", "true")
    own.git("config", "--unset", "user.name")
    own.git("config", "--unset", "user.email")
    own.write({"a.py": "a = 2\n"})
    commit = take_work_tree(own.repository, own.commit())
    assert own.git("log", "-1", "--format=%an", commit) == "agentkit"


def test_names_that_are_no_text_are_taken_as_they_are(own: OwnRepository) -> None:
    name = os.fsdecode(b'odd \xff\n"name"\t')
    (own.folder / name).write_text("x\n")
    commit = take_work_tree(own.repository, own.commit())
    assert own.git("ls-tree", "-z", "--name-only", commit).split("\0").count(name) == 1
