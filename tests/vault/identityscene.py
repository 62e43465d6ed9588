"""A vault whose identity is rotated by a process of its own, and what must be true at every instant and at its end."""

import base64
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from agentkit.core.errors import AgentkitError
from agentkit.vault.access import Wish, find_previous, release
from agentkit.vault.age import seal_value
from agentkit.vault.asker import find_asker
from agentkit.vault.founding import found_vault
from agentkit.vault.keys import derive_recipients_keys, derive_row_keys, read_identities
from agentkit.vault.locked import lock_vault
from agentkit.vault.places import find_places
from agentkit.vault.recipients import Recipients, read_recipients
from agentkit.vault.rotations.identityrotationfile import NOTE
from agentkit.vault.rotations.rotationstate import Rotation, read_rotation, seal_text, write_rotation
from agentkit.vault.rows import Row, list_names, read_row
from agentkit.vault.setting import Particulars, set_secret
from agentkit.vault.store import keep_pending
from tests.conftest import ROOT

LIMIT_S = 300.0
NOW_S = 1_795_716_000.0
MOST_RUNS = 3
# The secrets of a vault that is rotated in a test.
COUNT = 7
WORDS = (sys.executable, "-m", "agentkit", "vault", "rotate", "--identity")
# What changes anything; strace counts each call for itself.
CALLS = (
    "write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "rmdir", "mkdir", "flock", "ftruncate", "truncate",
)  # fmt: skip
# The files of a vault that are sealed for its identity.
SEALED = ("secrets", "previous", "pending", "resealed")


