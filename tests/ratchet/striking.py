"""A move that is struck at one of its system calls, in a repository with work in it, and what must be true after that.

Three kinds of strike: the program alone dies (a git that it started goes on), a git alone dies, or both at once. A git
is struck through one of the same name before it on PATH, which hands the Nth start to strace.
"""

import random
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from agentkit.core.errors import AgentkitError
from agentkit.core.repo.commits import take_patch
from agentkit.ratchet.state import STATE_REF
from tests.conftest import ROOT
from tests.ratchet.moves import BEGIN, make_move
from tests.ratchet.ownrepository import OwnRepository

LIMIT_S = 120
SHIM = """#!/bin/sh
read -r count < {folder}/count
count=$((count + 1))
echo $count > {folder}/count
if [ {which} = each ]; then exec strace -qq -o {folder}/git-$count {git} "$@"; fi
if [ $count != {which} ]; then exec {git} "$@"; fi
strace -qq -o /dev/null -e trace={call} -e inject={call}:signal=KILL:when={when} {git} "$@" || status=$?
if [ "$status" = 137 ]; then
    if [ {kind} = both ]; then kill -KILL $PPID; fi
    kill -KILL $$
fi
exit $status
"""
CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)")
# What changes anything that anybody sees; between two of them nothing differs.
CHANGING = {
    "write", "pwrite64", "writev", "rename", "renameat", "renameat2", "unlink", "unlinkat", "link", "linkat", "symlink",
    "symlinkat", "mkdir", "mkdirat", "rmdir", "ftruncate", "truncate", "chmod", "fchmod", "fchmodat", "clone", "clone3",
    "fork", "vfork", "copy_file_range", "sendfile", "exit_group",
}  # fmt: skip
NOT_STRUCK = {"execve", "rt_sigreturn"}
STATUSES = (0, -9, 137, 73, 75)


@dataclass(frozen=True)
class Point:
    """Where a move is struck: what dies, at the Nth call of a name, in the Nth git (0 is the program itself)."""

    kind: str
    which: int
    call: str
    when: int
    is_changing: bool

    def __str__(self) -> str:
        place = f"git {self.which}" if self.which else "the program"
        return f"{self.kind} at {self.call} {self.when} of {place}"


