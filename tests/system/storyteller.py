"""How is a story told: 25 healthy runs through the real wrapper, the bad state for three runs, health again?"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
HEALTHY_RUNS = 25
BAD_RUNS = 3
LIMIT_S = 120.0
# Calls of `check` while a job is healthy: one after all runs, one now and then, or none before the bad run itself.
RHYTHMS = {"once": {25}, "often": {7, 20, 25}, "late": set[int]()}
WORRYING = ("warning", "critical")
# `pause LOW HIGH` waits that many milliseconds, and no two times the same.
PROLOGUE = """#!/bin/sh
pause() { sleep "$(printf '0.%03d' "$(chance "$1" "$2")")"; }
chance() { echo $(( $1 + $(od -An -N2 -tu2 /dev/urandom) % ($2 - $1) )); }
"""


# What names a job that ended too soon, wrote or said too little; one that complained; one whose children went on.
DONE_NOTHING = frozenset({"too-fast", "too-small"})
SAYS_SO = frozenset({"error-words"})
GOES_ON = frozenset({"left-behind"})
# Files as somebody else leaves them for the job: 12 to 16 of 1 to 3 KiB.
NEW_FILES = """
mkdir -p in; rm -f in/*.csv; n=$(chance 12 16)
for i in $(seq "$n"); do seq "$(chance 300 700)" > "in/$i.csv"; done
"""


@dataclass(frozen=True)
class Story:
    """A script that goes bad in silence; the shell fragments run in the job's folder.

    `script` is the job (POSIX sh, or with a first line of its own), `spoil` comes before each bad run, `types` are the
    findings that may name it, `heal` comes before the first healthy run thereafter, `before` before every run.
    `options` are the smallest declaration that makes it visible; `why_declared` says why nothing less does.
    """

    name: str
    script: str
    spoil: str
    types: frozenset[str] = DONE_NOTHING
    heal: str = ""
    before: str = ""
    options: tuple[str, ...] = ()
    why_declared: str = ""


@dataclass(frozen=True)
class Answer:
    """What one `heartbeat check --json` said."""

    status: int
    findings: tuple[dict[str, object], ...]

    def is_honest(self) -> bool:
        """Tell whether the status says what the findings say.

        Not simply 0 while the job is well: what other tests left in the places that all share is news too.
        """
        return self.status == any(map(_is_worrying, self.findings))

    def worrying(self, subject: str) -> list[str]:
        """Return what is wrong with this subject now, as `type: title`."""
        return [f"{f['type']}: {f['title']}" for f in self.findings if _is_worrying(f) and f["subject"] == subject]

    def informing(self, subject: str) -> list[str]:
        """Return what is merely worth knowing of this subject now."""
        firing = [f for f in self.findings if f["state"] == "firing" and f["subject"] == subject]
        return [f"{f['type']}: {f['title']}" for f in firing if not _is_worrying(f)]

    def firing_types(self, subject: str) -> set[str]:
        """Return the types of what is wrong now with this subject."""
        return {str(f["type"]) for f in self.findings if _is_worrying(f) and f["subject"] == subject}

    def resolved_types(self, subject: str) -> set[str]:
        """Return the types of what was wrong with this subject and is over."""
        return {str(f["type"]) for f in self.findings if f["state"] == "resolved" and f["subject"] == subject}


@dataclass
class Telling:
    """What `check` answered at each turn of a story."""

    while_healthy: list[Answer] = field(default_factory=list)
    while_bad: list[Answer] = field(default_factory=list)
    after: list[Answer] = field(default_factory=list)


class Machine:
    """One machine with one job: a folder for its files, a ledger of its own."""

    def __init__(self, folder: Path, name: str, script: str, options: Iterable[str] = ()) -> None:
        self.name = name
        self._work = folder / "work"
        self._work.mkdir(parents=True)
        self._script = folder / "job"
        self._script.write_text(script if script.startswith("#!") else PROLOGUE + script)
        self._script.chmod(0o755)
        self._options = tuple(options)
        self._environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "AGENTKIT_HOME": str(folder / "home"),
            "PYTHONPATH": str(ROOT),
            "LC_ALL": "C.UTF-8",
        }

    def shell(self, fragment: str) -> None:
        """Change the world around the job."""
        if fragment:
            subprocess.run(
                ["sh", "-euc", PROLOGUE + fragment], cwd=self._work, env=self._environ, check=True, timeout=LIMIT_S
            )

    def run(self) -> int:
        """Run the job once through the wrapper, as cron would: no terminal, nobody who reads."""
        words = ["heartbeat", "run", self.name, "--every", "1h", *self._options, "--", str(self._script)]
        return subprocess.run(
            [sys.executable, "-m", "agentkit", *words],
            cwd=self._work,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=LIMIT_S,
            check=False,
        ).returncode

    def check(self) -> Answer:
        """Return what `heartbeat check --json` says."""
        ended = subprocess.run(
            [sys.executable, "-m", "agentkit", "heartbeat", "check", "--json"],
            cwd=self._work,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert ended.returncode in (0, 1), ended.stderr
        return Answer(ended.returncode, tuple(json.loads(line) for line in ended.stdout.splitlines()))


def tell(story: Story, folder: Path, rhythm: str) -> Telling:
    """Live through a story and return what `check` answered."""
    machine = Machine(folder, _as_job(story.name), story.script, story.options)
    telling = Telling()
    for number in range(1, HEALTHY_RUNS + 1):
        _live(machine, story.before)
        if number in RHYTHMS[rhythm]:
            telling.while_healthy.append(machine.check())
    if rhythm != "late":
        _live(machine, story.before)
        telling.while_healthy.append(machine.check())
    try:
        for number in range(1, BAD_RUNS + 1):
            _live(machine, story.before, story.spoil)
            if number != 2:
                telling.while_bad.append(machine.check())
    finally:
        machine.shell(story.heal)
    _live(machine, story.before)
    telling.after.append(machine.check())
    return telling


def watch_healthy(script: str, before: str, folder: Path, chance: random.Random) -> list[Answer]:
    """Run a healthy job 55 times, checked after 25 runs and then at odd moments; return what `check` answered."""
    machine = Machine(folder, "healthy", script)
    answers = []
    for number in range(1, HEALTHY_RUNS + 31):
        _live(machine, before)
        if number in (HEALTHY_RUNS, HEALTHY_RUNS + 30) or (number > HEALTHY_RUNS and chance.random() < 0.2):
            answers.append(machine.check())
    return answers


def subject_of(story: Story) -> str:
    """Return the subject of the findings of a story's job."""
    return f"job:{_as_job(story.name)}"


def _live(machine: Machine, *fragments: str) -> None:
    for fragment in fragments:
        machine.shell(fragment)
    machine.run()


def _as_job(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower()).strip("-")[:100]


def _is_worrying(finding: dict[str, object]) -> bool:
    return finding["state"] == "firing" and finding["severity"] in WORRYING
