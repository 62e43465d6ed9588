"""A vault in a folder of its own, its verbs as processes and as calls, and what must be true of it at any time."""

import atexit
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from agentkit.vault.access import Wish, release
from agentkit.vault.asker import find_asker
from agentkit.vault.founding import found_vault
from agentkit.vault.locked import lock_vault
from agentkit.vault.places import find_places
from agentkit.vault.setting import Particulars, set_secret
from tests.conftest import ROOT
from tests.otherusers import AS_NOBODY, copy_libraries, find_python

LIMIT_S = 120.0
ZEROS = "0" * 64
NOW_S = 1_800_000_000.0
# The same program with segments so small that every few records begin one.
SMALL_SEGMENTS = """
import sys
from agentkit.vault.log import chain
chain.SEGMENT_BYTES = 1500
from agentkit.__main__ import main
sys.exit(main())
"""


@cache
def find_template() -> str:
    """Return a folder with an empty vault, made once: nothing in a vault says where it lies."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    OwnVault(Path(folder) / "own", is_founded=False).found()
    return f"{folder}/own"


class OwnVault:
    """A vault under a folder; `run` starts a verb as a process, `get` and `set` call what the verbs call."""

    def __init__(self, folder: Path, *, is_founded: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.environ = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "AGENTKIT_HOME": str(folder / "home"),
            "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "TERM": "dumb",
        }  # fmt: skip
        self.places = find_places(self.environ)
        self.recovery = folder / "recovery.key"
        self.python = sys.executable
        self.who: Mapping[str, object] = {}
        if is_founded:
            shutil.copytree(find_template(), folder, dirs_exist_ok=True)

    def become_nobody(self) -> None:
        """Run the verbs as another user from now on; the files stay whose they are."""
        self.who = AS_NOBODY
        self.python = find_python()
        self.environ["PYTHONPATH"] = str(copy_libraries(self.folder))

    def found(self) -> None:
        found_vault(self.places, ["agentkit", "vault", "init"], recovery=None, new_recovery=str(self.recovery))

    @property
    def audit(self) -> Path:
        return Path(self.places.audit)

    @property
    def segment(self) -> Path:
        return self.audit / "000001.jsonl"

    @property
    def head(self) -> Path:
        return self.audit / "head"

    def set(self, name: str, value: bytes | None, particulars: Particulars | None = None) -> int:
        return set_secret(self.environ, name, value, particulars or Particulars(purpose="a test"), NOW_S)

    def get(self, name: str, reason: str = "test") -> bytes:
        with lock_vault(self.places, find_asker(self.environ, ["agentkit", "vault", "get"], self.places)) as vault:
            return release(vault, [Wish("get", name, "stdout", reason)])[0]

    def start(
        self, *words: str, before: tuple[str, ...] = (), more: dict[str, str] | None = None, small: bool = False,
        program: tuple[str, ...] = ("-m", "agentkit"), **options: object,
    ) -> "subprocess.Popen[bytes]":  # fmt: skip
        given = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **self.who, **options}
        environ = {**self.environ, **(more or {})}
        command = [*before, self.python, *(("-c", SMALL_SEGMENTS) if small else program), "vault", *words]
        return subprocess.Popen(command, env=environ, **given)  # type: ignore[call-overload, no-any-return]

    def run(
        self, *words: str, stdin: bytes = b"", limit_s: float = LIMIT_S, **options: object
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a verb to its end; `before` are words in front of it, `more` adds to its environment."""
        with self.start(*words, **options) as process:  # type: ignore[arg-type]
            try:
                out, err = process.communicate(stdin, timeout=limit_s)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def records(self) -> list[dict[str, object]]:
        """Return the records of the log, after a look at its chain."""
        return read_chain(self.audit)

    def files(self) -> dict[str, bytes]:
        """Return what every file of the vault but its log and its head holds."""
        root = Path(self.places.vault)
        found = {str(path.relative_to(root)): path for path in sorted(root.rglob("*")) if path.is_file()}
        return {name: path.read_bytes() for name, path in found.items() if not name.endswith((".jsonl", "/head"))}


def read_chain(audit: Path, *, may_end_torn: bool = False) -> list[dict[str, object]]:
    """Return the records of a log whose chain is whole, written without a line of the code under test.

    AssertionError where it is not: a line that stands on another, a number out of its place, a piece that no record
    sets aside, a segment whose header says something else of the one before it.
    """
    records: list[dict[str, object]] = []
    prev, number, pieces, size = ZEROS, 0, [], 0
    after = prev
    paths = sorted(audit.glob("*.jsonl"))
    assert [path.name for path in paths] == [f"{place:06}.jsonl" for place in range(1, len(paths) + 1)]
    for place, path in enumerate(paths, 1):
        raw = path.read_bytes()
        lines = raw.split(b"\n")
        torn = lines.pop()
        has_begun, last_head = place == 1, prev
        for line in lines:
            record = read_record(line, prev, number)
            if record is None or (pieces and record["op"] != "torn"):
                after = after if pieces else prev
                pieces.append(hashlib.sha256(line).hexdigest())
            else:
                if pieces:
                    assert (record["fragments"], record["torn"], record["after"]) == (pieces, len(pieces), after)
                    pieces = []
                elif not has_begun:
                    begun = (record["op"], record["segment"], record["last_bytes"], record["last_head"])
                    assert begun == ("segment", place, size, last_head)
                    has_begun = True
                records.append(record)
            prev, number = hashlib.sha256(line).hexdigest(), number + 1
        size = len(raw)
        assert may_end_torn or not torn, f"{path.name} ends with {torn!r}"
    assert may_end_torn or not pieces, f"{len(pieces)} pieces at the end are set aside by no record"
    return records


def read_record(line: bytes, prev: str, number: int) -> dict[str, object] | None:
    if not line.startswith(b'{"prev": "%s", "seq": %d, "at": "' % (prev.encode(), number)):
        return None
    try:
        record: dict[str, object] = json.loads(line)
    except ValueError:
        return None
    return record


def count_granted(records: list[dict[str, object]]) -> int:
    return sum((record["op"], record["outcome"]) == ("get", "granted") for record in records)
