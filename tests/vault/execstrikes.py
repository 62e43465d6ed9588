"""`vault exec` struck at one of its system calls, and what must be true right then: all calls are tried by a sweep."""

import random
import re
from pathlib import Path

import agentkit
from agentkit.core.errors import Exit
from tests.vault.ownvault import OwnVault, read_chain

NAME, VALUE = "db/password", b"a value that stands in no module"
EXEC = ("exec", "--fd", "3=db/password", "--reason", "x", "--", "/bin/cat", "/dev/fd/3")
MASKED = ("exec", "--mask", *EXEC[1:])
MASK = b"{{vault:db/password}}"
PACKAGE = str(Path(agentkit.__file__).parent)
CALL = re.compile(r"^\d+ +(\w+)\(.*")
# What the kernel may say to each call.
ERRORS = {
    "openat": ("EACCES", "EIO", "EMFILE", "ENOMEM"),
    "newfstatat": ("EACCES", "EIO"),
    "read": ("EIO",),
    "pread64": ("EIO",),
    "write": ("ENOSPC", "EIO", "EDQUOT"),
    "pwrite64": ("ENOSPC",),
    "fdatasync": ("EIO", "ENOSPC"),
    "flock": ("ENOLCK", "ENOMEM"),
    "pipe2": ("EMFILE", "ENFILE"),
    "dup2": ("EMFILE", "EBUSY"),
    "dup3": ("EMFILE", "EBUSY"),
    "clone": ("EAGAIN", "ENOMEM"),
    "signalfd4": ("EMFILE", "ENOMEM"),
    "execve": ("E2BIG", "ENOMEM", "EACCES", "ENOEXEC"),
}
# How an execution may end that was given an error: none of them is a bug. 1 is an interpreter that did not get up.
STATUSES = (0, 1, Exit.UNAVAILABLE, Exit.CANNOT_WRITE, Exit.TRY_LATER, Exit.TAMPERED, Exit.REFUSED,
            Exit.WRAPPER_FAILED, Exit.NOT_EXECUTABLE, Exit.NOT_FOUND)  # fmt: skip


def list_calls(own: OwnVault, words: tuple[str, ...], table: Path) -> list[tuple[str, int, str]]:
    """Return (name, how many of that name, row) of each call from the work of it on until it is the program."""
    own.run(*words)  # the first one compiles what it imports
    assert own.run(*words, before=("strace", "-f", "-y", "-o", str(table))).returncode == 0
    counts: dict[str, int] = {}
    calls = []
    start = 0
    for row in table.read_text(errors="replace").splitlines():
        found = CALL.match(row)
        if not found:
            continue
        counts[found[1]] = counts.get(found[1], 0) + 1
        if not start and "PR_SET_DUMPABLE" in row:
            start = len(calls)
        calls.append((found[1], counts[found[1]], row))
        if 'execve("/bin/cat"' in row:
            break
    assert start
    return calls[start:]


def choose_kills(calls: list[tuple[str, int, str]]) -> list[str]:
    return [f"{name}:signal=KILL:when={when}" for name, when, _ in calls]


def choose_errors(calls: list[tuple[str, int, str]]) -> list[str]:
    """Return an injection for each error of each call; what the interpreter does for itself is left alone."""
    left_alone = (".py", "/lib", PACKAGE)
    return [
        f"{name}:error={error}:when={when}"
        for name, when, row in calls
        # An open file can always be asked what it is.
        if not any(part in row for part in left_alone) and not (name == "newfstatat" and ', ""' in row)
        for error in ERRORS.get(name, ())
    ]


def find_faults(own: OwnVault, words: tuple[str, ...], inject: str) -> list[str]:
    """Strike once; return what is wrong then."""
    granted = count_granted(own)
    call = inject.partition(":")[0]
    before = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={inject}")
    ended = own.run(*words, before=before)
    faults = []
    if ended.stdout not in (b"", MASK if words == MASKED else VALUE):
        faults.append(f"it wrote {ended.stdout!r}")
    if ended.stdout and count_granted(own) != granted + 1:
        faults.append("something was released without its record")
    if VALUE in ended.stderr or b"Traceback" in ended.stderr or b"bug" in ended.stderr:
        faults.append(f"it said {ended.stderr.decode()!r}")
    if "error=" in inject and ended.returncode not in STATUSES:
        faults.append(f"it ended with {ended.returncode}: {ended.stderr.decode()!r}")
    if own.get(NAME) != VALUE:
        faults.append("the value is lost")
    try:
        own.records()
    except AssertionError as error:
        faults.append(f"the log: {error}")
    return [f"{' '.join(words[:2])} {inject}: {fault}" for fault in faults]


def count_granted(own: OwnVault) -> int:
    found = read_chain(own.audit, may_end_torn=True)
    return sum((record["op"], record["phase"], record["outcome"]) == ("exec", "release", "granted") for record in found)


def sample(choices: random.Random, points: list[str], count: int | None) -> list[str]:
    return points if count is None else choices.sample(points, min(count, len(points)))