class Scene:
    """A vault of `count` secrets: with older versions, what a killed `set` left, and a rotation of one secret."""

    def __init__(self, folder: Path, count: int) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.places = find_places(self.environ)
        found_vault(self.places, ["agentkit"], recovery=None, new_recovery=str(folder / "recovery.key"))
        self.values = {f"team-{number % 7}/secret-{number}": _make_value() for number in range(count)}
        self.before: dict[str, bytes] = {}
        for number, (name, value) in enumerate(self.values.items()):
            if number % 3 == 0:
                self.before[name] = _make_value()
                self.set(name, self.before[name])
            self.set(name, value)
        name = next(iter(self.values))
        set_secret(self.environ, name, None, Particulars(owner="ops"), NOW_S)
        identities, listed = self.read_keys()
        recipients = [listed.identity, listed.recovery]
        self.pending = {name: _make_value(), "never/finished": _make_value()}
        for one, value in self.pending.items():
            keep_pending(self.places, one, seal_value(value, recipients))
        self.rotated = name
        self.new_value, self.old_value = _make_value(), _make_value()
        new, old = seal_text(self.new_value, recipients), seal_text(self.old_value, recipients)
        write_rotation(self.places, Rotation("0" * 16, name, NOW_S, new=new, old=old), identities)
        Path(self.places.vault, "secrets", ".new-abcdefgh").write_bytes(seal_value(_make_value(), recipients))
        Path(f"{os.path.dirname(self.places.identity)}/.identity-new-abcdefgh").write_text("# a key, half written")
        self.old_identity = folder / "old-identity"
        shutil.copy(self.places.identity, self.old_identity)
        self.old_recovery = folder / "recovery.key"

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "AGENTKIT_HOME": str(self.folder / "home"),
            "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "TERM": "dumb", "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip

    def copy_to(self, folder: Path) -> "Scene":
        """Return the same vault in another folder."""
        shutil.copytree(self.folder, folder)
        other = object.__new__(Scene)
        other.__dict__.update(self.__dict__)
        other.values, other.before, other.pending = dict(self.values), dict(self.before), dict(self.pending)
        other.folder, other.old_identity = folder, folder / "old-identity"
        other.old_recovery = folder / "recovery.key"
        other.places = find_places(other.environ)
        return other

    def set(self, name: str, value: bytes) -> None:
        set_secret(self.environ, name, value, Particulars(purpose="a test"), NOW_S)

    def set_anew(self, name: str) -> None:
        """Set another value, as a person may at any moment."""
        # What waits there is what this change takes the place of.
        self.pending.pop(name, None)
        self.before[name], self.values[name] = self.values[name], _make_value()
        self.set(name, self.values[name])

    def get(self, name: str) -> bytes:
        with lock_vault(self.places, find_asker(self.environ, ["agentkit"], self.places)) as vault:
            return release(vault, [Wish("get", name, "stdout", "test")])[0]

    def read_keys(self) -> tuple[list[str], Recipients]:
        identities = read_identities(self.places.identity)
        return identities, read_recipients(self.places.recipients, derive_recipients_keys(identities))

    def row(self, name: str) -> Row:
        row = read_row(self.places.row(name), name)
        assert row is not None
        return row

    def records(self) -> list[dict[str, object]]:
        raw = Path(self.places.audit, "000001.jsonl").read_bytes()
        # What a crash tore ends in no brace.
        return [json.loads(line) for line in raw.splitlines() if line.endswith(b"}")]

    def start(self, *before: str, words: Sequence[str] = ()) -> "subprocess.Popen[bytes]":
        """Start a rotation of the identity, behind other words if need be."""
        return subprocess.Popen(
            [*before, *WORDS, *words],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *before: str, words: Sequence[str] = ()) -> "subprocess.CompletedProcess[bytes]":
        """Rotate the identity, or go on with it."""
        process = self.start(*before, words=words)
        said, complained = process.communicate(timeout=LIMIT_S)
        assert b"Traceback" not in complained, complained.decode()
        return subprocess.CompletedProcess([], process.returncode, said, complained)

    def kill_after(self, seconds: float, words: Sequence[str] = ()) -> bool:
        """Kill a rotation after a while; tell whether it was killed before its end."""
        process = self.start(words=words)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=LIMIT_S)
        return process.returncode != 0

    def kill_at(self, call: str, place: int, words: Sequence[str] = ()) -> bool:
        """Kill a rotation at the Nth of these calls; tell whether it was killed before its end."""
        inject = ("strace", "-f", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={place}")
        return self.run(*inject, words=words).returncode != 0

    def count_calls(self, table: Path, words: Sequence[str] = ()) -> dict[str, int]:
        """Return how often a rotation from here makes each of the calls."""
        ended = self.run("strace", "-f", "-o", str(table), "-e", f"trace={','.join(CALLS)}", words=words)
        assert ended.returncode == 0, ended.stderr.decode()
        rows = [row.split(maxsplit=1)[1] for row in table.read_text(errors="replace").splitlines()]
        return {call: sum(row.startswith(f"{call}(") for row in rows) for call in CALLS}

    def is_over(self) -> bool:
        """Tell whether a rotation has come to its end: the next one would be another."""
        text = Path(self.places.identity).read_text()
        return NOTE not in text and text != self.old_identity.read_text()

    def check(self) -> int:
        """Return the status of `vault check`: 76 where it takes something for the work of a hand."""
        words = [sys.executable, "-m", "agentkit", "vault", "check", "--json"]
        return subprocess.run(words, env=self.environ, capture_output=True, timeout=LIMIT_S, check=False).returncode

    def find_faults_now(self) -> list[str]:
        """Return the secrets that are not what they should be, at an instant of a rotation."""
        faults = []
        for name, value in self.values.items():
            try:
                if self.get(name) != value:
                    faults.append(f"{name} is another value")
            except AgentkitError as error:
                faults.append(f"{name}: {error.message}")
        return faults

    def finish(self, words: Sequence[str] = ()) -> list[str]:
        """Go on until the rotation has come to its end; return what is wrong then."""
        for _ in range(MOST_RUNS):
            if self.is_over() or self.run(words=words).returncode == 0:
                return self.find_faults_after()
        return [f"it does not come to its end: {self.run(words=words).stderr.decode()}"]

    def find_faults_after(self) -> list[str]:
        """Return what is wrong after a rotation: agentkit and age, with the new, the old and the recovery key."""
        faults = self.find_faults_now()
        identities, listed = self.read_keys()
        if len(identities) != 1 or identities == read_identities(str(self.old_identity)):
            faults.append("the identity file holds another than one new identity")
        if NOTE in Path(self.places.identity).read_text():
            faults.append("the identity file still tells of a rotation")
        keys = derive_row_keys(identities)
        for name in list_names(self.places.manifest):
            row = self.row(name)
            row.demand_ours(keys)
            if name in self.before and find_previous(self.places, row) is None:
                faults.append(f"{name}: the version before is bound no more")
        rotation = read_rotation(self.places, self.rotated, identities)
        assert rotation is not None
        sealed = {path.relative_to(self.places.vault): path.read_bytes() for path in self._sealed_files()}
        sealed[Path("rotation/new")] = base64.b64decode(rotation.new or "")
        sealed[Path("rotation/old")] = base64.b64decode(rotation.old or "")
        wanted = {Path("secrets", f"{name}.age"): value for name, value in self.values.items()}
        wanted |= {Path("previous", f"{name}.age"): value for name, value in self.before.items()}
        wanted |= {Path("pending", f"{name}.age"): value for name, value in self.pending.items()}
        wanted |= {Path("rotation/new"): self.new_value, Path("rotation/old"): self.old_value}
        if sealed.keys() != wanted.keys():
            faults.append(f"there is {sorted(map(str, sealed.keys() ^ wanted.keys()))}")
        for path, raw in sealed.items():
            if open_with_age(self.old_identity, raw) is not None:
                faults.append(f"the old identity opens {path}")
            for who, key in (("the recovery key", self.old_recovery), ("the new identity", self.places.identity)):
                if open_with_age(key, raw) != wanted.get(path):
                    faults.append(f"{who} does not open {path}")
        return faults + self._find_faults_of_retired(listed)

    def _find_faults_of_retired(self, listed: Recipients) -> list[str]:
        raw = Path(self.places.retired, "001.age").read_bytes()
        faults = []
        if open_with_age(self.old_recovery, raw) != self.old_identity.read_bytes():
            faults.append("the recovery key does not open the retired identity")
        if any(open_with_age(key, raw) is not None for key in (self.places.identity, self.old_identity)):
            faults.append("something else than the recovery key opens the retired identity")
        folder = Path(self.places.identity).parent
        if list(folder.iterdir()) != [Path(self.places.identity)] or list(Path(self.places.vault).rglob(".new-*")):
            faults.append("a killed writer has left a file")
        if len(list(Path(self.places.retired).iterdir())) != 1:
            faults.append("an identity was retired twice")
        done = [record for record in self.records() if (record["op"], record["phase"]) == ("rotate-identity", "done")]
        if {record["identity"] for record in done} != {listed.identity}:
            faults.append(f"what has ended on the log is {done}")
        return faults

    def _sealed_files(self) -> list[Path]:
        return [path for kind in SEALED for path in Path(self.places.vault, kind).rglob("*") if path.is_file()]


def open_with_age(identity: Path | str, ciphertext: bytes) -> bytes | None:
    """Return what stock age makes of it with that identity, None where that does not open it."""
    words = ["age", "-d", "-i", str(identity)]
    ended = subprocess.run(words, input=ciphertext, capture_output=True, timeout=LIMIT_S, check=False)
    return ended.stdout if ended.returncode == 0 else None


def choose_points(counts: dict[str, int], count: int, choices: random.Random) -> list[tuple[str, int]]:
    """Return some of the calls at which a rotation can be killed."""
    points = list_points(counts)
    return choices.sample(points, min(count, len(points)))


def list_points(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Return all calls at which a rotation can be killed."""
    return [(call, place) for call, most in counts.items() for place in range(1, most + 1)]


def _make_value() -> bytes:
    return f"needle-{os.urandom(16).hex()}".encode()
