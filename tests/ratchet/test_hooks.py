"""Do hooks come and go without touching anybody else's, leave evidence of each run, and stop a rejected push?"""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.ratchet.hookplace import HOOKS, find_place, write_script
from agentkit.ratchet.hookrecord import append_event, read_events
from agentkit.ratchet.hookrun import run_hook
from agentkit.ratchet.hooks import install_hooks, remove_hooks
from agentkit.ratchet.outcomes import FAIL
from agentkit.ratchet.ownfolder import own_folder
from tests.conftest import Run
from tests.ratchet.filing import SHOP, TESTS, copy_repository, file_verdict
from tests.ratchet.ownrepository import OwnRepository

ONE, TWO = TESTS
NOW = 1795716000.0


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> OwnRepository:
    return OwnRepository(tmp_path_factory.mktemp("template") / "own", SHOP)


@pytest.fixture
def own(template: OwnRepository, tmp_path: Path) -> OwnRepository:
    return copy_repository(template, tmp_path / "own")


@pytest.fixture
def pushing(own: OwnRepository, tmp_path: Path) -> OwnRepository:
    """Return a repository with a baseline, hooks, and somewhere to push to."""
    own.found(TESTS)
    install(own)
    own.git("init", "-q", "--bare", str(tmp_path / "origin"))
    own.git("remote", "add", "origin", str(tmp_path / "origin"))
    return own


def install(own: OwnRepository, *, is_dry: bool = False) -> list[str]:
    return install_hooks(str(own.folder), own.environ, now=NOW, is_dry=is_dry)


def remove(own: OwnRepository, *, is_dry: bool = False) -> list[str]:
    return remove_hooks(str(own.folder), own.environ, now=NOW, is_dry=is_dry)


def events(own: OwnRepository) -> list[dict[str, object]]:
    return read_events(own.repository)[0]


def look_at(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (stat.S_IMODE(path.stat().st_mode), path.read_bytes()) for path in folder.iterdir()}


def test_doing_it_twice_is_doing_it_once(own: OwnRepository) -> None:
    folder = own.folder / ".git/hooks"
    before = look_at(folder)
    assert [line.split(":")[0] for line in install(own)] == [f"installed {hook}" for hook in HOOKS]
    after = look_at(folder)
    assert {name: after[name] for name in after.keys() - before.keys()} == {
        hook: (0o755, write_script(hook)) for hook in HOOKS
    }
    written = events(own)
    assert [line.split(":")[0] for line in install(own)] == [f"{hook} is installed" for hook in HOOKS]
    assert (look_at(folder), events(own)) == (after, written)
    assert [event["event"] for event in written] == ["installed"]


def test_a_dry_run_says_the_same_and_does_nothing(own: OwnRepository) -> None:
    would = install(own, is_dry=True)
    assert not (own.folder / ".git/hooks/pre-commit").exists()
    assert events(own) == []
    assert [line.replace("would install", "installed") for line in would] == install(own)
    assert remove(own, is_dry=True) == [f"would remove {hook}" for hook in HOOKS]
    assert (own.folder / ".git/hooks/pre-push").exists()


def test_what_was_installed_is_taken_away_and_no_more(own: OwnRepository) -> None:
    before = look_at(own.folder / ".git/hooks")
    install(own)
    assert remove(own) == [f"removed {hook}" for hook in HOOKS]
    assert look_at(own.folder / ".git/hooks") == before
    assert remove(own) == []
    assert [event["event"] for event in events(own)] == ["installed", "removed"]


@pytest.mark.parametrize("make", [
    lambda path: path.write_text("#!/bin/sh\nexit 0\n"),
    lambda path: path.write_text("#!/bin/sh\n# agentkit ratchet hook run pre-push\n"),
    lambda path: path.symlink_to("/bin/true"),
    lambda path: path.write_bytes(b"\xff\0"),
])  # fmt: skip
def test_a_hook_of_somebody_else_is_never_touched(own: OwnRepository, make: Callable[[Path], None]) -> None:
    path = own.folder / ".git/hooks/pre-push"
    make(path)
    before = look_at(path.parent)
    with pytest.raises(AgentkitError, match="hook of somebody else; nothing was installed") as raised:
        install(own)
    assert raised.value.status == Exit.REFUSED
    assert 'agentkit ratchet hook run pre-push "$@" || exit 1' in str(raised.value.hint)
    assert (look_at(path.parent), events(own)) == (before, [])
    assert remove(own) == []
    assert look_at(path.parent) == before


def test_one_that_calls_us_is_left_and_counts(own: OwnRepository) -> None:
    path = own.folder / ".git/hooks/pre-push"
    path.write_text('#!/bin/sh\nagentkit ratchet hook run pre-push "$@" || exit 1\n')
    with pytest.raises(AgentkitError, match="not executable") as raised:
        install(own)
    assert raised.value.hint == f"chmod +x {path}"
    path.chmod(0o755)
    before = path.read_bytes()
    assert install(own)[2].startswith("pre-push calls us: ")
    assert path.read_bytes() == before
    assert remove(own)[-1] == f"{path} still calls us: take that line out"
    assert path.read_bytes() == before


