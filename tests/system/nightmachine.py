"""A machine of a night: its jobs, their repository, a home of agentkit, and its lines under a real cron.

Several nights go on side by side under one daemon, each with a file of its own in /etc/cron.d, so that one wait for
cron's minute serves all of them.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT
from tests.evolve.machine import Machine, copy_machine, make_machine
from tests.system import nightscripts
from tests.system.cron_namespace import RealCron

EXAMPLE = ROOT / "crontab.example"
# A quarter of an hour, which is the turn of the watch, takes half a minute; a turn of the jobs takes six seconds.
CLOCK = "+0 x30"
LIMIT_S = 240
HANGING_PORT = 8090
PROVIDER = '[[think.provider]]\nname = "{name}"\nkind = "command"\nrun = ["{folder}/bin/{name}"]\nprice = 0\n'


def read_watch(program: str) -> str:
    """Return the line of the night watch as crontab.example has it, taken into use for a program at this path."""
    (line,) = [line for line in EXAMPLE.read_text().splitlines() if " heartbeat run night-watch " in line]
    return line.removeprefix("#").replace("/usr/local/bin/agentkit", program)


def make_pattern(folder: Path) -> Machine:
    """Make the repository with its baseline, of which each night gets a copy."""
    return make_machine(folder, nightscripts.FILES)


@dataclass(frozen=True)
class Night:
    """One machine; `name` is that of its files in /etc/cron.d."""

    name: str
    machine: Machine

    @property
    def folder(self) -> Path:
        """Where all of it lies."""
        return self.machine.folder

    @property
    def program(self) -> str:
        """The agentkit of this night, by whose path its mails are known."""
        return f"{self.folder}/bin/agentkit"

    @property
    def lock(self) -> Path:
        """The lock that a killed run leaves."""
        return self.machine.scripts / "data/backup.lock"

    def configure(self, think: str, proposer: str) -> None:
        """Write the configuration: who thinks, and who proposes."""
        self.machine.configure(
            f'[heartbeat]\nlock_files = ["{self.lock}"]\n'
            f'[[depmap.declare]]\nfrom = "job:backup-{self.name}"\nto = "file:{self.machine.scripts}/backup.sh"\n'
            f'[[depmap.declare]]\nfrom = "job:report-{self.name}"\nto = "job:backup-{self.name}"\n'
            f'[evolve]\nrepository = "{self.machine.scripts}"\nproposer = ["{self.folder}/bin/{proposer}"]\n'
            f'[[think.runbook]]\nname = "look"\nmatch = {{type = "stale-lock"}}\nrun = ["{self.folder}/bin/runbook"]\n'
            f"offered = false\n{think}"
        )

    def provider(self, name: str) -> str:
        """Return the table of a provider that is a program of this night."""
        return PROVIDER.format(name=name, folder=self.folder)

    def install_jobs(self, cron: RealCron) -> None:
        """Let cron run the jobs; each night has names of its own, for a map holds all lines of the machine."""
        run = f"* * * * root {self.program} heartbeat run"
        scripts = self.machine.scripts
        self._install(
            cron, "jobs",
            f"*/3 {run} backup-{self.name} --quiet --expect-output '^saved' -- sh {scripts}/backup.sh",
            f"1-59/3 {run} report-{self.name} --quiet -- sh {scripts}/report.sh",
        )  # fmt: skip

    def install_watch(self, cron: RealCron) -> None:
        """Let cron keep the night watch."""
        *times, command = read_watch(self.program).split(" ", 5)
        self._install(cron, "watch", " ".join([*times, "root", command]))

    def _install(self, cron: RealCron, what: str, *lines: str) -> None:
        names = {"AGENTKIT_HOME": str(self.machine.home), "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        head = [f"{name}={value}" for name, value in names.items()]
        path = cron.install_cron_d(f"{self.name}-{what}", "\n".join([*head, *lines, ""]))
        # The daemon compares whole seconds.
        later = time.time() + 2
        os.utime(path.parent, (later, later))

    def end(self, cron: RealCron) -> None:
        """Take its lines away."""
        for path in (cron.root / "etc/cron.d").glob(f"{self.name}-*"):
            path.unlink()

    def agentkit(self, cron: RealCron, words: str) -> subprocess.CompletedProcess[str]:
        """Run agentkit, or a pipe of it, where cron's jobs run."""
        line = f"cd / && {words.replace('agentkit', self.program)}"
        return cron.run(["env", f"AGENTKIT_HOME={self.machine.home}", "sh", "-c", line], limit_s=LIMIT_S)

    def records(self, cron: RealCron, words: str) -> list[dict[str, object]]:
        """Return what agentkit prints as JSON Lines."""
        return [json.loads(line) for line in self.agentkit(cron, words).stdout.splitlines()]

    def runs(self, cron: RealCron, job: str) -> list[str]:
        """Return how the runs of a job ended, the newest first."""
        return [
            str(run["state"])
            for run in self.records(cron, f"agentkit heartbeat history {job} --json")
            if run["state"] not in ("started", "running", "skipped")
        ]

    def findings(self, cron: RealCron) -> list[tuple[str, ...]]:
        """Return what is wrong and why, without the place of this night: type, subject, root, what falls."""
        told = self.records(cron, "agentkit heartbeat check --json | agentkit depmap explain --json --quiet")
        return sorted(
            tuple(
                json.dumps(part).replace(str(self.folder), "").replace(f"-{self.name}", "")
                for part in (one["type"], one["subject"], one.get("cause"), one.get("impact"))
            )
            for one in told
            if one["kind"] == "finding" and one["state"] == "firing" and one["severity"] != "info"
        )

    def order(self) -> list[str]:
        """Return who was called, in that order."""
        path = self.folder / "order"
        return path.read_text().split() if path.exists() else []

    def look(self) -> dict[str, str]:
        """Return all that a person would miss in the repository; what the jobs write is no part of it."""
        seen = {name: text for name, text in self.machine.look().items() if not name.startswith("data/")}
        return {**seen, "status": self.machine.git("status", "--porcelain")}

    def mails(self, cron: RealCron) -> list[str]:
        """Return what cron mailed for the watch of this night."""
        return [mail for mail in cron.mails if f"{self.program} heartbeat run night-watch" in mail]


