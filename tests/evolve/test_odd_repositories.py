"""Repositories that are as a person may have them: what is changed, kept and left alone in each?"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.evolve.machine import BAD, GOOD, JOB, Machine, judged_by_pytest
from tests.evolve.test_bad_input import find_litter, list_rows

LIMIT_S = 120
GOOD_JOB = f"{JOB}# twice as safe\n"


def shell(machine: Machine, words: str, cwd: Path | None = None) -> None:
    """Run words of a shell in the repository, as the person does."""
    subprocess.run(["sh", "-ec", words], cwd=cwd or machine.scripts, env=machine.environ, check=True, timeout=LIMIT_S,
                   capture_output=True)  # fmt: skip


def accept(machine: Machine, words: str) -> None:
    """Let a change of the person be what is accepted."""
    shell(machine, f"{words}\ngit add -A -f . && git commit -qm more")
    status, _, stderr = machine.call("ratchet", "accept")
    assert status == 0, stderr


def demand_kept(machine: Machine, propose: str = GOOD) -> dict[str, object]:
    """Demand that a change passes and is kept; return its record."""
    status, [record] = machine.ask("try", "--propose", propose)
    assert (status, record["state"], record["kept"]) == (0, "accepted", True), record
    return record


def changed(machine: Machine, record: dict[str, object]) -> list[str]:
    """Return what a candidate changed: letter and path in turn."""
    words = ("diff-tree", "-r", "-z", "--name-status", "--no-renames")
    names = machine.git(*words, str(record["base"]), str(record["commit"]))
    return [name for name in names.split("\0") if name]


def test_edits_that_are_not_in_the_way_stay(machine: Machine) -> None:
    shell(machine, "echo edited > README; echo new > new.txt; echo x > x.log; git add new.txt; echo more >> new.txt")
    before = machine.look()
    demand_kept(machine)
    after = machine.look()
    assert {name for name in before if before[name] != after[name]} == {"job.sh", "index", "refs"}
    assert machine.git("status", "--porcelain").split("\n") == ["M README", "AM new.txt"]


def test_edits_that_are_in_the_way_make_it_wait_and_resume_keeps_it_later(machine: Machine) -> None:
    edited = f"{JOB}# by hand\n"
    (machine.scripts / "job.sh").write_text(edited)
    before = machine.look()
    status, [record] = machine.ask("try", "--propose", GOOD)
    assert (status, record["state"], record["step"], record["kept"]) == (77, "proposed", "proposed", False)
    assert "job.sh" in str(record["reason"])
    verdict = record["verdict"]
    assert isinstance(verdict, dict)
    assert verdict["answer"] == "accept"
    assert machine.look() == before
    status, [again] = machine.ask("resume")
    assert (status, again["state"], machine.look()) == (77, "proposed", before)
    machine.git("checkout", "-q", "job.sh")
    status, [record] = machine.ask("resume")
    assert (status, record["state"], record["kept"]) == (0, "accepted", True)
    assert (machine.scripts / "job.sh").read_text() == GOOD_JOB
    assert machine.ask("resume") == (0, [])


def test_edits_in_the_way_of_a_bad_change_do_not_keep_it_from_its_verdict(machine: Machine) -> None:
    (machine.scripts / "job.sh").write_text(f"{JOB}# by hand\n")
    before = machine.look()
    status, [record] = machine.ask("try", "--propose", BAD)
    assert (status, record["state"], machine.look()) == (1, "rejected", before)


@pytest.mark.parametrize("begin", ["git checkout -q --detach", "git checkout -qb other"])
def test_where_another_commit_is_checked_out_the_branch_that_is_held_moves_alone(begin: str, machine: Machine) -> None:
    shell(machine, begin)
    before = machine.look()
    record = demand_kept(machine)
    after = machine.look()
    assert {name for name in before if before[name] != after[name]} == {"refs"}
    assert machine.git("rev-parse", "main") == record["commit"]


def test_in_a_linked_work_tree_the_one_that_has_the_branch_follows(machine: Machine) -> None:
    machine.git("worktree", "add", "-q", "-b", "side", "../linked")
    status, stdout, stderr = machine.call("evolve", "try", "--propose", GOOD, cwd=machine.folder / "linked")
    assert status == 0, (stdout, stderr)
    assert "(on main, which is not checked out here)" in stdout
    assert (machine.scripts / "job.sh").read_text() == GOOD_JOB
    assert machine.git("status", "--porcelain") == ""
    assert (machine.folder / "linked/job.sh").read_text() == JOB


@pytest.mark.parametrize("name", ["with space", "with 'quotes' and $(touch x)", "-dash", "é", "*"])
def test_a_repository_in_a_folder_with_an_odd_name(name: str, machine: Machine) -> None:
    odd = machine.folder / name
    machine.scripts.rename(odd)
    status, stdout, stderr = machine.call("evolve", "try", "--propose", GOOD, cwd=odd)
    assert (status, "Traceback" in stderr) == (0, False), (stdout, stderr)
    assert (odd / "job.sh").read_text() == GOOD_JOB


@pytest.mark.parametrize("name", ["line\nbreak", os.fsdecode(b"odd\xff")])
def test_a_folder_whose_name_can_stand_in_no_record_is_refused_in_clear_words(name: str, machine: Machine) -> None:
    odd = machine.folder / name
    machine.scripts.rename(odd)
    status, stdout, stderr = machine.call("evolve", "try", "--propose", GOOD, cwd=odd)
    assert (status, "line break" in stderr, "Traceback" in stderr) == (69, True, False), (stdout, stderr)
    assert (odd / "job.sh").read_text() == JOB


def test_paths_with_odd_names_modes_and_links(machine: Machine) -> None:
    propose = """printf x > "$(printf 'new\\nline')"; printf x > "$(printf 'tab\\there')";
        printf x > "$(printf 'odd\\377')"
        chmod +x job.sh; ln -s job.sh link; mkdir -p a/b; printf x > a/b/-c; rm README"""
    record = demand_kept(machine, propose)
    assert changed(machine, record) == ["D", "README", "A", "a/b/-c", "M", "job.sh", "A", "link", "A", "new\nline", "A",
                                        os.fsdecode(b"odd\xff"), "A", "tab\there"]  # fmt: skip
    assert os.access(machine.scripts / "job.sh", os.X_OK)
    assert os.readlink(machine.scripts / "link") == "job.sh"
    assert machine.git("status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("prepare", "config"),
    [
        ("printf '*.sh text eol=crlf\\n*.txt ident filter=none\\n' > .gitattributes; printf '$Id$\\n' > id.txt", ""),
        ("printf 'one\\r\\ntwo\\n' > mixed.txt", "core.autocrlf=true"),
        ("printf 'one\\r\\ntwo\\n' > mixed.txt", "core.autocrlf=input"),
        ("printf '*.sh filter=loud\\n' > .gitattributes", "filter.loud.smudge=false"),
        (
            "printf 'job.sh working-tree-encoding=UTF-16\\n' > .gitattributes; rm job.sh; git checkout job.sh",
            "",
        ),
    ],
)
def test_nothing_but_the_change_is_in_the_commit_whatever_git_does_to_files(
    prepare: str, config: str, machine: Machine
) -> None:
    job = "cat-file -p main:job.sh"
    accept(machine, prepare)
    if config:
        machine.git("config", *config.split("="))
    stored = machine.git(*job.split())
    status, [record] = machine.ask("try", "--propose", GOOD)
    assert record["commit"], record
    assert changed(machine, record) == ["M", "job.sh"]
    assert machine.git("show", f"{record['commit']}:job.sh") == f"{stored}\n# twice as safe"
    assert (status, record["state"]) == (0, "accepted"), record


def test_what_is_tracked_and_ignored_is_changed_like_any_other_and_what_is_ignored_alone_stays_out(
    machine: Machine,
) -> None:
    accept(machine, "echo one > kept.log; echo '{}' > usage.json")
    propose = "echo two > kept.log; echo x > other.log; echo '{\"cost_usd\": 3}' > usage.json; rm .gitignore"
    record = demand_kept(machine, f"{propose}; printf '*.log\\n' > .gitignore")
    assert changed(machine, record) == ["M", "kept.log", "M", "usage.json"]
    assert record["cost_usd"] is None


@pytest.mark.parametrize(
    ("propose", "says"),
    [
        ("true", "changed nothing"),
        ("echo x > x.log", "changed nothing"),
        ("mkdir empty", "changed nothing"),
        ("touch job.sh", "changed nothing"),
        ("mkfifo pipe", "changed nothing"),
        ("git commit -q --allow-empty -m mine", "changed nothing"),
        ("exit 1;", "ended with 1"),
        ("kill -9 $$", "ended with"),
        ("no-such-program --fast | cat; exit 127", "ended with 127"),
        (
            "git init -q i; cd i; git -c user.name=x -c user.email=x commit -q --allow-empty -m x",
            "repository of its own",
        ),
        ("git init -q inner; echo x > inner/x", "git cannot take it in"),
        ("rm job.sh; mkfifo job.sh", "git cannot take it in"),
    ],
)
def test_a_proposer_that_leaves_nothing_to_judge(propose: str, says: str, machine: Machine) -> None:
    before = machine.look()
    status, [record] = machine.ask("try", "--propose", propose)
    assert (status, record["state"], record["commit"]) == (65, "no-evidence", None), record
    assert says in str(record["reason"])
    assert machine.look() == before
    assert [row[0] for row in list_rows(machine)] == ["done"]
    assert machine.candidates() == {}


def test_what_a_failing_proposer_left_half_done_is_filed_and_judged_by_nobody(machine: Machine) -> None:
    before = machine.look()
    status, [record] = machine.ask("try", "--propose", f"{GOOD}; exit 3")
    assert (status, record["state"], record["verdict"]) == (65, "no-evidence", None)
    assert "ended with 3" in str(record["reason"])
    assert machine.candidates() == {record["id"]: record["commit"]}
    assert machine.look() == before


def test_a_submodule_stays_as_it_is(machine: Machine) -> None:
    commit = machine.git("rev-parse", "HEAD")
    shell(machine, f"git update-index --add --cacheinfo 160000,{commit},inner && mkdir inner && git commit -qm inner")
    assert machine.call("ratchet", "accept")[0] == 0
    record = demand_kept(machine)
    assert changed(machine, record) == ["M", "job.sh"]


@judged_by_pytest
def test_everything_deleted_is_a_change_that_is_rejected(machine: Machine) -> None:
    before = machine.look()
    status, [record] = machine.ask("try", "--propose", "git rm -rq .")
    assert (record["state"], status) in (("rejected", 1), ("no-evidence", 65)), record
    assert machine.git("ls-tree", str(record["commit"])) == ""
    assert machine.look() == before


def test_a_shallow_clone(machine: Machine) -> None:
    accept(machine, "echo x > x")
    shell(machine, f"git clone -q --depth 1 file://{machine.scripts} ../clone && cd ../clone && "
          "git config user.name x && git config user.email x")  # fmt: skip
    shutil.rmtree(machine.scripts)
    (machine.folder / "clone").rename(machine.scripts)
    assert machine.call("ratchet", "init")[0] == 0
    record = demand_kept(machine)
    assert changed(machine, record) == ["M", "job.sh"]


def test_a_sparse_checkout_stays_sparse(machine: Machine) -> None:
    accept(machine, "mkdir far; echo x > far/x")
    shell(machine, "git sparse-checkout set --no-cone '/*' '!/far/'")
    assert not (machine.scripts / "far").exists()
    record = demand_kept(machine, f"{GOOD}; echo y > far/x")
    assert changed(machine, record) == ["M", "far/x", "M", "job.sh"]
    assert not (machine.scripts / "far").exists()
    assert machine.git("status", "--porcelain") == ""


def test_a_sha256_repository(machine: Machine) -> None:
    shutil.rmtree(machine.scripts / ".git")
    shell(machine, "git init -q -b main --object-format=sha256; git config user.name x; git config user.email x; "
          "git add -A; git commit -qm x")  # fmt: skip
    assert machine.call("ratchet", "init")[0] == 0
    record = demand_kept(machine)
    assert len(str(record["commit"])) == 64


def test_the_lock_of_another_git_makes_it_wait(machine: Machine) -> None:
    (machine.scripts / ".git/index.lock").touch()
    before = machine.look()
    status, [record] = machine.ask("try", "--propose", GOOD)
    assert (status, record["state"]) == (75, "proposed"), record
    assert machine.look() == before
    (machine.scripts / ".git/index.lock").unlink()
    status, [record] = machine.ask("resume")
    assert (status, record["state"]) == (0, "accepted")
    assert find_litter(machine)
