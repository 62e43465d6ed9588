"""Is everything found that is not as it was left, and nothing where all is well?"""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.objects import Objects
from agentkit.core.schemas import read_schema
from agentkit.ratchet.doctor import examine, print_examination
from agentkit.ratchet.hooks import install_hooks, remove_hooks
from agentkit.ratchet.ownfolder import own_folder
from agentkit.ratchet.sign import Sign
from agentkit.ratchet.state import STATE_REF, read_state, remember_known, write_state
from agentkit.ratchet.verdictlog import VERDICT_REF
from tests.conftest import Run
from tests.ratchet.filing import NOW_S, SHOP, TESTS, copy_repository, file_verdict
from tests.ratchet.ownrepository import OwnRepository

HOOKS = ".git/hooks"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> OwnRepository:
    """Return a repository with two states, two verdicts, hooks, and somewhere to push to."""
    folder = tmp_path_factory.mktemp("doctor")
    own = OwnRepository(folder / "own", SHOP)
    own.found(TESTS)
    file_verdict(own, own.make_commit({"a.py": "1\n"}), TESTS)
    own.accept({"a.py": "2\n"})
    file_verdict(own, own.commit(), TESTS)
    return own


@pytest.fixture
def own(template: OwnRepository, tmp_path: Path) -> OwnRepository:
    made = copy_repository(template, tmp_path / "own")
    # The first second of the clock is before every commit and push of the test.
    install_hooks(str(made.folder), made.environ, now=1.0, is_dry=False)
    return made


@pytest.fixture
def pushing(own: OwnRepository, tmp_path: Path) -> OwnRepository:
    own.git("init", "-q", "--bare", str(tmp_path / "origin"))
    own.git("remote", "add", "origin", str(tmp_path / "origin"))
    return own


def find(own: OwnRepository, now: float = NOW_S) -> list[Sign]:
    return list(examine(own.repository, None, now).signs)


def types(own: OwnRepository, now: float = NOW_S) -> list[str]:
    return [sign.type for sign in find(own, now)]


def commit(own: OwnRepository, *words: str) -> str:
    own.write({"shop.py": f"{len(own.git('log', '--format=%H'))}\n"})
    own.git("commit", "-qam", "more", *words)
    return own.commit()


def test_where_all_is_well_the_status_is_0(own: OwnRepository, agentkit: Run) -> None:
    commit(own)
    ended = agentkit("ratchet", "doctor", cwd=own.folder)
    assert (ended.returncode, ended.stdout, ended.stderr) == (Exit.OK, "all is as it was left\n", "")
    ended = agentkit("ratchet", "doctor", "--json", cwd=own.folder)
    assert (ended.returncode, ended.stdout) == (Exit.OK, "")


def test_what_is_found_is_a_finding_with_the_next_step(own: OwnRepository, capsys: pytest.CaptureFixture[str]) -> None:
    (own.folder / HOOKS / "pre-push").unlink()
    assert print_examination(str(own.folder), own.environ, now=NOW_S, as_json=True) == Exit.FINDINGS
    [record] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    jsonschema.validate(record, read_schema("finding"))
    assert (record["source"], record["type"], record["severity"]) == ("ratchet.doctor", "hook-missing", "warning")
    assert record["evidence"]["next"] == "agentkit ratchet hook install"
    assert print_examination(str(own.folder), own.environ, now=NOW_S, as_json=False) == Exit.FINDINGS
    assert "next: agentkit ratchet hook install\n" in capsys.readouterr().out


def test_the_same_trouble_has_the_same_fingerprint_tomorrow(own: OwnRepository) -> None:
    commit(own, "--no-verify")
    (own.folder / HOOKS / "pre-push").unlink()
    today, tomorrow = find(own), find(own, NOW_S + 86400)
    prints = [[sign.to_finding("h", NOW_S).fingerprint for sign in signs] for signs in (today, tomorrow)]
    assert prints[0] == prints[1]
    assert len(set(prints[0])) == 2


def test_a_commit_past_the_hooks_is_found_and_judging_it_heals(own: OwnRepository) -> None:
    commit(own)
    passed_by = commit(own, "--no-verify")
    [sign] = find(own)
    assert (sign.type, sign.key) == ("commit-unseen", passed_by)
    file_verdict(own, passed_by, {})
    assert find(own) == []


