"""A process that runs runbooks, killed somewhere, and what must be true then and after others went on.

It is killed at one of its system calls, after a while, together with the runbook, by the runbook, or as one of a crowd.
"""

import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agentkit.core import tree
from agentkit.think.store import NAME, Store, open_store
from tests.conftest import ROOT
from tests.processes import wait_until
from tests.think.ownrunbooks import BEGIN, DEADLY, STYLES, add_finding, read_referee, run_all

LIMIT_S = 120
CROWD = 4
CALL = re.compile(r"^(\w+)\((.*)")
NOT_STRUCK = {"execve", "rt_sigreturn"}
# What an interpreter does that imports: hundreds of calls between which nothing differs.
READING = {
    "openat", "read", "newfstatat", "fstat", "lseek", "close", "ioctl", "getdents64", "mmap", "munmap", "brk",
    "mprotect", "readlink", "rt_sigaction", "getcwd", "access", "futex", "getrandom",
}  # fmt: skip
STATES = {"ok", "failed", "interrupted"}
KINDS = ("call", "while", "tree", "runbook", "crowd")


class Scene:
    """A store with a finding of each style; each strike gets a copy."""

    def __init__(self, folder: Path, environ: dict[str, str], choices: random.Random) -> None:
        folder.mkdir()
        self.folder, self.choices = folder, choices
        self.environ = {**environ, "PYTHONDONTWRITEBYTECODE": "1"}
        self.model = folder / "model"
        with open_store(self._environ(self.model)) as store:
            for style in STYLES:
                add_finding(store, f"{style}-1")
        self.number = 0
        self.has_deadly = False
        self.home = self.model
        self.states: dict[str, int] = {}
        self.points: list[tuple[str, int]] = []
        self.changing: list[tuple[str, int]] = []
        self.works_s = 0.0

    def list_points(self) -> int:
        """Look at which system calls a runner can be struck, and how long it runs; return how many there are."""
        table = self.folder / "calls"
        self._prepare()
        assert self._wait(self._start("strace", "-o", str(table))) == 0
        counts: dict[str, int] = {}
        for row in table.read_text(errors="replace").splitlines():
            found = CALL.match(row)
            if found and found[1] not in NOT_STRUCK:
                counts[found[1]] = counts.get(found[1], 0) + 1
                if self.points or BEGIN in found[2]:
                    self.points.append((found[1], counts[found[1]]))
        self._prepare()
        self.changing = [point for point in self.points if point[0] not in READING]
        runner = self._start()
        wait_until(Path(f"{self.home}/referee.begun").exists)
        begun = time.monotonic()
        assert self._wait(runner) == 0
        self.works_s = time.monotonic() - begun
        return len(self.points)

    def choose_points(self, count: int) -> list[tuple[str, int]]:
        """Return some of the calls, at most a third of them such as only read."""
        reading = [point for point in self.points if point[0] in READING]
        chosen = self.choices.sample(self.changing, min(count - count // 3, len(self.changing)))
        return chosen + self.choices.sample(reading, min(count - len(chosen), len(reading)))

    def strike(self, kind: str, point: tuple[str, int]) -> list[str]:
        """Strike a runner, have others go on, and return what is wrong; `point` is for a strike at a call."""
        self._prepare()
        strikes: dict[str, Callable[[], object]] = {
            "call": lambda: self._strike_at(*point),
            "while": lambda: self._kill_after(self._start(), is_whole_tree=False),
            "tree": lambda: self._kill_after(self._start(), is_whole_tree=True),
            "runbook": self._have_it_kill,
            "crowd": self._strike_crowd,
        }
        strikes[kind]()
        faults = self._find_twice("when killed")
        faults += self._go_on(1)
        with self._open() as store:
            for (fingerprint,) in store.select("SELECT fingerprint FROM findings"):
                add_finding(store, str(fingerprint), 2)
        faults += self._go_on(2)
        shutil.rmtree(self.home)
        return [f"{kind} {point if kind == 'call' else ''}: {fault}" for fault in faults]

    def _strike_at(self, call: str, when: int) -> None:
        inject = f"inject={call}:signal=KILL:when={when}"
        self._wait(self._start("strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject))

    def _kill_after(self, process: "subprocess.Popen[bytes]", *, is_whole_tree: bool) -> None:
        self._let_work()
        below = tree.find_descendants(process.pid) if is_whole_tree else {}
        process.send_signal(signal.SIGKILL)
        for pid, start in below.items():
            tree.send_signal(pid, start, signal.SIGKILL)
        self._wait(process)

    def _let_work(self) -> None:
        """Wait until a runner is at work, and somewhat longer."""
        wait_until(Path(f"{self.home}/referee.begun").exists)
        time.sleep(self.choices.uniform(0, self.works_s))

    def _have_it_kill(self) -> None:
        self.has_deadly = True
        with self._open() as store:
            for style in DEADLY:
                add_finding(store, f"{style}-1")
        for _ in DEADLY:
            assert self._wait(self._start()) == -signal.SIGKILL

    def _strike_crowd(self) -> None:
        crowd = [self._start() for _ in range(CROWD)]
        for process in self.choices.sample(crowd, CROWD - 1):
            self._let_work()
            process.send_signal(signal.SIGKILL)
        for process in crowd:
            self._wait(process)

    def _go_on(self, episode: int) -> list[str]:
        """Have runners go on twice, and return what is wrong when they are through."""
        faults: list[str] = []
        for _ in range(2):
            # What may kill who runs it gets a process for that, and what it killed is gone on with again.
            goes = 0
            while self.has_deadly and self._wait(self._start()) == -signal.SIGKILL:
                goes += 1
                if goes > len(DEADLY):
                    return [*faults, *self._find_twice("going on"), f"its runner was killed {goes} times"]
            run_all(self._environ(self.home), str(self.home / "referee"))
        faults += self._find_twice(f"in episode {episode}")
        ran = read_referee(self.home / "referee")
        with self._open() as store:
            findings = {str(row[0]) for row in store.select("SELECT fingerprint FROM findings")}
            rows = store.select("SELECT fingerprint, state FROM runs WHERE episode = ?", (episode,))
            [[soundness]] = store.select("PRAGMA integrity_check")
        if soundness != "ok":
            faults.append(f"the store: {soundness}")
        if {row[0] for row in rows} != findings or len(rows) != len(findings):
            faults.append(f"findings {findings}, and runs {rows}")
        for fingerprint, state in rows:
            self.states[str(state)] = self.states.get(str(state), 0) + 1
            times = ran[str(fingerprint), episode]
            if state not in STATES or (state in ("ok", "failed") and times != 1):
                faults.append(f"{fingerprint} ran {times} times in episode {episode} and is told as {state}")
        return faults

    def _find_twice(self, when: str) -> list[str]:
        ran = read_referee(self.home / "referee")
        return [f"{when}: {name} ran {times} times" for name, times in ran.items() if times > 1]

    def _prepare(self) -> None:
        with suppress(FileNotFoundError):
            shutil.rmtree(self.home if self.home != self.model else self.folder / "none")
        self.number += 1
        self.has_deadly = False
        self.home = self.folder / str(self.number)
        self.home.mkdir()
        shutil.copy(self.model / NAME, self.home / NAME)

    def _environ(self, home: Path) -> dict[str, str]:
        return {**self.environ, "AGENTKIT_HOME": str(home)}

    def _open(self) -> Store:
        return open_store(self._environ(self.home))

    def _start(self, *before: str) -> "subprocess.Popen[bytes]":
        words = [*before, sys.executable, "-m", "tests.think.ownrunbooks", str(self.home / "referee")]
        return subprocess.Popen(
            words, env=self._environ(self.home), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip

    def _wait(self, process: "subprocess.Popen[bytes]") -> int:
        said, _ = process.communicate(timeout=LIMIT_S)
        assert b"Traceback" not in said, said.decode()
        return process.returncode
