"""Whatever is wrong before a candidate is begun: clear words, the right status, and nothing that moved or was left."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit.core.ourselves import call_ourselves
from tests.evolve.machine import GOOD, JOB, Machine

LIMIT_S = 120
# Root may read and write everything; without these powers it is like anybody else.
POWERLESS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
GOOD_JOB = f"{JOB}# twice as safe\n"


def list_rows(machine: Machine) -> list[tuple[str, str, str]]:
    """Return (step, state, reason) of each row of the archive."""
    if not (machine.home / "evolve.db").exists():
        return []
    connection = sqlite3.connect(machine.home / "evolve.db")
    try:
        return connection.execute("SELECT step, state, reason FROM candidates ORDER BY at").fetchall()
    finally:
        connection.close()


def find_litter(machine: Machine) -> list[str]:
    """Return what is left of candidates: rows and refs."""
    refs = machine.git("for-each-ref", "--format=%(refname)", "refs/agentkit/candidates", check=False)
    return [*map(str, list_rows(machine)), *refs.split()]


def demand_refused(
    machine: Machine, words: tuple[str, ...], status: int, *says: str, cwd: Path | None = None, stdin: str = ""
) -> None:
    """Demand that `evolve try` ends with that status and these words, and that all is as it was."""
    before = machine.look()
    ended, stdout, stderr = machine.call("evolve", "try", *words, stdin=stdin, cwd=cwd)
    assert ended == status, (ended, stdout, stderr)
    assert [word for word in says if word not in stderr] == [], stderr
    assert "Traceback" not in stderr
    assert stdout == ""
    assert machine.look() == before
    assert find_litter(machine) == []


PROPOSE = ("--propose", GOOD)


def test_with_a_baseline_that_is_lost(machine: Machine) -> None:
    for ref in machine.git("for-each-ref", "--format=%(refname)", "refs/agentkit").split():
        machine.git("update-ref", "-d", ref)
    demand_refused(machine, PROPOSE, 65, "is lost", "agentkit ratchet status")


def test_with_a_baseline_that_was_moved_back(machine: Machine) -> None:
    machine.write({"new.txt": "x\n"})
    machine.git("add", "-A")
    machine.git("commit", "-qm", "more")
    assert machine.call("ratchet", "accept")[0] == 0
    machine.git("reset", "-q", "--hard", "HEAD~1")
    demand_refused(machine, PROPOSE, 76, "does not contain the accepted commit", "agentkit ratchet status")


def test_ahead_of_what_is_accepted_the_proposer_is_not_even_asked(machine: Machine) -> None:
    machine.write({"new.txt": "x\n"})
    machine.git("add", "-A")
    machine.git("commit", "-qm", "by hand")
    says = ("main is 1 commit ahead of what is accepted", "agentkit ratchet accept --rev main")
    demand_refused(machine, ("--propose", f"touch {machine.folder}/was-asked"), 77, *says)
    assert not (machine.folder / "was-asked").exists()


@pytest.mark.parametrize(
    ("begin", "what"),
    [
        ("git merge -q side", "a merge"),
        ("git rebase -q side", "a rebase"),
        ("git cherry-pick side", "a cherry-pick"),
        ("git revert --no-edit main~1", "a revert"),
        ("git bisect start -q", "a bisection"),
    ],
)
def test_in_the_middle_of_something(begin: str, what: str, machine: Machine) -> None:
    words = """git checkout -qb side; echo side > README; git commit -qam side
        git checkout -q main; echo main > README; git commit -qam main; echo more > README; git commit -qam more"""
    subprocess.run(["sh", "-ec", words], cwd=machine.scripts, env=machine.environ, check=True, timeout=LIMIT_S)
    assert machine.call("ratchet", "accept")[0] == 0
    subprocess.run(["sh", "-c", begin], cwd=machine.scripts, env=machine.environ, check=False, timeout=LIMIT_S)
    demand_refused(
        machine, PROPOSE, 77, f"{what} is in progress", "--abort" if what != "a bisection" else "bisect reset"
    )


def test_no_repository_and_a_bare_one(machine: Machine) -> None:
    demand_refused(machine, PROPOSE, 69, "lies in no git repository", cwd=machine.folder)
    machine.git("clone", "-q", "--bare", ".", "../bare.git")
    demand_refused(machine, PROPOSE, 69, "is a bare repository", cwd=machine.folder / "bare.git")
    demand_refused(machine, PROPOSE, 69, "lies in a git folder", cwd=machine.scripts / ".git")


def test_without_a_baseline_in_a_repository_without_a_commit(machine: Machine) -> None:
    empty = Machine(machine.folder / "second")
    empty.scripts.mkdir(parents=True)
    empty.git("init", "-q")
    ended, _, stderr = empty.call("evolve", "try", *PROPOSE)
    assert (ended, "agentkit ratchet init" in stderr) == (69, True), stderr
    assert find_litter(empty) == []


def test_a_submodule_whose_git_folder_lies_elsewhere_has_no_baseline(machine: Machine, tmp_path: Path) -> None:
    words = f"git -c protocol.file.allow=always submodule --quiet add {machine.scripts} inner; git commit -qm inner"
    outer = Machine(tmp_path / "outer")
    outer.scripts.mkdir(parents=True)
    outer.git("init", "-q")
    environ = {**outer.environ, "GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x", "GIT_COMMITTER_NAME": "x",
               "GIT_COMMITTER_EMAIL": "x"}  # fmt: skip
    subprocess.run(["sh", "-ec", words], cwd=outer.scripts, env=environ, check=True, timeout=LIMIT_S)
    ended, _, stderr = outer.call("evolve", "try", *PROPOSE, cwd=outer.scripts / "inner")
    assert (ended, "agentkit ratchet init" in stderr) == (69, True), stderr


@pytest.mark.parametrize("words", [("--propose", "x", "--rev", "x"), ("--patch", "x", "--rev", "x"),
                                   ("--propose", "x", "--patch", "-")])  # fmt: skip
def test_two_of_the_options(words: tuple[str, ...], machine: Machine) -> None:
    demand_refused(machine, words, 2, "one of --propose, --patch and --rev")


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("--propose", ""), 2, "no program is named"),
        (("--propose", "  \n "), 2, "no program is named"),
        (("--propose", "no-such-program --fast"), 69, "no-such-program"),
        (("--propose", "./no-such-program"), 69, "/scripts/no-such-program"),
        (("--propose", "./README"), 69, "/scripts/README"),
        (("--propose", "."), 69, "."),
        ((*PROPOSE, "--allow-protected", ""), 2, "say why"),
        ((*PROPOSE, "--allow-protected", " \t"), 2, "say why"),
        (("--patch", "no-such-file"), 65, "no-such-file"),
        (("--patch", "."), 65, "directory"),
        (("--rev", "no-such-rev"), 69, "names no commit"),
        (("--rev", "--output=x"), 69, "names no commit"),
        (("--rev", ""), 69, "names no commit"),
        (("--rev", "HEAD:job.sh"), 69, "names no commit"),
        (("--rev", "HEAD"), 65, "changes nothing"),
        (("--rev", "f" * 40), 69, "names no commit"),
        (("--no-such-option",), 2, "no-such-option"),
        ((*PROPOSE, "and-more"), 2, "and-more"),
    ],
)
def test_words_that_name_nothing(words: tuple[str, ...], status: int, says: str, machine: Machine) -> None:
    demand_refused(machine, words, status, says)


@pytest.mark.parametrize(
    ("patch", "says"),
    [
        ("", "the patch is empty"),
        ("\n \n", "the patch is empty"),
        ("this is no patch\n", "it is no patch"),
        ("--- a/job.sh\n+++ b/job.sh\n@@ -1 +1 @@\n-not there\n+x\n", "the patch does not apply"),
        ("--- a/none.sh\n+++ b/none.sh\n@@ -1 +1 @@\n-x\n+y\n", "the patch does not apply"),
        ("--- /dev/null\n+++ b/../out\n@@ -0,0 +1 @@\n+x\n", "the patch does not apply"),
        ("--- /dev/null\n+++ b/.git/hooks/x\n@@ -0,0 +1 @@\n+x\n", "the patch does not apply"),
        ("\0\1\2" * 100, "the patch does not apply"),
    ],
)
def test_a_patch_that_does_not_apply(patch: str, says: str, machine: Machine) -> None:
    demand_refused(machine, ("--patch", "-"), 65, says, stdin=patch)
    (machine.folder / "patch").write_text(patch)
    demand_refused(machine, ("--patch", str(machine.folder / "patch")), 65, says)


def test_a_patch_the_wrong_way_round_and_one_that_changes_nothing(machine: Machine) -> None:
    (machine.scripts / "job.sh").write_text(GOOD_JOB)
    reverse = machine.git("diff", "-R") + "\n"
    machine.git("checkout", "-q", "job.sh")
    demand_refused(machine, ("--patch", "-"), 65, "the patch does not apply", stdin=reverse)


def test_a_binary_patch_is_a_patch(machine: Machine) -> None:
    (machine.scripts / "picture").write_bytes(bytes(range(256)))
    machine.git("add", "-N", "picture")
    patch = machine.git("diff", "--binary") + "\n\n"
    machine.git("rm", "-q", "--cached", "picture")
    (machine.scripts / "picture").unlink()
    status, [record] = machine.ask("try", "--patch", "-", stdin=patch)
    assert (status, record["state"]) == (0, "accepted")
    assert (machine.scripts / "picture").read_bytes() == bytes(range(256))


def test_a_revision_beside_the_accepted_one_and_one_before_it(machine: Machine) -> None:
    machine.git("checkout", "-q", "--orphan", "beside")
    machine.git("commit", "-qm", "beside")
    machine.git("checkout", "-q", "main")
    demand_refused(machine, ("--rev", "beside"), 77, "does not contain the accepted commit", "git rebase")
    first = machine.git("rev-parse", "HEAD")
    machine.write({"new.txt": "x\n"})
    machine.git("add", "-A")
    machine.git("commit", "-qm", "more")
    assert machine.call("ratchet", "accept")[0] == 0
    demand_refused(machine, ("--rev", first), 65, "is a part of what is accepted already")


def test_an_unreadable_file_is_told(machine: Machine) -> None:
    (machine.folder / "patch").write_text("x")
    (machine.folder / "patch").chmod(0)
    before = machine.look()
    call = call_ourselves("evolve", "try", "--patch", str(machine.folder / "patch"))
    ended = subprocess.run([*POWERLESS, *call], cwd=machine.scripts, env=machine.environ, capture_output=True,
                           timeout=LIMIT_S, check=False)  # fmt: skip
    assert (ended.returncode, b"Permission denied" in ended.stderr) == (65, True), ended.stderr
    assert (machine.look(), find_litter(machine)) == (before, [])


def _spoil(content: bytes) -> Callable[[Machine], None]:
    def spoil(machine: Machine) -> None:
        machine.home.mkdir(exist_ok=True)
        (machine.home / "evolve.db").write_bytes(content)

    return spoil


def _make_newer(machine: Machine) -> None:
    assert machine.call("evolve", "try", *PROPOSE)[0] == 0
    connection = sqlite3.connect(machine.home / "evolve.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def _make_another(machine: Machine) -> None:
    machine.home.mkdir(exist_ok=True)
    connection = sqlite3.connect(machine.home / "evolve.db")
    connection.execute("CREATE TABLE x (y)")
    connection.close()


@pytest.mark.parametrize(
    ("spoil", "status", "says"),
    [
        (_spoil(b"no database at all" * 300), 65, "evolve.db is malformed"),
        (_spoil(b"SQLite format 3\0" + b"\xff" * 8000), 65, "evolve.db is malformed"),
        (_make_another, 65, "it is no archive"),
        (_make_newer, 78, "has version 99"),
    ],
)
def test_an_archive_that_is_none_is_left_alone(
    spoil: Callable[[Machine], None], status: int, says: str, machine: Machine
) -> None:
    spoil(machine)
    before, content = machine.look(), (machine.home / "evolve.db").read_bytes()
    ended, _, stderr = machine.call("evolve", "try", "--propose", "touch more")
    assert (ended, says in stderr, "Traceback" in stderr) == (status, True, False), stderr
    assert machine.look() == before
    assert (machine.home / "evolve.db").read_bytes() == content


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[evolve]\npropose = ['x']\n", "proposer"),
        ("[evolve]\nlimit = 'soon'\n", "limit"),
        ("[evolve\n", "agentkit.toml"),
    ],
)
def test_a_configuration_that_is_wrong(text: str, says: str, machine: Machine) -> None:
    machine.configure(text)
    demand_refused(machine, PROPOSE, 78, says)


def test_a_state_folder_that_cannot_be_written(machine: Machine) -> None:
    shutil.rmtree(machine.home, ignore_errors=True)
    machine.home.mkdir(mode=0o500)
    before = machine.look()
    ended = subprocess.run([*POWERLESS, *call_ourselves("evolve", "try", *PROPOSE)], cwd=machine.scripts,
                           env=machine.environ, capture_output=True, timeout=LIMIT_S, check=False)  # fmt: skip
    assert (ended.returncode, b"evolve.db" in ended.stderr) == (73, True), ended.stderr
    assert (machine.look(), find_litter(machine)) == (before, [])


def test_a_closed_stdout_loses_no_candidate(machine: Machine) -> None:
    call = ["sh", "-c", 'exec "$0" "$@" >&-', *call_ourselves("evolve", "try", *PROPOSE, "--json")]
    ended = subprocess.run(call, cwd=machine.scripts, env=machine.environ, capture_output=True, timeout=LIMIT_S,
                           check=False)  # fmt: skip
    assert (ended.returncode, b"Traceback" in ended.stderr) == (73, False), ended.stderr
    assert [row[:2] for row in list_rows(machine)] == [("done", "accepted")]
    assert (machine.scripts / "job.sh").read_text() == GOOD_JOB