@pytest.mark.parametrize("way", ["config", "amend", "rebase", "plumbing"])
def test_every_way_past_the_hooks_is_found(own: OwnRepository, way: str) -> None:
    seen = commit(own)
    if way == "config":
        own.write({"shop.py": "x\n"})
        own.git("-c", "core.hooksPath=/dev/null", "commit", "-qam", "more")
    elif way == "amend":
        commit(own, "--no-verify", "--amend")
    elif way == "rebase":
        own.git("rebase", "-q", "--exec", "echo y > shop.py && git commit -qanm rebased", "HEAD~1")
    else:
        own.git("update-ref", "HEAD", own.make_commit({"shop.py": "z\n"}, seen))
    assert types(own) == ["commit-unseen"]
    assert [sign.key for sign in find(own)] == [own.commit()]


def test_amended_and_merged_commits_were_seen(own: OwnRepository) -> None:
    own.git("switch", "-qc", "side")
    commit(own)
    own.git("switch", "-q", "main")
    own.write({"b.txt": "b\n"})
    own.git("add", "b.txt")
    own.git("commit", "-qm", "beside")
    own.write({"b.txt": "better\n"})
    own.git("commit", "-qa", "--amend", "-m", "another word")
    own.git("merge", "-q", "side", "-m", "both")
    assert find(own) == []


def test_what_is_contained_in_the_accepted_commit_was_judged_with_it(own: OwnRepository) -> None:
    commit(own, "--no-verify")
    state = own.state
    own.move(state, own.commit())
    assert find(own) == []


def test_what_was_fetched_from_elsewhere_was_made_there(pushing: OwnRepository, tmp_path: Path) -> None:
    pushing.git("push", "-q", "origin", "main")
    pushing.git("clone", "-q", "-b", "main", str(tmp_path / "origin"), str(tmp_path / "theirs"))
    (tmp_path / "theirs/new.txt").write_text("new\n")
    for words in (("add", "."), ("-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qm", "b"), ("push", "-q")):
        pushing.git(*words, cwd=tmp_path / "theirs")
    pushing.git("pull", "-q", "--ff-only", "origin", "main")
    assert (pushing.folder / "new.txt").exists()
    assert find(pushing) == []


def test_after_hooks_were_removed_nobody_expects_them(own: OwnRepository, capsys: pytest.CaptureFixture[str]) -> None:
    remove_hooks(str(own.folder), own.environ, now=2.0, is_dry=False)
    commit(own)
    assert print_examination(str(own.folder), own.environ, now=NOW_S, as_json=False) == Exit.OK
    assert capsys.readouterr().out == "no hooks are installed: agentkit ratchet hook install\n"


def test_installing_again_forgives_nothing(own: OwnRepository) -> None:
    (own.folder / HOOKS / "pre-commit").unlink()
    missed = commit(own)
    install_hooks(str(own.folder), own.environ, now=3.0, is_dry=False)
    assert [sign.key for sign in find(own)] == [missed]


def test_a_push_past_the_hook_is_found_and_is_worse_when_rejected(pushing: OwnRepository) -> None:
    pushed = commit(pushing)
    pushing.git("push", "-q", "--no-verify", "origin", "main")
    [sign] = find(pushing)
    assert (sign.type, sign.severity, sign.evidence["commit"]) == ("push-unseen", "warning", pushed)
    file_verdict(pushing, pushed, {})
    [sign] = find(pushing)
    assert (sign.severity, sign.title) == (
        "critical", f"{pushed[:12]} was pushed to origin/main past the hook, and it was rejected",
    )  # fmt: skip
    file_verdict(pushing, pushed, TESTS)
    assert find(pushing) == []


def test_a_refused_push_that_went_on_without_the_hook_is_found(pushing: OwnRepository) -> None:
    pushed = commit(pushing)
    file_verdict(pushing, pushed, {})
    pushing.git("push", "-q", "origin", "main", check=False)
    assert find(pushing) == []
    pushing.git("push", "-q", "--no-verify", "origin", "main")
    assert types(pushing) == ["push-unseen"]


