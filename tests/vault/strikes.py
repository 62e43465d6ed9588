"""A verb of the vault that is struck at one of its system calls, by a kill or by an error of the kernel."""

import os
import random
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from agentkit.core.errors import AgentkitError, Exit
from tests.vault.ownvault import OwnVault, count_granted, read_chain

# What the kernel may say to each call on a file.
ERRORS = {
    "openat": ("EACCES", "EIO", "EMFILE", "ENOMEM"),
    "newfstatat": ("EACCES", "EIO", "ENOMEM"),
    "lstat": ("EACCES", "EIO"),
    "read": ("EIO", "EINTR"),
    "pread64": ("EIO", "EINTR"),
    "write": ("ENOSPC", "EIO", "EDQUOT", "EINTR"),
    "pwrite64": ("ENOSPC", "EIO"),
    "fdatasync": ("EIO", "ENOSPC", "EINTR"),
    "fsync": ("EIO", "ENOSPC"),
    "flock": ("ENOLCK", "ENOMEM", "EINTR"),
    "mkdir": ("ENOSPC", "EACCES", "EROFS"),
    "rename": ("ENOSPC", "EIO", "EACCES"),
    "fchmod": ("EPERM", "EIO"),
    "getdents64": ("EIO",),
    "unlink": ("EIO",),
    "close": ("EIO",),
}
# None of them is a bug.
STATUSES = (0, Exit.UNAVAILABLE, Exit.CANNOT_WRITE, Exit.TRY_LATER, Exit.TAMPERED, Exit.REFUSED)
MOST_LINES = 3
OLD, NEW = b"the old value \x00\xff", b"the new value \x01\xfe"
CALL = re.compile(r"^\d+ +(\w+)\(")
SEGMENTS_UNTIL_FRESH = 40


@dataclass(frozen=True)
class Call:
    """The Nth system call of its name; ours is one on a file of the vault, or on stdout."""

    name: str
    when: int
    is_ours: bool


@dataclass(frozen=True)
class Verb:
    """A verb in one of its situations; `{name}` in its words is the secret."""

    title: str
    words: tuple[str, ...]
    stdin: bytes = b""
    has_old: bool = True
    more: tuple[tuple[str, str], ...] = ()
    small: bool = False
    torn: bytes = b""
    status: int = 0

    @property
    def is_get(self) -> bool:
        return self.words[0] == "get"


SET = ("set", "{name}", "--purpose", "a test")
VERBS = (
    Verb("get", ("get", "{name}", "--reason", "x")),
    Verb("get of what is missing", ("get", "{name}", "--reason", "x"), has_old=False, status=69),
    Verb("get in a conversation", ("get", "{name}", "--reason", "x"), more=(("CLAUDECODE", "1"),), status=77),
    Verb("get after a torn write", ("get", "{name}", "--reason", "x"), torn=b'{"prev": "12'),
    Verb("get in small segments", ("get", "{name}", "--reason", "x"), small=True),
    Verb("set of a new one", SET, NEW, has_old=False),
    Verb("set of another value", SET, NEW),
    Verb("set of words alone", ("set", "{name}", "--keep-value", "--owner", "somebody")),
    Verb("set in small segments", SET, NEW, small=True),
    Verb("init", ("init", "--new-recovery", "{folder}/recovery.key"), has_old=False),
)


