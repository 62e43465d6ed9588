"""A copy that was used before, by whomever and for whatever: is it the base again, byte for byte, and nothing later?"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.repository import Repository, find_repository
from agentkit.evolve import stallkeeping
from agentkit.evolve.stall import Stall, open_stall
from tests.conftest import ROOT
from tests.evolve.machine import Machine

LIMIT_S = 60
RICH = {
    "a.txt": "one\n", "b.txt": "two\n", "lib/deep/c.py": "c = 1\n", "lib/d.py": "d = 1\n", "crlf.txt": "a\r\nb\r\n",
    "ident.txt": "$Id$\n", "with space.txt": "x\n", "new\nline.txt": "x\n", "tab\there.txt": "x\n", "é.txt": "x\n",
    ".gitattributes": "*.txt text eol=crlf\nident.txt ident\n*.py filter=none export-ignore\n",
    ".gitignore": "*.log\nlib/d.py\n/build/\n", "usage.json": '{"tracked": true}\n',
}  # fmt: skip


@pytest.fixture
def person(tmp_path: Path) -> Machine:
    """A person's repository whose base is not its last commit: `main` stands one ahead of what a copy is made of."""
    made = Machine(tmp_path)
    made.scripts.mkdir()
    made.git("init", "-q", "-b", "main")
    made.git("config", "user.name", "a person")
    made.git("config", "user.email", "person@example.org")
    made.write({"a.txt": "zero\n"})
    made.git("add", "-A")
    made.git("commit", "-qm", "first")
    made.write(RICH)
    (made.scripts / "run.sh").write_text("#!/bin/sh\n")
    (made.scripts / "run.sh").chmod(0o755)
    (made.scripts / "link").symlink_to("lib/deep")
    (made.scripts / os.fsdecode(b"odd\xff.txt")).write_text("odd\n")
    made.git("add", "-A", "-f")
    made.git("commit", "-qm", "base")
    made.git("tag", "base")
    made.write({"a.txt": "later\n", "later.txt": "the answer\n"})
    made.git("add", "-A")
    made.git("commit", "-qm", "later")
    return made


def open_copy(person: Machine, rev: str = "base") -> ExitStack:
    """Return a stack that holds a stall whose copy is that revision; it is the attribute `stall` of the stack."""
    stack = ExitStack()
    stack.stall = stack.enter_context(open_stall(find(person), person.environ, person.git("rev-parse", rev)))
    return stack


def find(person: Machine) -> Repository:
    return find_repository(str(person.scripts), person.environ)


def read_base(person: Machine, rev: str) -> dict[bytes, tuple[str, bytes]]:
    """Return {path: (mode, content)} of a revision, as git has it."""
    found = {}
    for row in run(person, "git", "ls-tree", "-r", "-z", rev).split(b"\0"):
        if row:
            facts, path = row.split(b"\t", 1)
            mode, kind, name = facts.decode().split(" ")
            found[path] = (mode, run(person, "git", "cat-file", "blob", name) if kind == "blob" else b"")
    return found


def read_copy(copy: str) -> dict[bytes, tuple[str, bytes]]:
    """Return {path: (mode, content)} of all that lies in a copy but its `.git`; an empty folder counts as well."""
    found: dict[bytes, tuple[str, bytes]] = {}
    for folder, folders, files in os.walk(os.fsencode(copy)):
        inside = os.path.relpath(folder, os.fsencode(copy))
        if inside == b".":
            folders[:] = [name for name in folders if name != b".git"]
        for name in [*files, *(one for one in folders if os.path.islink(os.path.join(folder, one)))]:
            path = os.path.join(folder, name)
            key = os.path.normpath(os.path.join(inside, name))
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                found[key] = ("120000", os.readlink(path))
            elif not stat.S_ISREG(mode):
                found[key] = (f"{mode:o}", b"")
            else:
                with open(path, "rb") as file:
                    found[key] = ("100755" if os.stat(path).st_mode & 0o100 else "100644", file.read())
        if not files and not folders:
            found[inside] = ("160000", b"")
    return found


def run(person: Machine, *words: str, cwd: str | None = None) -> bytes:
    ended = subprocess.run(words, cwd=cwd or person.scripts, env=person.environ, capture_output=True, timeout=LIMIT_S,
                           check=False)  # fmt: skip
    assert ended.returncode == 0, (words, ended.stderr.decode())
    return ended.stdout


