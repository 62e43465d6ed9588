"""`evolve try` that is struck at a system call, its own or one of what it started; and what must be true after that."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from agentkit.core import tree
from agentkit.core.ourselves import call_ourselves
from tests.conftest import ROOT
from tests.evolve.callstrikes import WAYS
from tests.evolve.machine import BAD, FILES, GOOD, JOB, LIMIT_S, Machine, copy_machine, make_machine
from tests.evolve.manyruns import list_candidates, list_judged

# So long may what was started go on after the strike.
GONE_S = 60
PROTECTED = "printf 'x = 1\\n' > agentkit.toml"
OWN = {"run.sh": "echo run\n", "lib/more.sh": "echo more\n"}
# What a proposer makes of the script, and how the candidate ends where nobody strikes.
KEPT, REJECTED = "kept", "rejected"
SCENES = {KEPT: (GOOD, "accepted"), REJECTED: (BAD, "rejected")}
# With what a command after the strike may end: what waits for others, or could not be said, is told by its status.
LATER = (0, 1, 65, 69, 73, 75, 77)


@dataclass(frozen=True)
class Point:
    """Where a try is struck: at the Nth change of all its processes, in one of the ways; `is_hasty`: what was started
    by it may go on yet when somebody resumes.
    """

    at: int
    way: str
    call: str
    is_hasty: bool

    def __str__(self) -> str:
        return f"{self.way} at change {self.at} ({self.call}){', resumed at once' if self.is_hasty else ''}"


class Anvil:
    """A repository with work in it that is copied for each strike."""

    def __init__(self, scene: str, folder: Path) -> None:
        self.scene = scene
        self.folder = folder
        self.script, self.state = SCENES[scene]
        self.ends: Counter[str] = Counter()
        self.changes = 0
        self.repeated = 0
        self.littered = 0
        self._count = 0
        folder.mkdir(parents=True)
        self.model = make_machine(folder / "model", {**FILES, **OWN})
        _leave_work(self.model)
        # Whoever comes first writes what is the same for ever.
        self.model.call("evolve", "log")
        self._home: set[str] = set()

    def list_points(self) -> list[tuple[int, str]]:
        """Return the changes (which, by what call) of a try that nobody strikes."""
        machine = self._copy()
        self._try(machine, 0, "all").communicate(timeout=LIMIT_S)
        calls = json.loads((machine.folder / "said.calls").read_text())
        [record] = list_candidates(machine)
        assert record["state"] == self.state, record
        machine.ask("try", "--propose", PROTECTED)
        self._home = _list_files(machine)
        shutil.rmtree(machine.folder)
        # A program that is looked for in each folder of PATH is started once.
        following = [*calls[1:], None]
        return [(place + 1, call) for place, (call, words) in enumerate(calls)
                if not (call == "execve" and following[place] == [call, words])]  # fmt: skip

    def choose_points(self, choices: random.Random, count: int) -> list[Point]:
        """Return so many of the changes, evenly spread; each way as often."""
        points = self.list_points()
        self.changes = len(points)
        begin, step = choices.random(), len(points) / count
        chosen = [points[min(int((begin + turn) * step), len(points) - 1)] for turn in range(count)]
        ways = [WAYS[turn % len(WAYS)] for turn in range(count)]
        choices.shuffle(ways)
        return [
            Point(at, way, call, way == "first" and turn % 2 == 0)
            for turn, ((at, call), way) in enumerate(zip(chosen, ways, strict=True))
        ]

    def strike(self, point: Point, *, is_judged_later: bool = False) -> list[str]:
        """Strike a try there, go on, and return what is wrong after that."""
        machine = self._copy()
        before = machine.look()
        running = self._try(machine, point.at, point.way)
        try:
            faults = self._look_after(machine, before, running, point, is_judged_later=is_judged_later)
        finally:
            running.kill()
            running.communicate(timeout=LIMIT_S)
        shutil.rmtree(machine.folder)
        return [f"{self.scene}: {point}: {fault}" for fault in faults]

    def _look_after(
        self, machine: Machine, before: dict[str, str], running: subprocess.Popen[bytes], point: Point,
        *, is_judged_later: bool,
    ) -> list[str]:  # fmt: skip
        assert running.stdout is not None
        told = json.loads(running.stdout.readline())
        is_struck = "call" in told
        faults: list[str] = []
        if point.is_hasty:
            # What goes on may stand in the way of this one, and of nothing later.
            self._resume(machine, faults)
        rest, _ = running.communicate(timeout=LIMIT_S)
        ended = json.loads(rest) if is_struck else told
        faults += [f"it is there yet: {words}" for words in ended["strays"]]
        said = (machine.folder / "said").read_text(errors="replace")
        if "Traceback" in said:
            faults.append(said)
        rows, held = list_candidates(machine), machine.candidates()
        faults += self._find_touched(machine, before, rows)
        faults += self._find_lost(machine, rows, held, said)
        self._resume(machine, faults)
        rows = list_candidates(machine)
        is_whole = not is_struck or point.way != "caller" or told["is_first"]
        faults += self._find_unsettled(machine, rows, held, is_whole=is_whole)
        faults += self._find_touched(machine, before, rows, is_ended=True)
        self._try_again(machine, faults, is_judged=is_judged_later)
        faults += self._find_left(machine)
        how = "" if is_struck else ", and nobody was struck"
        self.ends[f"{rows[0]['state'] if rows else 'not begun'}{how}"] += 1
        return faults

    def _copy(self) -> Machine:
        self._count += 1
        machine = copy_machine(self.model, self.folder / str(self._count))
        (machine.folder / "tmp").mkdir()
        return machine

    def _environ(self, machine: Machine) -> dict[str, str]:
        return {**machine.environ, "TMPDIR": str(machine.folder / "tmp")}

    def _try(self, machine: Machine, at: int, way: str) -> subprocess.Popen[bytes]:
        words = (sys.executable, "-m", "tests.evolve.callstrikes", str(machine.folder / "said"), str(at), way,
                 str(GONE_S), *call_ourselves("evolve", "try", "--propose", self.script, "--json"))  # fmt: skip
        environ = {**self._environ(machine), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.Popen(words, cwd=machine.scripts, env=environ, stdout=subprocess.PIPE, bufsize=0)

    def _call(self, machine: Machine, *words: str) -> tuple[int, str, str]:
        return machine.call("evolve", *words, environ=self._environ(machine))

    def _find_lost(self, machine: Machine, rows: list[dict[str, object]], held: dict[str, str], said: str) -> list[str]:
        """Return which candidates, known by a ref or by what was printed, are not to be found."""
        ids = {str(one["id"]) for one in rows}
        printed = {json.loads(line)["id"] for line in said.splitlines() if line.startswith("{") and line.endswith("}")}
        faults = [f"{name} is in no log" for name in (printed | set(held)) - ids]
        for name, commit in held.items():
            status, stdout, stderr = self._call(machine, "show", name, "--json")
            if status != 0 or json.loads(stdout)["commit"] != commit:
                faults.append(f"show {name}: {status}, {stderr}")
        if len(rows) > 1:
            faults.append(f"{len(rows)} candidates")
        return faults

    def _resume(self, machine: Machine, faults: list[str]) -> None:
        status, _, stderr = self._call(machine, "resume", "--json")
        if status not in LATER or "Traceback" in stderr:
            faults.append(f"resume: {status}, {stderr}")

    def _find_unsettled(
        self, machine: Machine, rows: list[dict[str, object]], held: dict[str, str], *, is_whole: bool
    ) -> list[str]:
        """Return what is wrong with how it ended; `is_whole`: nobody died but evolve, or all."""
        refs = machine.candidates()
        faults = [f"{name} is in no log" for name in {*held, *refs} - {str(one["id"]) for one in rows}]
        judged = Counter(commit for commit, _ in list_judged(machine))
        for one in rows:
            name, commit = str(one["id"]), one["commit"]
            if one["step"] != "done":
                faults.append(f"{name} stands at {one['step']}: {one['reason']}")
            # Where one of its programs is killed there may be nothing to say; tests that were cut off have not passed.
            known = {self.state} if is_whole else {self.state, "no-evidence", "rejected"}
            if one["state"] not in known or not one["reason"]:
                faults.append(f"{name} ended as {one['state']}: {one['reason']}")
            if one["state"] != "no-evidence" and one["verdict"] is None:
                faults.append(f"{name} has no verdict")
            if commit is not None and refs.get(name) != commit:
                faults.append(f"the ref of {name} is {refs.get(name)}, not {commit}")
            if name in held and held[name] != commit:
                faults.append(f"it was proposed again: {name}")
            times = judged[str(commit)]
            # One that was accepted, and could not be moved to before the end of all, is accepted again.
            self.repeated += times == 2
            if times > (2 if self.scene == KEPT else 1):
                faults.append(f"{name} was judged {times} times")
            head = machine.git("rev-parse", "main")
            if bool(one["kept"]) != (head == commit):
                faults.append(f"kept is {one['kept']}, and main is {head}, the candidate {commit}")
        status, stdout, stderr = self._call(machine, "resume", "--json")
        if (status, stdout, stderr) != (0, "", ""):
            faults.append(f"there is something left to resume: {status}, {stdout}, {stderr}")
        return faults

    def _find_touched(
        self, machine: Machine, before: dict[str, str], rows: list[dict[str, object]], *, is_ended: bool = False
    ) -> list[str]:
        """Return what of the person's is not as it was; what was accepted may be there, whole once all has ended."""
        now = machine.look()
        made = {} if self.scene == REJECTED else _find_made(machine, before, rows)
        is_moved = bool(made) and now["refs"] == made["refs"]
        faults = []
        for name in sorted({*before, *now}):
            if is_ended:
                allowed = {made[name] if is_moved and name in made else before.get(name)}
            else:
                allowed = {before.get(name), made.get(name, before.get(name))}
            if now.get(name) not in allowed:
                faults.append(f"{name}: {before.get(name)} became {now.get(name)}")
        if machine.git("show", "stash@{0}:run.sh") != "stashed":
            faults.append("the stash is lost")
        return faults

    def _try_again(self, machine: Machine, faults: list[str], *, is_judged: bool) -> None:
        status, stdout, stderr = self._call(machine, "try", "--propose", BAD if is_judged else PROTECTED, "--json")
        wanted = (1, "rejected") if is_judged else (77, "rejected")
        if not stdout or (status, json.loads(stdout.splitlines()[-1])["state"]) != wanted:
            faults.append(f"a later try: {status}, {stdout}, {stderr}")

    def _find_left(self, machine: Machine) -> list[str]:
        # What the ratchet writes for a while is in nobody's way there, and is only counted.
        self.littered += any((machine.folder / "tmp").iterdir())
        faults = [f"left behind: {path}" for path in sorted(_list_files(machine) - self._home)]
        own = str(machine.folder)
        faults += [f"mounted: {row}" for row in Path("/proc/self/mountinfo").read_text().splitlines() if own in row]
        faults += [f"it carries the name yet: {pid}" for pid in tree.find_marked(_mark(machine))]
        ended = subprocess.run(
            ["git", "fsck", "--strict", "--no-dangling", "--no-progress"], cwd=machine.scripts, env=machine.environ,
            capture_output=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
        if ended.returncode != 0 or ended.stdout or ended.stderr:
            faults.append(f"git fsck: {ended.stdout.decode()}{ended.stderr.decode()}")
        return faults


def _mark(machine: Machine) -> bytes:
    return f"AGENTKIT_HOME={machine.home}".encode()


def _leave_work(machine: Machine) -> None:
    """Leave what a person has lying around: changed, staged, untracked and ignored files, a stash, another branch."""
    machine.git("branch", "other")
    machine.write({"run.sh": "stashed"})
    machine.git("stash", "push", "-q")
    machine.write({"lib/more.sh": "echo staged\n", "new.sh": "echo new\n"})
    machine.git("add", "lib/more.sh", "new.sh")
    machine.write({"lib/more.sh": "echo staged, and changed\n", "README": "changed\n", "notes/mine": "untracked\n"})
    machine.write({"night.log": "ignored\n"})
    os.symlink("nowhere", machine.scripts / "link")
    (machine.scripts / "notes/mine").chmod(0o640)


def _find_made(machine: Machine, before: dict[str, str], rows: list[dict[str, object]]) -> dict[str, str]:
    """Return what looks different where the candidate was kept."""
    commit = next((str(one["commit"]) for one in rows if one["commit"]), "")
    if not commit:
        return {}
    tip = machine.git("rev-parse", f"{commit}~1")
    old, new = (machine.git("rev-parse", f"{one}:job.sh") for one in (tip, commit))
    digest = hashlib.sha256(f"{JOB}# twice as safe\n".encode()).hexdigest()
    return {
        "refs": before["refs"].replace(f"{tip} commit\trefs/heads/main", f"{commit} commit\trefs/heads/main"),
        "index": before["index"].replace(old, new),
        "job.sh": f"{before['job.sh'].split()[0]} {digest}",
    }


def _list_files(machine: Machine) -> set[str]:
    """Return what lies around in the state folder, in git but for its objects; of a stall its name."""
    found = set()
    for path in machine.folder.rglob("*"):
        name = str(path.relative_to(machine.folder))
        if name.startswith("home/evolve/stalls/"):
            name = re.sub(r"/[0-9a-f]{16}(/[^/]*)?.*", r"/…\1", name)
        is_object = "/objects/" in name and not name.endswith(".lock")
        if not is_object and "refs/agentkit/" not in name and not name.startswith(("said", "tmp/")):
            found.add(name)
    return found
