"""What a proposer left is filed by our git: nothing of it runs then, nobody pays twice, and no name in it decides."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.ourselves import call_ourselves
from agentkit.core.program import Ended
from agentkit.core.repo.repository import find_repository, tell_failure
from agentkit.evolve import stall as stalls
from tests.evolve.machine import GOOD, JOB, Machine

LIMIT_S = 120
# Whoever is root reads what is closed, but for this.
POWERLESS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
# As a proposer may leave the folder of a submodule: a repository that looks like the one of the base, but for a file.
HOSTILE = """cd sub && git init -q . && echo one > file && git add file
echo '* filter=x' > .git/info/attributes
git config filter.x.clean 'sh -c "touch {place}; cat"'
echo {commit} > .git/HEAD
sleep 0.1; echo two > file; cd ..; echo '# more' >> job.sh"""
PAID = """echo '{"cost_usd": 1.5}' > "$AGENTKIT_USAGE"; """


def list_rows(machine: Machine) -> list[dict[str, object]]:
    return machine.ask("log", "--all")[1]


@pytest.fixture
def other_disk() -> Iterator[Path]:
    """Return a folder in memory, which is another file system than that of the tests."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_a_repository_in_the_place_of_a_submodule_runs_nothing_of_ours(machine: Machine, tmp_path: Path) -> None:
    commit = machine.git("rev-parse", "HEAD")
    machine.git("update-index", "--add", "--cacheinfo", f"160000,{commit},sub")
    (machine.scripts / ".gitmodules").write_text('[submodule "sub"]\n\tpath = sub\n\turl = ./sub\n')
    machine.git("add", ".gitmodules")
    machine.git("commit", "-qm", "with a submodule")
    assert machine.call("ratchet", "accept")[0] == 0
    place = tmp_path / "ran"
    for _ in range(2):  # the second one finds what the first one left
        status, [record] = machine.ask("try", "--propose", HOSTILE.format(place=place, commit=commit))
        assert (status, record["state"]) == (Exit.BAD_DATA, "no-evidence")
        assert "sub is a repository of its own" in str(record["reason"])
    assert machine.ask("try", "--propose", GOOD)[0] == 0
    assert not place.exists()


def test_what_was_unreadable_runs_nothing_once_it_is_opened(machine: Machine, tmp_path: Path) -> None:
    commit = machine.git("rev-parse", "HEAD")
    machine.git("update-index", "--add", "--cacheinfo", f"160000,{commit},sub")
    machine.git("commit", "-qm", "with a submodule")
    assert machine.call("ratchet", "accept")[0] == 0
    place = tmp_path / "ran"
    propose = f"{HOSTILE.format(place=place, commit=commit)}; echo 1 > closed; chmod 0 closed sub"
    call = (*POWERLESS, *call_ourselves("evolve", "try", "--propose", propose))
    ended = subprocess.run(call, cwd=machine.scripts, env=machine.environ, capture_output=True, text=True,
                           timeout=LIMIT_S, check=False)  # fmt: skip
    assert (ended.returncode, place.exists()) == (Exit.BAD_DATA, False), ended.stderr
    assert "sub is a repository of its own" in str(list_rows(machine)[0]["reason"])


def test_what_a_failed_add_took_in_runs_nothing_in_the_second_one(machine: Machine, tmp_path: Path) -> None:
    # So a person may have it, and then an add that fails keeps what it had found until then.
    machine.git("config", "--global", "add.ignoreErrors", "true")
    place = tmp_path / "ran"
    commit = "git -c user.name=a -c user.email=a@b commit -qm one"
    new = f"git init -q -b main new && cd new && echo one > file && git add file && {commit}"
    hostile = HOSTILE.format(place=place, commit="ref: refs/heads/main").removeprefix("cd sub && git init -q . && ")
    status, [record] = machine.ask("try", "--propose", f"git init -q -b main empty; {new} && {hostile}")
    assert (status, place.exists()) == (Exit.BAD_DATA, False)
    assert "new is a repository of its own" in str(record["reason"])


def test_a_repository_of_its_own_is_told_and_the_next_one_finds_nothing_of_it(machine: Machine) -> None:
    inner = "git init -q lib && cd lib && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m one"
    status, [record] = machine.ask("try", "--propose", inner)
    assert (status, record["state"]) == (Exit.BAD_DATA, "no-evidence")
    assert "lib is a repository of its own" in str(record["reason"])
    assert machine.ask("try", "--propose", f"test ! -e lib && {GOOD}")[0] == 0


def test_the_state_folder_may_lie_on_another_disk(machine: Machine, other_disk: Path) -> None:
    assert other_disk.stat().st_dev != machine.scripts.stat().st_dev
    home = other_disk / "home"
    for number in range(2):  # the second base is packed on top of the first one
        propose = f"git log -1 --format=%H > base; echo {number} >> job.sh.notes"
        status, _, stderr = machine.call("evolve", "try", "--propose", propose, environ={"AGENTKIT_HOME": str(home)})
        assert status == 0, stderr
    assert machine.git("show", "HEAD:base") == machine.git("rev-parse", "HEAD~1")