def test_a_push_that_the_hook_let_through_is_none(pushing: OwnRepository) -> None:
    pushing.git("switch", "-qc", "idea")
    commit(pushing)
    pushing.git("push", "-q", "origin", "idea")
    assert find(pushing) == []


def _chmod(path: Path) -> None:
    path.chmod(0o644)


def _foreign(path: Path) -> None:
    path.write_text("#!/bin/sh\nexit 0\n")


def _edit(path: Path) -> None:
    path.write_text(path.read_text().replace("\n: ", "\nexit 0\n: ", 1))


def _comment(path: Path) -> None:
    path.write_text(path.read_text().replace('"$@"', '"$@" || true', 1))


@pytest.mark.parametrize(
    ("spoil", "type_"),
    [
        (Path.unlink, "hook-missing"),
        (_chmod, "hook-not-executable"),
        (_foreign, "hook-replaced"),
        (_edit, "hook-replaced"),
        (_comment, "hook-replaced"),
    ],
)
def test_a_hook_that_would_not_run_is_named(own: OwnRepository, spoil: Callable[[Path], None], type_: str) -> None:
    path = own.folder / HOOKS / "pre-push"
    spoil(path)
    [sign] = find(own)
    assert (sign.type, sign.subject) == (type_, f"file:{path}")


def test_a_hook_whose_python_is_gone_is_broken(own: OwnRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    remove_hooks(str(own.folder), own.environ, now=2.0, is_dry=False)
    with monkeypatch.context() as patch:
        patch.setattr("sys.executable", str(own.folder / "gone/python"))
        install_hooks(str(own.folder), own.environ, now=3.0, is_dry=False)
    assert set(types(own)) == {"hook-broken"}
    install_hooks(str(own.folder), own.environ, now=4.0, is_dry=False)
    assert find(own) == []


@pytest.mark.parametrize("words", [("--local",), ("--global",)])
def test_hooks_that_are_taken_from_elsewhere_are_told_once(own: OwnRepository, words: tuple[str, ...]) -> None:
    own.git("config", *words, "core.hooksPath", "/dev/null")
    [sign] = find(own)
    assert (sign.type, sign.subject) == ("hooks-elsewhere", "file:/dev/null")


def test_a_record_of_the_hooks_with_strange_lines_is_told(own: OwnRepository) -> None:
    with open(f"{own_folder(own.repository)}/hooks", "ab") as file:
        file.write(b"\x00\xff\n")
    assert types(own) == ["hooks-record"]


@pytest.mark.parametrize(
    ("move", "type_"),
    [
        (("update-ref", "-d", STATE_REF), "baseline-lost"),
        (("update-ref", STATE_REF, f"{STATE_REF}~1"), "baseline-moved"),
        (("branch", "-qm", "main", "trunk"), "branch-gone"),
        (("update-ref", "refs/heads/main", "HEAD~1"), "branch-rewritten"),
    ],
)
def test_what_was_moved_by_hand_is_found(own: OwnRepository, move: tuple[str, ...], type_: str) -> None:
    own.git(*move)
    assert type_ in types(own)


def test_a_state_that_does_not_follow_is_found(own: OwnRepository) -> None:
    state = own.state
    forged = own.git(
        "commit-tree", f"{state.commit}^{{tree}}", "-p", own.commit("HEAD~1"), "-p", own.commit(), "-m", "x"
    )
    own.git("update-ref", STATE_REF, forged)
    remember_known(own.repository, forged)
    [sign] = find(own)
    assert (sign.type, sign.title) == (
        "state-broken", f"the state {own.commit('HEAD~1')[:12]}: it has no about.json",
    )  # fmt: skip


def test_a_chain_whose_numbers_jump_is_found(own: OwnRepository) -> None:
    state = own.state
    jumped = write_state(
        own.repository, replace(state, number=6), state.accepted, state.branch, TESTS, (), (), {}, at_s=1
    )  # fmt: skip
    own.git("update-ref", STATE_REF, jumped)
    remember_known(own.repository, jumped)
    first, second = (sign.title for sign in find(own))
    assert first == f"the state {state.commit[:12]}: about.json does not say that it is number 6"
    assert second.endswith("about.json does not say that it is number 5")


def test_a_chain_that_was_cut_is_found(own: OwnRepository) -> None:
    state = own.state
    objects = Objects(own.repository)
    cut = objects.commit(own.git("rev-parse", f"{state.commit}^{{tree}}"), [state.accepted], "cut", 1)
    objects.write()
    own.git("update-ref", STATE_REF, cut)
    remember_known(own.repository, cut)
    assert types(own) == ["baseline-unreadable"]


def test_a_broken_verdict_is_found_and_named(own: OwnRepository) -> None:
    objects = Objects(own.repository)
    tree = objects.tree({"verdict.json": b"{"})
    broken = objects.commit(tree, [own.commit(VERDICT_REF), own.commit()], "by hand", 1)
    objects.write()
    own.git("update-ref", VERDICT_REF, broken)
    [sign] = find(own)
    assert (sign.type, sign.key) == ("verdict-broken", broken)


def test_an_object_that_is_gone_is_found(own: OwnRepository) -> None:
    blob = own.git("rev-parse", f"{VERDICT_REF}:outcomes")
    (own.folder / f".git/objects/{blob[:2]}/{blob[2:]}").unlink()
    signs = {sign.type: sign for sign in find(own)}
    assert blob in signs["objects-missing"].title


@pytest.mark.parametrize("name", ["index", "HEAD", "refs/heads/main", STATE_REF, "packed-refs"])
def test_a_lock_that_stayed_is_found_and_one_at_work_is_not(own: OwnRepository, name: str) -> None:
    path = own.folder / f".git/{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    os.utime(path, (NOW_S - 30, NOW_S - 30))
    assert find(own) == []
    [sign] = find(own, NOW_S + 3600)
    assert (sign.type, sign.subject) == ("lock-stale", f"file:{path}")


@pytest.mark.parametrize(
    ("settings", "type_"),
    [
        ('python = "nowhere/python"', "interpreter-missing"),
        ('command = ["no-such-runner", "{report}"]', "runner-missing"),
        ('holdout = "/nowhere"', "holdout-missing"),
        ('colour = "teal"', "settings"),
    ],
)
def test_what_would_keep_a_candidate_from_being_judged_is_found(own: OwnRepository, settings: str, type_: str) -> None:
    own.accept({"agentkit.toml": f"[ratchet]\n{settings}\n"})
    assert types(own) == [type_]


def test_without_a_baseline_the_rest_is_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = OwnRepository(tmp_path / "new", SHOP)
    assert print_examination(str(own.folder), own.environ, now=NOW_S, as_json=False) == Exit.OK
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "this repository has no accepted state: agentkit ratchet init",
        "no hooks are installed: agentkit ratchet hook install",
    ]
    install_hooks(str(own.folder), own.environ, now=1.0, is_dry=False)
    commit(own, "--no-verify")
    assert types(own) == ["commit-unseen"]


