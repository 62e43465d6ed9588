"""A machine with a repository of small scripts, an accepted baseline, and the whole of agentkit to call."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentkit.core.ourselves import call_ourselves

LIMIT_S = 120
JOB = """#!/bin/sh
# Saves what there is to save.
echo saved
"""
TEST_JOB = """import subprocess


def test_it_saves():
    ended = subprocess.run(["sh", "job.sh"], capture_output=True, timeout=20, check=True)
    assert b"saved" in ended.stdout


def test_it_says_nothing_else():
    ended = subprocess.run(["sh", "job.sh"], capture_output=True, timeout=20, check=True)
    assert ended.stderr == b""
"""
# The same two tests in a shell: pytest takes 0.6 s a run, and a rejection has seven of them.
JUDGE = """#!/bin/sh
# Runs the tests of job.sh, and writes as JUnit XML into $1 what they gave.
said=$(timeout 20 sh job.sh 2>&1 >printed) || : >printed
status=0
tell() {
    printf '<testcase classname="test_job" name="%s">' "$1"
    [ -z "$2" ] || { status=1; printf '<failure message="%s">%s</failure>' "$2" "$2"; }
    printf '</testcase>\\n'
}
{
    printf '<testsuite name="jobs">\\n'
    tell test_it_saves "$(grep -q saved printed || echo not saved)"
    tell test_it_says_nothing_else "$([ -z "$said" ] || echo something else)"
    printf '</testsuite>\\n'
} > "$1"
exit $status
"""
JUDGED = '[ratchet]\ncommand = ["sh", "tests/judge.sh", "{report}"]\n'
OTHERS = {"README": "scripts of this machine\n", ".gitignore": "*.log\n"}
FILES = {"job.sh": JOB, "tests/judge.sh": JUDGE, "agentkit.toml": JUDGED, **OTHERS}
# For a test that needs what pytest alone tells, or its kind of tests.
PYTEST_FILES = {"job.sh": JOB, "test_job.py": TEST_JOB, **OTHERS}
judged_by_pytest = pytest.mark.judged_by_pytest
# What a proposer does, in the words of a shell: one that passes, and one that breaks a test.
GOOD = "printf '# twice as safe\\n' >> job.sh"
BAD = "sed -i s/saved/lost/ job.sh"


@dataclass(frozen=True)
class Machine:
    """A folder with a repository `scripts` and a home of agentkit."""

    folder: Path

    @property
    def scripts(self) -> Path:
        """The repository of the person."""
        return self.folder / "scripts"

    @property
    def home(self) -> Path:
        """Where agentkit keeps what it knows."""
        return self.folder / "home"

    @property
    def environ(self) -> dict[str, str]:
        """What a command gets."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "AGENTKIT_HOME": str(self.home),
                "LC_ALL": "C.UTF-8"}  # fmt: skip

    def call(
        self, *words: str, stdin: str = "", cwd: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> tuple[int, str, str]:
        """Run `agentkit WORDS…` in the repository: (status, stdout, stderr)."""
        ended = subprocess.run(
            call_ourselves(*words), cwd=cwd or self.scripts, env={**self.environ, **(environ or {})},
            input=stdin.encode(), capture_output=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
        return ended.returncode, ended.stdout.decode(), ended.stderr.decode()

    def ask(self, *words: str, stdin: str = "") -> tuple[int, list[dict[str, object]]]:
        """Run `agentkit evolve WORDS… --json`: (status, records)."""
        status, stdout, _ = self.call("evolve", *words, "--json", stdin=stdin)
        return status, [json.loads(line) for line in stdout.splitlines()]

    def git(self, *words: str, check: bool = True) -> str:
        """Run git as the person does, and return what it prints."""
        ended = subprocess.run(
            ["git", *words], cwd=self.scripts, env=self.environ, capture_output=True, timeout=LIMIT_S, check=False
        )
        assert not check or ended.returncode == 0, (words, ended.stderr.decode())
        return os.fsdecode(ended.stdout).strip()

    def write(self, files: Mapping[str, str]) -> None:
        """Write files into the work tree."""
        for name, text in files.items():
            path = self.scripts / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def configure(self, text: str) -> None:
        """Write the configuration."""
        self.home.mkdir(mode=0o700, exist_ok=True)
        (self.home / "agentkit.toml").write_text(text)
        (self.home / "agentkit.toml").chmod(0o600)

    def look(self) -> dict[str, str]:
        """Return what a person would miss: work tree byte for byte, index, stash, branches, HEAD."""
        seen = {"HEAD": (self.scripts / ".git/HEAD").read_text(), "index": self.git("ls-files", "--stage", "-t"),
                "refs": self.git("for-each-ref", "refs/heads", "refs/tags", "refs/stash")}  # fmt: skip
        for path in sorted(self.scripts.rglob("*")):
            name = str(path.relative_to(self.scripts))
            if name.split("/", maxsplit=1)[0] == ".git" or path.is_dir():
                continue
            content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
            seen[name] = f"{path.lstat().st_mode:o} {hashlib.sha256(content).hexdigest()}"
        return seen

    def candidates(self) -> dict[str, str]:
        """Return {id: commit} of the refs."""
        rows = self.git("for-each-ref", "--format=%(refname:lstrip=3) %(objectname)", "refs/agentkit/candidates")
        return dict(row.split(" ") for row in rows.splitlines())


def make_machine(folder: Path, files: Mapping[str, str] = FILES) -> Machine:
    """Make a machine whose repository holds these files, committed and accepted."""
    machine = Machine(folder)
    machine.scripts.mkdir(parents=True)
    machine.git("init", "-q", "-b", "main")
    machine.git("config", "user.name", "a person")
    machine.git("config", "user.email", "person@example.org")
    machine.write(files)
    machine.git("add", "-A")
    machine.git("commit", "-qm", "begin")
    status, _, stderr = machine.call("ratchet", "init")
    assert status == 0, stderr
    return machine


def copy_machine(source: Machine, folder: Path) -> Machine:
    """Return a copy of a machine, which costs less than a new one."""
    shutil.copytree(source.folder, folder, symlinks=True)
    return Machine(folder)