class Anvil:
    """Where one verb is struck again and again, each time on a secret of its own."""

    def __init__(self, verb: Verb, folder: Path) -> None:
        self.verb = verb
        self.folder = folder
        self.number = 0
        self.vault: OwnVault

    def prepare(self) -> str:
        """Return the name of a new secret, in a vault that is made anew now and then."""
        self.number += 1
        if self.verb.words[0] == "init":
            self.vault = OwnVault(self.folder / str(self.number), is_founded=False)
        elif self.number % SEGMENTS_UNTIL_FRESH == 1:
            self.vault = OwnVault(self.folder / str(self.number))
        name = f"db/secret-{self.number}"
        if self.verb.has_old:
            self.vault.set(name, OLD)
        if self.verb.torn:
            with self.vault.segment.open("ab") as file:
                file.write(self.verb.torn)
        return name

    def strike(self, name: str, inject: str) -> "subprocess.CompletedProcess[bytes]":
        """Run the verb with something injected into its system calls, as strace writes it."""
        call = inject.split(":", maxsplit=1)[0]
        return self._run(name, ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                                "-e", f"inject={inject}"))  # fmt: skip

    def _run(self, name: str, before: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[bytes]":
        verb = self.verb
        words = [word.format(name=name, folder=self.vault.folder) for word in verb.words]
        return self.vault.run(*words, stdin=verb.stdin, before=before, more=dict(verb.more), small=verb.small, cwd="/")

    def list_calls(self) -> tuple[list[Call], int]:
        """Return the system calls of the verb in their order, and where its work begins.

        All before that is the interpreter's start.
        """
        self._run(self.prepare())  # the first compiles what it imports, and makes other calls for it
        name = self.prepare()
        table = self.folder / "calls"
        self._run(name, ("strace", "-f", "-y", "-o", str(table)))
        calls: list[Call] = []
        counts: dict[str, int] = {}
        start = 0
        for row in table.read_text(errors="replace").splitlines():
            found = CALL.match(row)
            if not found or found[1] in ("execve", "exit_group"):
                continue
            counts[found[1]] = counts.get(found[1], 0) + 1
            if not start and (str(self.vault.places.vault) in row or "PR_SET_DUMPABLE" in row):
                start = len(calls)
            is_ours = str(self.vault.folder) in row or f"{found[1]}(1<" in row
            calls.append(Call(found[1], counts[found[1]], is_ours))
        assert start, "the work of the verb was not found among its system calls"
        return calls, start

    def find_faults(self, name: str, ended: "subprocess.CompletedProcess[bytes]", granted_before: int) -> list[str]:
        """Return what is wrong after a strike, and what is when the verb has been run again."""
        verb, vault = self.verb, self.vault
        if verb.words[0] == "init":
            return self._find_faults_of_init(ended)
        faults = []
        found = read_chain(vault.audit, may_end_torn=True)
        if verb.is_get and ended.stdout and count_granted(found) != granted_before + 1:
            faults.append("something was released without its record")
        if ended.stdout not in (b"", OLD) or (ended.stdout and not verb.is_get):
            faults.append(f"it wrote {ended.stdout!r}")
        value = self._read(name)
        if value not in ((OLD, NEW) if verb.has_old else (None, NEW)):
            faults.append(f"the value is {value!r}")
        again = self._again(name)
        if again is not None:
            faults.append(f"again: {again}")
        wanted = {b"get": OLD, b"set": NEW}[verb.words[0].encode()] if verb.stdin or verb.has_old else None
        if "--keep-value" in verb.words:
            wanted = OLD
        if self._read(name) != wanted:
            faults.append(f"the value after that is {self._read(name)!r}")
        try:
            vault.records()
        except AssertionError as error:
            faults.append(f"the log: {error}")
        left = [file for file in vault.files() if "/.new-" in file and name.rsplit("/", maxsplit=1)[0] in file]
        if left and not verb.is_get:
            faults.append(f"left behind: {left}")
        return faults

    def _read(self, name: str) -> bytes | None:
        try:
            return self.vault.get(name)
        except AgentkitError as error:
            # A first version that was cut off is not there yet: its `set` never ended.
            if not self.verb.has_old and ("no secret" in error.message or "never completed" in error.message):
                return None
            return error.message.encode()

    def _again(self, name: str) -> str | None:
        try:
            if self.verb.words[0] == "set":
                self.vault.set(name, None if "--keep-value" in self.verb.words else NEW)
        except AgentkitError as error:
            return error.message
        return None

    def _find_faults_of_init(self, ended: "subprocess.CompletedProcess[bytes]") -> list[str]:
        vault = self.vault
        if not os.path.lexists(vault.places.vault):
            try:
                vault.found()
            except AgentkitError as error:
                return [f"again: {error.message}"]
        vault.set("after", NEW)
        faults = [] if vault.get("after") == NEW else ["what was set does not come out"]
        opened = subprocess.run(
            ["age", "-d", "-i", str(vault.recovery), vault.places.current("after")],
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        if opened.stdout != NEW:
            faults.append("the recovery key does not open it")
        read_chain(vault.audit)
        state = Path(vault.places.vault).parent
        left = [path.name for path in state.iterdir() if path.name.startswith(".vault-")]
        if left and ended.returncode == 0:
            faults.append(f"left behind: {left}")
        return faults


def strike_once(anvil: Anvil, inject: str) -> tuple[list[str], "subprocess.CompletedProcess[bytes]"]:
    """Strike the verb once, and return the faults found and how it ended."""
    name = anvil.prepare()
    is_init = anvil.verb.words[0] == "init"
    before = 0 if is_init else count_granted(read_chain(anvil.vault.audit, may_end_torn=True))
    ended = anvil.strike(name, inject)
    told = [f"{anvil.verb.title}, {inject}: {fault}" for fault in anvil.find_faults(name, ended, before)]
    return told, ended


def choose_kills(anvil: Anvil, choices: random.Random, most: int | None, most_of_start: int) -> list[str]:
    """Return where the verb is killed: at all calls of its work, or `most`, and at some of the interpreter's start."""
    calls, start = anvil.list_calls()
    work, early = calls[start:], calls[:start]
    if most is not None and most < len(work):
        work = choices.sample(work, most)
    chosen = work + choices.sample(early, min(most_of_start, len(early)))
    return [f"{call.name}:signal=KILL:when={call.when}" for call in chosen]


def choose_errors(anvil: Anvil, choices: random.Random, most: int | None) -> list[str]:
    """Return which errors the verb gets: each that fits, at all calls on files of the vault, or `most`."""
    calls, start = anvil.list_calls()
    points = [
        f"{call.name}:error={error}:when={call.when}"
        for call in calls[start:]
        if call.is_ours
        for error in ERRORS.get(call.name, ())
    ]
    return points if most is None else choices.sample(points, min(most, len(points)))


def find_faults_of_errors(anvil: Anvil, inject: str) -> tuple[list[str], int]:
    """Let the kernel give the verb an error, and return the faults found and the status."""
    told, ended = strike_once(anvil, inject)
    said = ended.stderr.decode(errors="replace")
    where = f"{anvil.verb.title}, {inject}: status {ended.returncode}"
    if ended.returncode not in STATUSES and ended.returncode != anvil.verb.status:
        told.append(f"{where}, {said!r}")
    if ended.returncode and said.count("agentkit: error: ") != 1:
        told.append(f"{where}, {said!r}")
    if "Traceback" in said or len(said.splitlines()) > MOST_LINES:
        told.append(f"{where}, {said!r}")
    if ended.stdout and ended.returncode and anvil.verb.is_get:
        told.append(f"{where}, and it wrote {len(ended.stdout)} bytes")
    return told, ended.returncode