def test_a_bare_repository_and_an_empty_one_are_looked_at(own: OwnRepository, tmp_path: Path) -> None:
    own.git("clone", "-q", "--mirror", ".", str(tmp_path / "bare"))
    bare = OwnRepository.__new__(OwnRepository)
    bare.folder, bare.environ = tmp_path / "bare", own.environ
    assert read_state(bare.repository).number == 2
    assert find(bare) == []
    own.git("init", "-q", str(tmp_path / "empty"))
    assert print_examination(str(tmp_path / "empty"), own.environ, now=NOW_S, as_json=False) == Exit.OK


def test_a_folder_that_is_no_repository_is_unavailable(own: OwnRepository, tmp_path: Path) -> None:
    with pytest.raises(AgentkitError) as raised:
        print_examination(str(tmp_path), own.environ, now=NOW_S, as_json=False)
    assert raised.value.status == Exit.UNAVAILABLE


def test_many_of_one_type_are_cut_for_a_person_and_not_for_a_program(
    own: OwnRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(12):
        own.git("commit", "-q", "--allow-empty", "--no-verify", "-m", "more")
    print_examination(str(own.folder), own.environ, now=NOW_S, as_json=False)
    assert "and 2 more of commit-unseen, which --json has\n" in capsys.readouterr().out
    print_examination(str(own.folder), own.environ, now=NOW_S, as_json=True)
    assert len(capsys.readouterr().out.splitlines()) == 12
