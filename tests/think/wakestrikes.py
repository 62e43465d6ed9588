"""A wake that is killed at one of its system calls, and what must be true when the next ones went on."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from agentkit.think.store import open_store
from tests.conftest import ROOT
from tests.think.conftest import finding
from tests.think.scriptedmodel import ScriptedModel, say

LIMIT_S = 120
CALL = re.compile(r"^(\w+)\((.*)")
NOT_STRUCK = {"execve", "rt_sigreturn"}
# What an interpreter does that imports: hundreds of calls between which nothing differs.
READING = {
    "openat", "read", "newfstatat", "fstat", "lseek", "close", "ioctl", "getdents64", "mmap", "munmap", "brk",
    "mprotect", "readlink", "rt_sigaction", "getcwd", "access", "futex", "getrandom", "fcntl",
}  # fmt: skip
# One that a runbook ends, one of which the model wants it to be run, one for a person, one that nobody has to know.
FINDINGS = (
    finding("job:ends", type="ends"),
    finding("job:chosen", type="chosen"),
    finding("job:told", type="told", severity="critical"),
    finding("job:info", type="info", severity="info"),
)
GROUPS = 2


def answer(question: str) -> tuple[int, str, Mapping[str, str]]:
    """Choose a runbook for one of the groups, and a person for the other."""
    return 200, say("runbook", runbook="chosen") if "job:chosen" in question else say(), {}


class Scene:
    """A new home for each strike; `model` answers as `answer` does."""

    def __init__(self, folder: Path, environ: Mapping[str, str], model: ScriptedModel) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.environ = {**environ, "AGENTKIT_HOME": str(self.home), "PYTHONDONTWRITEBYTECODE": "1"}
        self.model = model
        self.told: dict[str, dict[str, object]] = {}
        self.points: list[tuple[str, int]] = []

    def list_points(self) -> list[tuple[str, int]]:
        """Return the system calls (name, which) of a wake that changes something or waits, and a few that only read."""
        self._prepare()
        table = self.folder / "calls"
        self._wake("strace", "-o", str(table))
        counts: Counter[str] = Counter()
        for row in table.read_text(errors="replace").splitlines():
            found = CALL.match(row)
            if found and found[1] not in NOT_STRUCK:
                counts[found[1]] += 1
                self.points.append((found[1], counts[found[1]]))
        return self.points

    def choose_points(self, choices: random.Random, count: int) -> list[tuple[str, int]]:
        """Return some of the calls, at most a fifth of them such as only read; a call may be struck more than once."""
        changing = [point for point in self.points if point[0] not in READING]
        reading = [point for point in self.points if point[0] in READING]
        chosen = choices.sample(changing, min(len(changing), count - count // 5))
        return chosen + choices.sample(reading, min(len(reading), count - len(chosen)))

    def strike(self, call: str, when: int) -> list[str]:
        """Kill a wake there, have two others go on, and return what is wrong then."""
        self._prepare()
        inject = f"inject={call}:signal=KILL:when={when}"
        self._wake("strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject)
        faults = [f"a wake after it ended with {status}" for status in (self._wake(), self._wake()) if status != 0]
        return [f"{call} {when}: {fault}" for fault in [*faults, *self._judge()]]

    def _prepare(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(mode=0o700)
        self.told.clear()
        self.model.asked.clear()
        effect = f'run = ["sh", "-c", "cat >> {self.home}/effects; echo >> {self.home}/effects"]'
        (self.home / "agentkit.toml").write_text(
            f'[[think.runbook]]\nname = "ends"\nmatch = {{type = "ends"}}\n{effect}\n'
            f'[[think.runbook]]\nname = "chosen"\nmatch = {{type = "nothing"}}\n{effect}\n'
            f'[[think.provider]]\nname = "m"\nkind = "openai"\nurl = "{self.model.url}"\nmodel = "m"\nprice = 0\n'
        )

    def _wake(self, *before: str) -> int:
        ended = subprocess.run(
            [*before, sys.executable, "-m", "agentkit", "think", "wake", "--json"], env=self.environ, cwd=ROOT,
            input="".join(json.dumps(each) + "\n" for each in FINDINGS), capture_output=True, text=True,
            timeout=LIMIT_S, check=False,
        )  # fmt: skip
        for line in ended.stdout.splitlines(keepends=True):
            if line.endswith("\n"):
                record = json.loads(line)
                self.told[record["id"]] = record
        return ended.returncode

    def _judge(self) -> list[str]:
        """Return what is wrong: a finding lost or waiting, a decision untold, an effect twice, a call not written."""
        faults = []
        with open_store(self.environ) as store:
            rows = {
                str(row[0]): row[1:]
                for row in store.select("SELECT subject, waits, handled_by, fingerprint FROM findings")
            }
            [(calls,)] = store.select("SELECT count(*) FROM calls")
            [(soundness,)] = store.select("PRAGMA integrity_check")
        for subject in (str(each["subject"]) for each in FINDINGS):
            if subject not in rows:
                faults.append(f"{subject} is lost")
                continue
            waits, handled_by, fingerprint = rows[subject]
            if waits or not handled_by:
                faults.append(f"{subject} waits yet")
            if handled_by != "info" and not any(fingerprint in _list(each) for each in self.told.values()):
                faults.append(f"the decision about {subject} was told nobody")
        effects = Counter(
            json.loads(line)["subject"] for line in self._read_effects().splitlines() if line.startswith("{")
        )
        faults += [f"{subject}: {count} effects" for subject, count in effects.items() if count > 1]
        if len(self.model.asked) > GROUPS + 2:
            # With its runbook interrupted a third finding is thought about; one more may be paid for nothing.
            faults.append(f"{len(self.model.asked)} calls were paid for")
        if int(str(calls)) < len(self.model.asked):
            faults.append(f"{len(self.model.asked)} calls were made, and {calls} are written down")
        if soundness != "ok":
            faults.append(f"the store is unsound: {soundness!r}")
        return faults

    def _read_effects(self) -> str:
        path = self.home / "effects"
        return path.read_text() if path.exists() else ""


def _list(record: dict[str, object]) -> list[object]:
    findings = record["findings"]
    return findings if isinstance(findings, list) else []