def find_faults(person: Machine, stall: Stall, rev: str = "base") -> list[str]:
    """Return what is wrong with a copy that should be a revision and no later one."""
    faults = []
    wanted, there = read_base(person, rev), read_copy(stall.copy)
    faults += [f"{path!r}: {there.get(path)} is not {wanted.get(path)}" for path in wanted.keys() | there.keys()
               if wanted.get(path) != there.get(path)]  # fmt: skip
    inside = stall.copy
    status = run(person, "git", "status", "--porcelain", "--ignored", cwd=inside)
    faults += [f"git status in the copy: {status!r}"] if status else []
    log = run(person, "git", "log", "--format=%H", cwd=inside)
    faults += ["the history is another one"] if log != run(person, "git", "log", "--format=%H", rev) else []
    names = run(person, "git", "cat-file", "--batch-all-objects", "--batch-check=%(objectname)", cwd=inside)
    reachable = run(person, "git", "rev-list", "--objects", "--no-object-names", rev)
    more = set(names.split()) - set(reachable.split())
    faults += [f"objects that came later: {more}"] if more else []
    run(person, "git", "fsck", "--strict", cwd=inside)
    faults += [f"not empty: {room}" for room in (stall.home, stall.scratch) if os.listdir(room)]
    faults += [f"beside the rooms: {sorted(os.listdir(stall.room))}"] if len(os.listdir(stall.room)) != 3 else []
    return faults


