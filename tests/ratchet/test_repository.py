"""Is a repository found from wherever it is asked for, and is it told when one cannot be worked in?"""

import os
import re
import shutil
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.repository import (
    demand_branch,
    demand_quiet,
    demand_work_tree,
    find_repository,
    list_work_trees,
    read_head,
)
from tests.ratchet.ownrepository import OwnRepository


@pytest.fixture
def own(tmp_path: Path) -> OwnRepository:
    return OwnRepository(tmp_path / "own")


def test_a_repository_is_found_from_a_folder_inside_it(own: OwnRepository) -> None:
    found = find_repository(str(own.folder / "lib"), own.environ)
    assert (found.root, found.git_dir) == (str(own.folder), str(own.folder / ".git"))
    assert found.common_dir == found.git_dir


def test_a_linked_work_tree_shares_what_is_common(own: OwnRepository, tmp_path: Path) -> None:
    own.git("worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"))
    found = find_repository(str(tmp_path / "linked"), own.environ)
    assert found.root == str(tmp_path / "linked")
    assert found.common_dir == str(own.folder / ".git")
    assert found.git_dir == str(own.folder / ".git/worktrees/linked")
    assert sorted(list_work_trees(found)) == [(str(tmp_path / "linked"), "refs/heads/other"),
                                              (str(own.folder), "refs/heads/main")]  # fmt: skip


def test_a_submodule_is_a_repository_of_its_own(own: OwnRepository, tmp_path: Path) -> None:
    outer = OwnRepository(tmp_path / "outer")
    outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(own.folder), "inner")
    found = find_repository(str(outer.folder / "inner"), own.environ)
    assert found.root == str(outer.folder / "inner")
    assert found.common_dir == str(outer.folder / ".git/modules/inner")
    assert demand_branch(found)[1] == own.commit()


def test_where_there_is_no_repository_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(AgentkitError, match="lies in no git repository") as caught:
        find_repository(str(tmp_path), os.environ)
    assert caught.value.status == Exit.UNAVAILABLE
    with pytest.raises(AgentkitError, match="no such folder"):
        find_repository(str(tmp_path / "nowhere"), os.environ)


def test_a_bare_repository_has_no_work_tree(own: OwnRepository, tmp_path: Path) -> None:
    own.git("clone", "-q", "--bare", str(own.folder), str(tmp_path / "bare.git"))
    found = find_repository(str(tmp_path / "bare.git"), own.environ)
    assert (found.root, found.git_dir) == ("", str(tmp_path / "bare.git"))
    with pytest.raises(AgentkitError, match="is a bare repository") as caught:
        demand_work_tree(found)
    assert caught.value.status == Exit.UNAVAILABLE


def test_the_git_folder_itself_is_no_place_to_work_in(own: OwnRepository) -> None:
    with pytest.raises(AgentkitError, match="lies in a git folder"):
        find_repository(str(own.folder / ".git"), own.environ)


def test_a_repository_of_another_user_is_refused_with_the_word_that_trusts_it(own: OwnRepository) -> None:
    # Git has a switch for its own tests of this; nobody but root could give a file away.
    shim = own.folder.parent / "bin/git"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec "{shutil.which("git")}" "$@"\n')
    shim.chmod(0o755)
    with pytest.raises(AgentkitError, match="belongs to another user") as caught:
        find_repository(str(own.folder), {**own.environ, "PATH": str(shim.parent)})
    assert caught.value.status == Exit.REFUSED
    assert "safe.directory" in (caught.value.hint or "")


def test_a_detached_head_names_no_branch(own: OwnRepository) -> None:
    own.git("checkout", "-q", "--detach")
    assert read_head(own.repository) == ("", own.commit())
    with pytest.raises(AgentkitError, match="HEAD is detached") as caught:
        demand_branch(own.repository)
    assert caught.value.status == Exit.REFUSED


def test_a_branch_without_a_commit_is_told(own: OwnRepository) -> None:
    own.git("switch", "-q", "--orphan", "empty")
    with pytest.raises(AgentkitError, match=re.escape("empty has no commit yet")) as caught:
        demand_branch(own.repository)
    assert caught.value.status == Exit.UNAVAILABLE


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("merge", "other"), "a merge"),
        (("rebase", "other"), "a rebase"),
        (("cherry-pick", "other"), "a cherry-pick"),
        (("revert", "--no-edit", "HEAD~1"), "a revert"),
    ],
)
def test_what_is_under_way_is_named(own: OwnRepository, words: tuple[str, ...], what: str) -> None:
    own.git("checkout", "-q", "-b", "other")
    own.write({"a.py": "a = 2\n"})
    own.git("commit", "-qam", "other")
    own.git("checkout", "-q", "main")
    for number in (3, 4):
        own.write({"a.py": f"a = {number}\n"})
        own.git("commit", "-qam", "mine")
    demand_quiet(own.repository)
    own.git(*words, check=False)
    with pytest.raises(AgentkitError, match=f"{what}.* is in progress") as caught:
        demand_quiet(own.repository)
    assert caught.value.status == Exit.REFUSED
    assert "--abort" in (caught.value.hint or "")


def test_a_failure_of_git_gets_the_status_of_its_reason(own: OwnRepository) -> None:
    (own.folder / ".git/index.lock").touch()
    with pytest.raises(AgentkitError) as caught:
        own.repository.git("add", "-A")
    assert caught.value.status == Exit.TRY_LATER
    with pytest.raises(AgentkitError) as caught:
        own.repository.git("cat-file", "-p", "main:nothing")
    assert caught.value.status == Exit.UNAVAILABLE
    blob = own.git("rev-parse", "main:a.py")
    path = own.folder / ".git/objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.write_bytes(b"rotten")
    with pytest.raises(AgentkitError) as caught:
        own.repository.git("cat-file", "-p", blob)
    assert caught.value.status == Exit.BAD_DATA