def evolve_on(machine: Machine, disk: Path, option: str, *asked: str) -> tuple[int, str]:
    """Run `agentkit evolve ASKED` with the objects of the repository on a small disk, mounted with an option."""
    words = f"""mkdir -p {disk}; mount -t tmpfs -o size=2m none {disk}; cp -a .git/objects/. {disk}
        mount -o remount,{option} {disk}; mount --bind {disk} .git/objects; "$@" """
    alone = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", words, "sh")
    ended = subprocess.run([*alone, *call_ourselves("evolve", *asked)], cwd=machine.scripts, env=machine.environ,
                           capture_output=True, text=True, timeout=LIMIT_S, check=False)  # fmt: skip
    return ended.returncode, ended.stderr


def test_what_a_full_disk_refused_is_made_again_and_paid_for_twice(machine: Machine, tmp_path: Path) -> None:
    big = f"{PAID} head -c 4000000 /dev/urandom > big; {GOOD}"
    status, stderr = evolve_on(machine, tmp_path / "disk", "rw", "try", "--propose", big)
    assert (status, "cannot be filed" in stderr) == (Exit.CANNOT_WRITE, True), stderr
    [row] = list_rows(machine)
    assert (row["step"], row["cost_usd"]) == ("proposing", 1.5)
    status, records = machine.ask("resume")
    assert (status, records[-1]["state"], records[-1]["cost_usd"]) == (0, "accepted", 3.0)


def test_what_can_never_be_filed_is_given_up(machine: Machine, tmp_path: Path) -> None:
    propose = f"{PAID} echo $$ > unlike; {GOOD}"
    for asked in (("try", "--propose", propose), *[("resume",)] * 4):
        assert evolve_on(machine, tmp_path / "disk", "ro", *asked)[0] == Exit.CANNOT_WRITE
    assert evolve_on(machine, tmp_path / "disk", "ro", "resume")[0] == Exit.BAD_DATA
    [row] = list_rows(machine)
    assert (row["state"], row["cost_usd"]) == ("no-evidence", 7.5)
    assert "begun 5 times" in str(row["reason"])
    assert machine.ask("resume") == (0, [])


def test_what_takes_too_long_to_be_filed_is_too_much(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = find_repository(str(machine.scripts), machine.environ)
    base = machine.git("rev-parse", "HEAD")
    with stalls.open_stall(repository, machine.environ, base) as stall:
        (Path(stall.copy) / "sparse").touch()
        with (Path(stall.copy) / "sparse").open("r+b") as file:
            file.truncate(1 << 40)
        monkeypatch.setattr(stalls, "LIMIT", stalls.LIMIT / 600)
        with pytest.raises(AgentkitError) as refused:
            stall.write_tree()
    assert refused.value.status == Exit.BAD_DATA
    assert refused.value.message == "it is too much to be filed: git add took longer than 1s"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("error: file write error: No space left on device\nfatal: adding files failed", Exit.CANNOT_WRITE),
        ("fatal: unable to write new index file", Exit.CANNOT_WRITE),
        ("error: open(\"a\"): Permission denied\nerror: unable to index file 'a'", Exit.CANNOT_WRITE),
        ("error: 'disk quota/' does not have a commit checked out\nfatal: adding files failed", Exit.UNAVAILABLE),
        ("error: unable to index file 'permission denied'", Exit.UNAVAILABLE),
        ("error: 'no space left on device/' does not have a commit checked out", Exit.UNAVAILABLE),
        ("fatal: Unable to create '/r/.git/index.lock': File exists.\n\nAnother git process", Exit.TRY_LATER),
        ("error: unable to index file \"x.lock': file exists\"", Exit.UNAVAILABLE),
    ],
)  # fmt: skip
def test_what_failed_is_told_by_git_and_the_system_and_by_no_name(said: str, status: int) -> None:
    ended = Ended(argv=("git",), outcome="exited", status=128, signal=None, duration=timedelta(0), stderr=said.encode())
    assert tell_failure("add", ended).status == status


@pytest.mark.parametrize("letter", ["\u2028", "\x85", "\x0c", "\x1e"], ids=lambda one: f"{ord(one):x}")
def test_the_name_of_a_folder_leads_to_no_other_repository(machine: Machine, tmp_path: Path, letter: str) -> None:
    odd = tmp_path / f"x{letter}"
    place = Path(f"{odd}{machine.scripts}")
    place.parent.mkdir(parents=True)
    shutil.copytree(machine.scripts, place, symlinks=True)
    before = machine.look()
    assert find_repository(str(place), machine.environ).root == str(place)
    status, _, stderr = machine.call("evolve", "try", "--propose", GOOD, cwd=place)
    assert status == 0, stderr
    assert (place / "job.sh").read_text() == f"{JOB}# twice as safe\n"
    assert machine.look() == before


def test_a_person_may_forbid_git_to_find_bare_repositories(machine: Machine) -> None:
    for words in (GOOD, "echo '# one more' > notes.sh"):
        assert machine.ask("try", "--propose", words)[0] == 0
    machine.git("config", "--global", "safe.bareRepository", "explicit")
    first = str(list_rows(machine)[-1]["id"])
    assert machine.call("evolve", "revert", first)[0] == 0
    assert (machine.scripts / "job.sh").read_text() == JOB
    assert machine.ask("try", "--propose", GOOD)[0] == 0