# What a proposer does to its copy, in the words of a shell; it stands in the copy.
HOSTILE = {
    "changed, its times put back": "t=$(stat -c %Y a.txt); printf 'ONE\\n' > a.txt; touch -d @$t a.txt",
    "changed to something as long": "printf 'ONE\\n' > a.txt; printf 'TWO\\n' > b.txt",
    "deleted": "rm -rf lib a.txt run.sh link",
    "everything deleted": "rm -rf ./* .git*",
    "the copy itself deleted": "cd ..; rm -rf copy",
    "files become folders": "rm a.txt; mkdir -p a.txt/b; echo x > a.txt/b/c",
    "folders become files": "rm -rf lib; echo x > lib",
    "folders become links": "rm -rf lib; mkdir ../elsewhere; ln -s ../elsewhere lib; echo x > lib/d.py",
    "links become folders": "rm link; mkdir link; echo x > link/c.py",
    "files become links": "rm a.txt; ln -s b.txt a.txt; ln -sf /etc/hostname run.sh",
    "modes": "chmod 0777 a.txt lib; chmod 0644 run.sh; chmod 0000 b.txt; chmod 0500 lib/deep",
    "unreadable": "mkdir -p closed/inner; echo x > closed/inner/x; chmod 000 closed/inner closed lib/deep",
    "untracked and ignored": "mkdir -p build/x; echo x > build/x/y; echo x > z.log; echo x > new; mkdir empty",
    "a repository in it": "git init -q inner; cd inner; echo x > x; git add x; git commit -qm x",
    "a tracked folder becomes a repository": "cd lib; git init -q; git add -A; git commit -qm x",
    "its own .git deleted": "rm -rf .git; echo x > a.txt",
    "its own .git replaced": "rm -rf .git; git init -q; git add -A -f; git commit -qm mine; echo x > a.txt",
    "its own .git is a file": "rm -rf .git; echo 'gitdir: /nowhere' > .git",
    "its own .git is closed": "echo x > .git/x; chmod 000 .git",
    "its own index is garbage": "echo garbage > .git/index; echo x > a.txt; touch .git/index.lock",
    "its own history goes on": "echo x > a.txt; git add -A; git commit -qm mine; git checkout -q -b side HEAD~1",
    "hooks, filters and attributes": "printf '#!/bin/sh\\nexit 1\\n' > .git/hooks/pre-commit; "
    "git config core.bare true; "
    "git config filter.none.smudge 'tr a-z A-Z'; echo '* filter=none' > .git/info/attributes",
    "assumed unchanged": "git update-index --assume-unchanged a.txt; git update-index --skip-worktree b.txt; "
    "echo x > a.txt; echo x > b.txt",
    "pipes and sockets": "mkfifo pipe; rm a.txt; mkfifo a.txt",
    "a folder without an end": "i=0; while [ $i -lt 1500 ]; do mkdir d && cd d || exit 1; i=$((i+1)); done; echo x > x",
    "a full home": "echo x > ../home/.profile; mkdir -p ../home/.config/git; printf '[core]\\n\\tfileMode=false\\n' > "
    "../home/.config/git/config; mkdir -p ../scratch/x; chmod 000 ../scratch/x; echo x > ../more",
    "hard links": "ln -f a.txt b.txt; ln crlf.txt other.txt; ln -f run.sh ../run.sh; echo x >> ../run.sh",
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_the_next_copy_is_the_base_whatever_the_last_proposer_left(what: str, person: Machine) -> None:
    with open_copy(person) as stack:
        assert find_faults(person, stack.stall) == []
        environ = {**person.environ, "GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x", "GIT_COMMITTER_NAME": "x",
                   "GIT_COMMITTER_EMAIL": "x"}  # fmt: skip
        subprocess.run(["sh", "-c", HOSTILE[what]], cwd=stack.stall.copy, env=environ, timeout=LIMIT_S, check=True,
                       capture_output=True)  # fmt: skip
        folder = stack.stall.folder
        _takes_in(stack.stall)
    with open_copy(person) as stack:
        assert stack.stall.folder == folder
        assert find_faults(person, stack.stall) == []
    assert run(person, "git", "status", "--porcelain") == b""


def test_a_new_repository_in_the_copy_is_refused_whatever_gitmodules_says(person: Machine) -> None:
    words = "git init -q x && git -C x -c user.name=x -c user.email=x commit -q --allow-empty -m x"
    hide = "printf '[submodule \"x\"]\\n\\tpath = x\\n\\turl = ./x\\n\\tignore = all\\n' > .gitmodules"
    for more in ("true", hide):
        with open_copy(person) as stack:
            subprocess.run(["sh", "-ec", f"{words}; {more}"], cwd=stack.stall.copy, env=person.environ, check=True,
                           timeout=LIMIT_S)  # fmt: skip
            with pytest.raises(AgentkitError, match="x is a repository of its own"):
                stack.stall.write_tree()


def _takes_in(stall: Stall) -> bool:
    try:
        stall.write_tree()
    except AgentkitError as error:
        if error.status != Exit.BAD_DATA:
            raise
        return False
    return True


def test_settings_of_the_person_do_not_blind_the_git_that_puts_it_right(person: Machine) -> None:
    (person.folder / ".gitconfig").write_text(
        "[core]\n\tfileMode = false\n\ttrustctime = false\n\tcheckStat = minimal\n\tignoreStat = true\n"
        "\tsymlinks = false\n"
        "\tautocrlf = true\n\tsafecrlf = true\n\tuntrackedCache = true\n\tsplitIndex = true\n[safe]\n"
        "\tbareRepository = explicit\n[submodule]\n\trecurse = true\n[feature]\n\tmanyFiles = true\n"
    )
    with open_copy(person) as stack:
        there = read_copy(stack.stall.copy)
        assert there == read_base(person, "base")
        words = "t=$(stat -c %Y a.txt); printf 'ONE\\n' > a.txt; touch -d @$t a.txt; chmod 644 run.sh; rm link"
        subprocess.run(["sh", "-c", words], cwd=stack.stall.copy, timeout=LIMIT_S, check=True)
        assert person.git("diff-tree", "-r", "--name-status", "base", stack.stall.write_tree()).split() == [
            "M", "a.txt", "D", "link", "M", "run.sh"]  # fmt: skip
    with open_copy(person) as stack:
        assert read_copy(stack.stall.copy) == read_base(person, "base")


@pytest.mark.parametrize("where", ["copy", "room"])
def test_a_link_in_the_place_of_a_copy_leads_nowhere(where: str, person: Machine, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    shutil.copytree(person.scripts, precious, symlinks=True)
    shutil.copytree(person.scripts, tmp_path / "room/copy", symlinks=True)
    target = precious if where == "copy" else tmp_path / "room"
    before = {path: path.lstat().st_mtime_ns for path in sorted(tmp_path.glob("*/**/*")) if "home" not in path.parts}
    with open_copy(person) as stack:
        shutil.rmtree(stack.stall.copy if where == "copy" else stack.stall.room)
        os.symlink(target, stack.stall.copy if where == "copy" else stack.stall.room)
        assert not _takes_in(stack.stall)
    with open_copy(person) as stack:
        assert find_faults(person, stack.stall) == []
    for path, changed_at in before.items():
        if path.is_relative_to(target):
            assert path.lstat().st_mtime_ns == changed_at, path


def test_a_copy_follows_the_base_and_after_a_rollback_holds_nothing_of_what_came_later(person: Machine) -> None:
    for rev in ("main~2", "base", "main", "base", "main~2", "main"):
        with open_copy(person, rev) as stack:
            assert find_faults(person, stack.stall, rev) == [], rev


def test_many_bases_do_not_pile_up_packs(person: Machine) -> None:
    counts = []
    for number in range(20):
        person.write({"a.txt": f"{number}\n"})
        person.git("commit", "-qam", str(number))
        with open_copy(person, "main") as stack:
            counts.append(len(os.listdir(f"{stack.stall.copy}/.git/objects/pack")) // 2)
    assert max(counts) <= 17
    assert counts[-1] < max(counts)


def test_a_submodule_stays_as_it_is_and_what_was_put_there_goes(person: Machine) -> None:
    commit = person.git("rev-parse", "main~2")
    person.git("update-index", "--add", "--cacheinfo", f"160000,{commit},vendor/module")
    person.git("commit", "-qm", "with a submodule")
    with open_copy(person, "HEAD") as stack:
        assert read_copy(stack.stall.copy)[b"vendor/module"] == ("160000", b"")
        words = "echo x > vendor/module/x; mkdir vendor/module/y; echo new > new.txt"
        subprocess.run(["sh", "-c", words], cwd=stack.stall.copy, timeout=LIMIT_S, check=True)
        tree = stack.stall.write_tree()
        assert person.git("diff-tree", "-r", "--name-only", "HEAD", tree).split() == ["new.txt"]
    with open_copy(person, "HEAD") as stack:
        assert read_copy(stack.stall.copy) == read_base(person, "HEAD")


def test_two_at_once_get_two_stalls_and_the_next_one_gets_one_of_them(person: Machine) -> None:
    with open_copy(person) as first, open_copy(person) as second:
        folders = {first.stall.folder, second.stall.folder}
        assert len(folders) == 2
        assert find_faults(person, second.stall) == []
    with open_copy(person) as third:
        assert third.stall.folder in folders


def test_the_stall_of_a_killed_process_is_used_again(person: Machine) -> None:
    script = (
        "import os, sys; from agentkit.evolve.stall import open_stall; "
        "from agentkit.core.repo.repository import find_repository\n"
        "with open_stall(find_repository(sys.argv[1], os.environ), os.environ, sys.argv[2]) as stall:\n"
        "    open(stall.copy + '/a.txt', 'w').write('half'); open(stall.folder + '/index.lock', 'w').close()\n"
        "    print(stall.folder, flush=True); os.kill(os.getpid(), 9)\n"
    )
    words = [sys.executable, "-c", script, str(person.scripts), person.git("rev-parse", "base")]
    environ = {**person.environ, "PYTHONPATH": str(ROOT)}
    killed = subprocess.run(words, env=environ, capture_output=True, timeout=LIMIT_S, check=False)
    assert killed.returncode == -9, killed.stderr
    with open_copy(person) as stack:
        assert stack.stall.folder == killed.stdout.decode().strip()
        assert find_faults(person, stack.stall) == []


@pytest.mark.parametrize("lost", ["index", "packed", "objects.git/config", "boot", "room", "packs"])
def test_whatever_of_a_stall_is_lost_or_spoilt_is_made_again(lost: str, person: Machine) -> None:
    with open_copy(person) as stack:
        path = Path(stack.stall.folder, lost)
    for spoil in (_remove, _empty):
        spoil(path)
        with open_copy(person) as stack:
            assert find_faults(person, stack.stall) == [], spoil


def _remove(path: Path) -> None:
    stallkeeping.clear(str(path))


def _empty(path: Path) -> None:
    stallkeeping.clear(str(path))
    path.write_text("")


def test_a_stall_that_nobody_used_for_a_week_goes_and_one_in_use_stays(person: Machine) -> None:
    with open_copy(person) as first, open_copy(person) as second, open_copy(person) as third:
        kept, old, held = first.stall.folder, second.stall.folder, third.stall.folder
        second.close()
        first.close()
        week_ago = time.time() - 8 * 86400
        for folder in (old, held):
            os.utime(f"{folder}.lock", (week_ago, week_ago))
        with open_copy(person) as again:
            assert again.stall.folder == kept
            assert (os.path.isdir(old), os.path.isdir(held)) == (False, True)


def test_a_shallow_clone_gives_the_history_that_it_has(person: Machine, tmp_path: Path) -> None:
    run(person, "git", "clone", "-q", "--depth", "2", f"file://{person.scripts}", str(tmp_path / "clone"))
    clone = find_repository(str(tmp_path / "clone"), person.environ)
    with open_stall(clone, person.environ, person.git("rev-parse", "main")) as stall:
        assert run(person, "git", "log", "--format=%s", cwd=stall.copy).split() == [b"later", b"base"]
        assert run(person, "git", "status", "--porcelain", cwd=stall.copy) == b""


def test_a_sha256_repository_is_copied_as_well(person: Machine, tmp_path: Path) -> None:
    words = "git init -q --object-format=sha256 s; cd s; git config user.name x; git config user.email x; echo x > x; "
    words += "git add x; git commit -qm x"
    subprocess.run(["sh", "-c", words], cwd=tmp_path, env=person.environ, timeout=LIMIT_S, check=True)
    repository = find_repository(str(tmp_path / "s"), person.environ)
    base = run(person, "git", "rev-parse", "HEAD", cwd=repository.root).decode().strip()
    with open_stall(repository, person.environ, base) as stall:
        assert len(run(person, "git", "rev-parse", "HEAD", cwd=stall.copy).strip()) == 64
        assert run(person, "git", "status", "--porcelain", cwd=stall.copy) == b""
        Path(stall.copy, "x").write_text("y\n")
        assert len(stall.write_tree()) == 64