def make_night(pattern: Machine, name: str, folder: Path) -> Night:
    """Make a night of a pattern: its programs, its papers, and nothing configured."""
    night = Night(name, copy_machine(pattern, folder / name))
    (night.folder / "bin").mkdir()
    (night.machine.scripts / "data/papers").mkdir(parents=True)
    (night.machine.scripts / "data/papers/one").touch()
    launcher = f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)} -m agentkit "$@"\n'
    programs = {
        "agentkit": launcher, "tar": nightscripts.SLOW_TAR.format(folder=night.folder),
        "runbook": nightscripts.RUNBOOK.format(folder=night.folder),
        "thinker": nightscripts.THINKER.format(folder=night.folder), "mender": nightscripts.MENDER,
        "breaker": nightscripts.BREAKER, "sleeper": nightscripts.SLEEPER,
    }  # fmt: skip
    for program, text in programs.items():
        (night.folder / "bin" / program).write_text(text)
        (night.folder / "bin" / program).chmod(0o755)
    return night


@contextmanager
def hanging_server(network_of: int) -> Iterator[str]:
    """Listen in another's network namespace and never answer; yield the address for a provider."""
    words = ["nsenter", f"--target={network_of}", "--net", "--", sys.executable, "-c", nightscripts.HANGING_SERVER]
    with subprocess.Popen([*words, str(HANGING_PORT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield f"http://127.0.0.1:{HANGING_PORT}/v1"
        finally:
            process.kill()
