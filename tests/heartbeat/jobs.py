"""How does a test run jobs as real processes, read their evidence, and give them a machine of their own?"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from agentkit.core import tree

ROOT = Path(__file__).parent.parent.parent
LIMIT_S = 60.0
Record = dict[str, Any]
Found = TypeVar("Found")

# A mount namespace in which /tmp and /var/lib are folders of the test; what is needed from below /tmp stays visible.
MACHINE = r"""
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
number=0
for kept in "$BASE" $KEPT; do
    number=$((number + 1)); mkdir "/mnt/$number"; mount --bind "$kept" "/mnt/$number"
done
mount --bind "$BASE/var-lib" /var/lib
mount --bind "$BASE/tmp" /tmp
number=0
for kept in "$BASE" $KEPT; do
    number=$((number + 1))
    case "$kept" in /tmp/*) mkdir -p "$kept"; mount --bind "/mnt/$number" "$kept" ;; esac
done
"""
# root without its capabilities: modes and owners count for it as for everybody.
POWERLESS = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--ambient-caps", "-all")


class Job:
    """The runs of one test, all with the same state folder."""

    def __init__(self, base: Path, environ: Mapping[str, str]) -> None:
        self.base = base
        self.environ = dict(environ)
        self.home = Path(environ["AGENTKIT_HOME"])
        self.started: list[subprocess.Popen[bytes]] = []

    def words(self, *words: str, python: tuple[str, ...] = ()) -> list[str]:
        return [sys.executable, *python, "-m", "agentkit", "heartbeat", "run", *words]

    def run(
        self,
        *words: str,
        input: bytes = b"",  # noqa: A002  # the name that subprocess.run has for it
        before: tuple[str, ...] = (),
        **how: object,
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a job to its end; `before` are words in front of the wrapper, such as `nohup`."""
        how = {"env": self.environ, "timeout": LIMIT_S, "capture_output": True, "input": input, **how}
        return subprocess.run([*before, *self.words(*words)], check=False, **how)  # type: ignore[call-overload]

    def start(self, *words: str, before: tuple[str, ...] = (), **how: object) -> "subprocess.Popen[bytes]":
        """Start a job; what is left of it is killed when the test ends."""
        how = {"env": self.environ, "stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, **how}
        process = subprocess.Popen([*before, *self.words(*words)], **how)  # type: ignore[call-overload]
        self.started.append(process)
        return process

    def records(self, home: Path | None = None) -> list[Record]:
        """Return all records that are on disk, in the order in which they were written."""
        found: list[Record] = []
        for file in sorted((home or self.home).glob("spool/*.jsonl")):
            found += [json.loads(line) for line in file.read_bytes().splitlines() if line]
        return found

    def closings(self) -> list[Record]:
        return [record for record in self.records() if record["state"] != "started"]

    def last(self) -> Record:
        return self.records()[-1]

    def await_start(self, count: int = 1) -> Record:
        """Wait until that many runs have written that they started; return the record of the last of them."""
        return wait_for(lambda: [r for r in self.records() if r["state"] == "started"][count - 1 :])[0]

    def members(self) -> dict[int, int]:
        """Return {pid: start} of what lives of any run of this test."""
        return tree.find_marked(f"AGENTKIT_HOME={self.home}".encode())

    def in_machine(self, script: str, **more: str) -> "subprocess.CompletedProcess[bytes]":
        """Run a shell script as root of a mount namespace; `$RUN` is the wrapper, `/tmp` and `/var/lib` are ours."""
        for folder, mode in (("tmp", 0o1777), ("var-lib", 0o755)):
            (self.base / folder).mkdir(exist_ok=True)
            (self.base / folder).chmod(mode)
        kept = {str(ROOT), sys.prefix, sys.base_prefix}
        environ = {
            **self.environ,
            "BASE": str(self.base),
            "KEPT": " ".join(sorted(path for path in kept if path.startswith("/tmp/"))),
            "RUN": " ".join(self.words()),
            "POWERLESS": " ".join(POWERLESS),
            **more,
        }
        words = ["unshare", "--mount", "--map-root-user", "sh", "-euc", MACHINE + script]
        return subprocess.run(words, env=environ, capture_output=True, timeout=LIMIT_S, check=False, cwd="/")


def lives(pid: int) -> bool:
    """Tell whether the process runs: who was killed may stay a zombie until its new parent looks."""
    stat = tree.read_stat(pid)
    return stat is not None and tree.runs(stat)


def wait_for(look: Callable[[], Found]) -> Found:
    """Return what `look` finds as soon as it finds anything."""
    due = time.monotonic() + LIMIT_S
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < due, "it never came to that"
        time.sleep(0.01)
