"""Is git run so that nothing of a repository runs with it, nobody is asked, and it ends in time?"""

import os
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.git import demand_git, run_git
from tests.processes import find_by_words

LIMIT = timedelta(seconds=30)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    subprocess.run(["git", "init", "-q", str(folder)], check=True, timeout=60)
    for words in (["user.name", "me"], ["user.email", "me@localhost"]):
        subprocess.run(["git", "-C", str(folder), "config", *words], check=True, timeout=60)
    return folder


def _git(folder: Path, *words: str, **more: str) -> bytes:
    return demand_git(words, environ={**os.environ, **more}, limit=LIMIT, folder=folder)


def test_no_hook_of_a_repository_runs(repository: Path, tmp_path: Path) -> None:
    for name in ("pre-commit", "post-commit", "commit-msg", "reference-transaction"):
        hook = repository / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        hook.chmod(0o755)
    _git(repository, "commit", "--allow-empty", "-qm", "one")
    assert _git(repository, "log", "--format=%s") == b"one\n"
    assert not (tmp_path / "ran").exists()


def test_no_replaced_object_is_believed(repository: Path) -> None:
    _git(repository, "commit", "--allow-empty", "-qm", "true")
    first = _git(repository, "rev-parse", "HEAD").decode().strip()
    _git(repository, "commit", "--allow-empty", "--amend", "-qm", "forged")
    forged = _git(repository, "rev-parse", "HEAD").decode().strip()
    _git(repository, "replace", first, forged)
    assert _git(repository, "log", "-1", "--format=%s", first) == b"true\n"


def test_variables_of_the_caller_lead_git_nowhere_else(repository: Path, tmp_path: Path) -> None:
    strange = {"GIT_DIR": str(tmp_path / "nowhere"), "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "alias.x"}
    strange["GIT_CONFIG_VALUE_0"] = "!touch pwned"
    assert _git(repository, "rev-parse", "--is-inside-work-tree", **strange) == b"true\n"


def test_a_question_is_not_asked_and_a_hanging_remote_ends(repository: Path, tmp_path: Path) -> None:
    hanging = tmp_path / "ssh"
    hanging.write_text("#!/bin/sh\nexec sleep 986\n")
    hanging.chmod(0o755)
    with pytest.raises(AgentkitError, match="git ls-remote took longer than 1s") as caught:
        demand_git(
            ["ls-remote", "ssh://host.invalid/x"],
            environ={**os.environ, "GIT_SSH_COMMAND": str(hanging)}, limit=timedelta(seconds=1), folder=repository,
        )  # fmt: skip
    assert caught.value.status == Exit.TRY_LATER
    assert find_by_words("sleep 986") == []


def test_what_git_says_is_in_the_error(repository: Path) -> None:
    with pytest.raises(AgentkitError, match="git cat-file: fatal: Not a valid object name nonsense") as caught:
        _git(repository, "cat-file", "blob", "nonsense")
    assert caught.value.status == Exit.UNAVAILABLE
    assert run_git(["rev-parse", "--verify", "nonsense"], environ=os.environ, limit=LIMIT, folder=repository).status


def test_without_git_it_says_so(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(AgentkitError, match="git cannot be run") as caught:
        demand_git(["status"], environ={"PATH": str(tmp_path)}, limit=LIMIT, folder=repository)
    assert caught.value.status == Exit.UNAVAILABLE