def test_one_of_ours_from_another_python_is_brought_up_to_date(own: OwnRepository) -> None:
    install(own)
    path = own.folder / ".git/hooks/pre-commit"
    path.write_bytes(path.read_bytes().replace(b"python", b"oldpython"))
    assert install(own)[0].startswith("installed pre-commit: ")
    assert path.read_bytes() == write_script("pre-commit")


def test_the_folder_that_core_hookspath_names_is_used(own: OwnRepository) -> None:
    own.git("config", "core.hooksPath", "tools/hooks")
    install(own)
    assert (own.folder / "tools/hooks/pre-push").exists()
    assert not (own.folder / ".git/hooks/pre-push").exists()
    assert find_place(own.repository).scope == "local"


def test_a_folder_that_other_repositories_share_is_refused(own: OwnRepository, tmp_path: Path) -> None:
    own.git("config", "--global", "core.hooksPath", str(tmp_path / "shared"))
    with pytest.raises(AgentkitError, match="run in other repositories as well") as raised:
        install(own)
    assert raised.value.status == Exit.REFUSED
    assert not (tmp_path / "shared").exists()


def test_a_work_tree_beside_has_the_same_hooks(own: OwnRepository, tmp_path: Path) -> None:
    install(own)
    own.git("worktree", "add", "-q", str(tmp_path / "beside"))
    beside = tmp_path / "beside"
    told = install_hooks(str(beside), own.environ, now=NOW, is_dry=False)
    assert all(" is installed: " in line for line in told)
    (beside / "shop.py").write_text("beside\n")
    own.git("commit", "-qam", "beside", cwd=beside)
    assert events(own)[-1]["tree"] == own.git("rev-parse", "HEAD^{tree}", cwd=beside)


def test_a_bare_repository_has_no_hooks_of_ours(own: OwnRepository, tmp_path: Path) -> None:
    own.git("clone", "-q", "--bare", ".", str(tmp_path / "bare"))
    with pytest.raises(AgentkitError, match="bare repository") as raised:
        install_hooks(str(tmp_path / "bare"), own.environ, now=NOW, is_dry=False)
    assert raised.value.status == Exit.UNAVAILABLE


def test_each_commit_leaves_the_tree_that_it_has(own: OwnRepository) -> None:
    install(own)
    for words in (("-am", "all"), ("shop.py", "-m", "one"), ("--amend", "-am", "again")):
        own.write({"shop.py": f"{words}\n", "other.py": "not added\n"})
        own.git("commit", "-q", *words)
        event = events(own)[-1]
        assert (event["hook"], event["tree"]) == ("pre-commit", own.git("rev-parse", "HEAD^{tree}"))
    assert event["parents"] == own.git("rev-parse", "HEAD^").split()


def test_a_merge_leaves_evidence_too(own: OwnRepository) -> None:
    install(own)
    own.git("switch", "-qc", "side")
    own.git("commit", "-q", "--allow-empty", "-m", "side")
    own.git("switch", "-q", "main")
    own.write({"shop.py": "main\n"})
    own.git("commit", "-qam", "main")
    own.git("merge", "-q", "side", "-m", "both")
    event = events(own)[-1]
    assert (event["hook"], event["tree"]) == ("pre-merge-commit", own.git("rev-parse", "HEAD^{tree}"))


def test_a_commit_is_never_stopped(own: OwnRepository) -> None:
    install(own)
    folder = Path(own_folder(own.repository))
    (folder / "hooks").unlink()
    (folder / "hooks").mkdir()
    own.write({"shop.py": "x\n"})
    own.git("commit", "-qam", "more")
    assert own.git("log", "-1", "--format=%s") == "more"


def test_a_commit_goes_on_where_our_python_is_gone(own: OwnRepository) -> None:
    install(own)
    path = own.folder / ".git/hooks/pre-commit"
    path.write_text(path.read_text().replace("/bin/python", "/bin/nopython"))
    own.write({"shop.py": "x\n"})
    own.git("commit", "-qam", "more")
    push = own.folder / ".git/hooks/pre-push"
    push.write_text(push.read_text().replace("/bin/python", "/bin/nopython"))
    own.git("remote", "add", "origin", str(own.folder.parent / "origin"))
    own.git("init", "-q", "--bare", str(own.folder.parent / "origin"))
    own.git("push", "-q", "origin", "main", check=False)
    assert own.git("ls-remote", "origin") == ""


def test_a_push_is_judged_and_a_rejected_one_is_stopped(pushing: OwnRepository, agentkit: Run) -> None:
    pushing.write({"shop.py": "def total(items):\n    return 4\n"})
    pushing.git("commit", "-qam", "worse")
    worse = pushing.commit()
    pushing.git("push", "-q", "origin", "main", check=False)
    assert pushing.git("ls-remote", "origin") == ""
    started, ended = events(pushing)[-2:]
    assert (started["event"], ended["event"], ended["answer"]) == ("started", "ended", "refused")
    [pushed] = ended["pushed"]
    assert (pushed["ref"], pushed["commit"], pushed["answer"]) == ("refs/heads/main", worse, "reject")
    ended = agentkit("ratchet", "log", "--json", cwd=pushing.folder)
    assert [json.loads(line)["candidate"] for line in ended.stdout.splitlines()] == [worse]