class Anvil:
    """A repository with work in it that is copied for each strike."""

    def __init__(self, what: str, folder: Path) -> None:
        self.what = what
        self.folder = folder
        folder.mkdir()
        own = OwnRepository(folder / "model")
        own.found()
        if what == "rollback":
            own.accept({"a.py": "a = 2\n", "gone.py": None, "new/x.py": "x\n"})
        self.patch = own.patch({"a.py": "a = 9\n", "lib/d.py": "d\n", "b2.py": "x\n", "run.sh": None})
        self.candidate = take_patch(own.repository, own.state.accepted, self.patch)
        own.write({"b.py": "stashed\n"})
        own.git("stash", "-q")
        own.write({"b.py": "edited\n", "lib/c.py": "staged\n", "mine": "untracked\n", "key.secret": "ignored\n"})
        own.git("add", "lib/c.py")
        own.write({"lib/c.py": "staged and edited\n"})
        self.model = own
        self.number = 0
        self.slowest_s = 0.0
        self.ends: dict[int, int] = {}
        self.shims = folder / "shims"
        self.shims.mkdir()
        self.git = shutil.which("git") or "git"

    def prepare(self) -> OwnRepository:
        """Return a copy of the repository."""
        self.number += 1
        own = OwnRepository.__new__(OwnRepository)
        own.folder, own.environ = self.folder / str(self.number), self.model.environ
        shutil.copytree(self.model.folder, own.folder, symlinks=True)
        # The index knows the files by their inodes: in a copy each would have to be read again.
        own.git("update-index", "-q", "--refresh", check=False)
        return own

    def run(
        self, own: OwnRepository, what: str, before: tuple[str, ...] = (), *, path: Path | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a move in a process of its own."""
        environ = {
            **own.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": f"{path}:{own.environ['PATH']}" if path else own.environ["PATH"],
        }  # fmt: skip
        words = [*before, sys.executable, "-m", "tests.ratchet.moves", what, str(own.folder), self.candidate]
        return subprocess.run(words, env=environ, capture_output=True, timeout=LIMIT_S, check=False, cwd=ROOT)

    def list_points(self) -> list[Point]:
        """Return all points at which the move can be struck."""
        self.run(self.prepare(), self.what)
        table = self.folder / "calls"
        assert self.run(self.prepare(), self.what, ("strace", "-o", str(table))).returncode == 0
        points = _read_points(table, "the program", 0)
        self._write_shim("each", "", "", 0)
        assert self.run(self.prepare(), self.what, path=self.shims).returncode == 0
        count = int((self.shims / "count").read_text())
        for which in range(1, count + 1):
            found = _read_points(self.shims / f"git-{which}", "git", which)
            points += found + [Point("both", p.which, p.call, p.when, p.is_changing) for p in found]
        return points

    def strike(self, point: Point) -> list[str]:
        """Strike the move there, and return what is wrong after that."""
        own = self.prepare()
        before = own.look()
        if point.which:
            self._write_shim(str(point.which), point.kind, point.call, point.when)
            ended = self.run(own, self.what, path=self.shims)
        else:
            inject = f"inject={point.call}:signal=KILL:when={point.when}"
            strace = ("strace", "-qq", "-o", "/dev/null", "-e", f"trace={point.call}", "-e", inject)
            ended = self.run(own, self.what, strace)
        self.ends[ended.returncode] = self.ends.get(ended.returncode, 0) + 1
        faults = [] if ended.returncode in STATUSES else [f"status {ended.returncode}, {ended.stderr.decode()}"]
        if b"Traceback" in ended.stderr:
            faults.append(ended.stderr.decode())
        faults += self._find_faults(own, before)
        shutil.rmtree(own.folder)
        return [f"{self.what}: {point}: {fault}" for fault in faults]

    def _write_shim(self, which: str, kind: str, call: str, when: int) -> None:
        (self.shims / "count").write_text("0\n")
        shim = self.shims / "git"
        kind = kind or "none"
        shim.write_text(SHIM.format(folder=self.shims, which=which, git=self.git, call=call, when=when, kind=kind))
        shim.chmod(0o755)

    def _find_faults(self, own: OwnRepository, before: dict[str, object]) -> list[str]:
        faults = self._find_lost(own)
        begun = time.monotonic()
        faults += self._move(own, "heal")
        self.slowest_s = max(self.slowest_s, time.monotonic() - begun)
        faults += self._find_lost(own)
        if self._has_moved(own):
            faults += self._find_half_moved(own)
        elif own.look() != before:
            faults.append(f"it did not move, and yet there is {_tell_difference(before, own.look())}")
        if not self._has_moved(own) or self.what == "reject":
            faults += self._move(own, self.what)
            faults += self._find_half_moved(own)
        else:
            # The next move clears what no move is hindered by.
            faults += self._move(own, "reject")
        if not own.is_clean():
            faults.append("git finds unsound objects")
        return faults + [f"left behind: {path}" for path in own.find_litter()]

    def _move(self, own: OwnRepository, what: str) -> list[str]:
        try:
            make_move(what, str(own.folder), own.environ, self.candidate)
        except AgentkitError as error:
            return [f"{what} after it: {error.message}"]
        return []

    def _has_moved(self, own: OwnRepository) -> bool:
        if self.what == "reject":
            return bool(own.git("for-each-ref", "refs/agentkit/verdicts"))
        return own.git("rev-parse", STATE_REF) != self.model.git("rev-parse", STATE_REF)

    def _find_half_moved(self, own: OwnRepository) -> list[str]:
        faults = []
        if self.what == "reject":
            count = len(
                own.git("rev-list", "--first-parent", "refs/agentkit/verdicts", "--not", "main", self.candidate).split()
            )
            return [] if count in (1, 2) and own.files() == self.model.files() else [f"{count} verdicts"]
        state = own.state
        if own.commit("main") != state.accepted or own.commit("HEAD") != state.accepted:
            faults.append("the branch is not at the accepted commit")
        if state.number != self.model.state.number + 1:
            faults.append(f"it is state {state.number}")
        edits = {"b.py", "lib/c.py"} - ({"b.py", "lib/c.py"} if self.what == "work tree" else set())
        if set(own.git("diff", "HEAD", "--name-only").split()) != edits:
            faults.append(f"changed: {own.git('status', '--porcelain')}")
        staged = own.git("diff", "--cached", "HEAD", "--name-only").split()
        if staged != ["lib/c.py"]:
            faults.append(f"staged: {staged}")
        return faults

    def _find_lost(self, own: OwnRepository) -> list[str]:
        """Return what of the person's work is not there byte for byte, and any file that is neither old nor new."""
        mine, files = self.model.files(), own.files()
        work = ("b.py", "lib/c.py", "mine", "key.secret")
        faults = [f"{name} is {files.get(name)}" for name in work if files.get(name) != mine[name]]
        new: dict[str, bytes | None] = {}
        if self.what == "accept":
            new = {"a.py": b"a = 9\n", "lib/d.py": b"d\n", "b2.py": b"x\n", "run.sh": None}
        elif self.what == "rollback":
            new = {"a.py": b"a = 1\n", "gone.py": b"gone = 1\n", "new/x.py": None}
        for name in {*files, *mine}:
            content = files[name][1] if name in files else None
            old = mine[name][1] if name in mine else None
            if content not in (old, new.get(name, old)):
                faults.append(f"{name} holds {content!r}")
        if own.git("show", ":lib/c.py") != "staged" or own.git("show", "stash@{0}:b.py") != "stashed":
            faults.append("what was staged or stashed is lost")
        return faults


def choose_points(points: list[Point], choices: random.Random, changing: int | None, others: int | None) -> list[Point]:
    """Return so many of the calls that change something, and so many of the others; None is all."""
    chosen = []
    for wanted, most in ((True, changing), (False, others)):
        found = [point for point in points if point.is_changing == wanted]
        chosen += found if most is None else choices.sample(found, min(most, len(found)))
    return chosen


def _read_points(table: Path, kind: str, which: int) -> list[Point]:
    counts: dict[str, int] = {}
    points = []
    is_begun = bool(which)
    for row in table.read_text(errors="replace").splitlines():
        found = CALL.match(row)
        if not found or found[1] in NOT_STRUCK:
            continue
        name, rest = found[1], found[2]
        counts[name] = counts.get(name, 0) + 1
        is_begun = is_begun or BEGIN in rest
        if is_begun:
            is_changing = name in CHANGING or (name in ("openat", "open") and "O_CREAT" in rest)
            is_changing = is_changing and not (name == "write" and rest.startswith(("1, ", "2, ")))  # said to us
            points.append(Point(kind, which, name, counts[name], is_changing))
    assert points, table.read_text()
    return points


def _tell_difference(before: dict[str, object], after: dict[str, object]) -> str:
    return "; ".join(f"{name}: {before[name]} became {after[name]}" for name in before if before[name] != after[name])