def test_what_was_judged_already_is_not_judged_again(pushing: OwnRepository) -> None:
    pushing.git("commit", "-q", "--allow-empty", "-m", "more")
    verdict = file_verdict(pushing, pushing.commit(), TESTS)
    pushing.git("push", "-q", "origin", "main")
    [pushed] = events(pushing)[-1]["pushed"]
    assert (pushed["answer"], pushed["verdict"]) == ("accept", verdict)


def test_the_newest_verdict_counts(pushing: OwnRepository) -> None:
    pushing.git("commit", "-q", "--allow-empty", "-m", "more")
    file_verdict(pushing, pushing.commit(), TESTS)
    file_verdict(pushing, pushing.commit(), {ONE: FAIL, TWO: FAIL})
    pushing.git("push", "-q", "origin", "main", check=False)
    assert pushing.git("ls-remote", "origin") == ""


def test_another_branch_is_not_judged_unless_it_was_rejected(pushing: OwnRepository) -> None:
    pushing.git("switch", "-qc", "idea")
    pushing.git("commit", "-q", "--allow-empty", "-m", "idea")
    pushing.git("push", "-q", "origin", "idea")
    assert events(pushing)[-1]["pushed"][0]["answer"] == "not judged"
    pushing.git("commit", "-q", "--allow-empty", "-m", "bad idea")
    file_verdict(pushing, pushing.commit(), {})
    pushing.git("push", "-q", "origin", "idea", check=False)
    assert events(pushing)[-1]["answer"] == "refused"


def test_a_verdict_against_what_was_accepted_before_says_nothing_now(pushing: OwnRepository) -> None:
    idea = pushing.make_commit({"other.py": "1\n"})
    file_verdict(pushing, idea, {})
    pushing.accept({"shop.py": "def total(items):\n    return sum(items) + 0\n"})
    pushing.git("push", "-q", "origin", f"{idea}:refs/heads/idea")
    assert events(pushing)[-1]["pushed"][0]["answer"] == "not judged"


def test_what_is_accepted_tags_and_deletions_go_through(pushing: OwnRepository) -> None:
    pushing.git("tag", "-am", "one", "v1")
    pushing.git("tag", "tree", "HEAD^{tree}")
    pushing.git("push", "-q", "origin", "main", "main:other", "v1", "tree")
    pushing.git("push", "-q", "origin", ":other")
    answers = [[one["answer"] for one in event["pushed"]] for event in events(pushing) if event["event"] == "ended"]
    assert [sorted(one) for one in answers] == [["accepted", "accepted", "accepted", "not judged"], ["deleted"]]


def test_without_a_baseline_nothing_is_stopped(own: OwnRepository) -> None:
    install(own)
    own.git("init", "-q", "--bare", str(own.folder.parent / "origin"))
    own.git("push", "-q", str(own.folder.parent / "origin"), "main")
    assert events(own)[-1]["pushed"][0]["answer"] == "no baseline"


def test_with_a_lost_baseline_nothing_is_pushed(pushing: OwnRepository) -> None:
    pushing.git("update-ref", "-d", "refs/agentkit/ratchet")
    pushing.git("push", "-q", "origin", "main", check=False)
    assert pushing.git("ls-remote", "origin") == ""
    assert "is lost" in str(events(pushing)[-1]["why"])


def test_a_password_in_an_address_is_not_kept(own: OwnRepository) -> None:
    run_hook(str(own.folder), own.environ, "pre-push", ["https://ann:pw@example.org/x"], b"", now=NOW)
    assert [event["remote"] for event in events(own)] == ["https://example.org/x"] * 2


@pytest.mark.parametrize("stdin", [b"\xff\n", b"a b\n", b"\n\n", b"a b c d e\n"])
def test_what_git_never_writes_stops_nothing(own: OwnRepository, stdin: bytes) -> None:
    assert run_hook(str(own.folder), own.environ, "pre-push", ["origin", "x"], stdin, now=NOW) == Exit.OK


def test_a_hook_that_there_is_not_is_a_wrong_word(own: OwnRepository) -> None:
    with pytest.raises(AgentkitError, match="there is no hook") as raised:
        run_hook(str(own.folder), own.environ, "post-\x1b[m", [], b"", now=NOW)
    assert raised.value.status == Exit.USAGE


def test_a_line_that_was_torn_hides_no_other(own: OwnRepository) -> None:
    append_event(own.repository, "ended", {"number": 1}, NOW)
    with open(f"{own_folder(own.repository)}/hooks", "ab") as file:
        file.write(b'\n{"v": 1, "eve')
    append_event(own.repository, "ended", {"number": 2}, NOW)
    found, faults = read_events(own.repository)
    assert ([event["number"] for event in found], faults) == ([1, 2], 1)
    assert stat.S_IMODE(os.stat(f"{own_folder(own.repository)}/hooks").st_mode) == 0o600
