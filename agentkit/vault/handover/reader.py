"""Who reads the values for a caller that has no vault of its own, and how is it asked?

`vault-reader` in the state folder holds one line, the words of a command split at blanks, such as
`/usr/bin/sudo -n -u vault /usr/local/lib/agentkit-vault/vault`; `get NAME --reason TEXT` is put behind them. That vault
records who asked, and this process sees nothing of it but the value on a pipe. Imported by the hot verbs.
"""

import _signal  # type: ignore[import-not-found]  # the C half of signal; the other half costs an import of enum
import os
import select
import time
from _collections_abc import Mapping

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.paths import state_folder
from agentkit.vault.access import Wish
from agentkit.vault.age import MOST_BYTES
from agentkit.vault.plainread import read_private

FILE_NAME = "vault-reader"
MOST_WORDS_BYTES = 4096
LIMIT_S = 30.0
LOOK_AGAIN_S = 0.002
READ_BYTES = 1 << 20
# sudo sets up an environment of its own; of ours it needs no more than this, and a conversation is not told of here.
VARIABLES = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TERM")


def find_reader(environ: Mapping[str, str]) -> "list[str] | None":
    """Return the words of the command that reads, None where there is none; raises AgentkitError (configuration)."""
    path = f"{state_folder(environ)}/{FILE_NAME}"
    try:
        raw = read_private(path, what="the reader", most_bytes=MOST_WORDS_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    lines = os.fsdecode(raw).splitlines()
    words = lines[0].split() if len(lines) == 1 else []
    if not words or not words[0].startswith("/") or "\0" in lines[0]:
        raise AgentkitError(
            f"{path}: expected one line that begins with the absolute path of a program", status=Exit.CONFIGURATION
        )
    return words


def ask_for_all(reader: "list[str]", wishes: "list[Wish]", environ: Mapping[str, str]) -> "list[bytes]":
    """Return the value of each wish; raises AgentkitError (refused) for what cannot be judged from here."""
    for wish in wishes:
        if wish.delivery.startswith("env:"):
            raise AgentkitError(
                f"{wish.name} is in another user's vault: whether it may be a variable cannot be looked up there",
                hint=f"--fd 3={wish.name}, or --stdin {wish.name}",
                status=Exit.REFUSED,
            )
    return [ask_reader(reader, wish.name, wish.reason, environ) for wish in wishes]


def ask_reader(
    reader: "list[str]", name: str, reason: str, environ: Mapping[str, str], limit_s: float = LIMIT_S
) -> bytes:
    """Return the value that the reader gives; raises AgentkitError with its status where it gives none in time."""
    words = [*reader, "get", name, "--reason", reason]
    variables = {variable: environ[variable] for variable in VARIABLES if variable in environ}
    # A caller that ignores SIGCHLD would never let us know how it ended.
    before = _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    reading, writing = os.pipe()
    pid = 0
    try:
        try:
            pid = _start(words, variables, writing)
        finally:
            os.close(writing)
        due = time.monotonic() + limit_s
        value = _read_all(reading, due)
        if value is not None and len(value) > MOST_BYTES:
            raise AgentkitError(f"{name}: {words[0]} gave more than {MOST_BYTES} bytes", status=Exit.BAD_DATA)
        status = _wait_for(pid, due) if value is not None else None
        if status is not None:
            pid = 0
    finally:
        os.close(reading)
        if pid:
            _give_up(pid)
        _signal.signal(_signal.SIGCHLD, before)
    if value is None or status is None:
        raise AgentkitError(f"{name}: {words[0]} gave no value within {limit_s:.0f}s", status=Exit.TRY_LATER)
    if status:
        raise AgentkitError(f"{name}: {words[0]} ended with {status}", status=status)
    return value


def _start(words: "list[str]", variables: "dict[str, str]", writing: int) -> int:
    actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, writing, 1)]
    try:
        return os.posix_spawn(
            words[0], words, variables, file_actions=actions, setsigdef=[_signal.SIGPIPE, _signal.SIGXFSZ]
        )
    except OSError as error:
        raise AgentkitError(f"{words[0]}: {error.strerror}", hint=f"it is named in {FILE_NAME}") from None


def _read_all(descriptor: int, due: float) -> "bytes | None":
    """Return what comes until the end, a little more than a value can have at most; None where no end comes in time."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    pieces = []
    size = 0
    while size <= MOST_BYTES:
        if not poll.poll(max(due - time.monotonic(), 0.0) * 1000):
            return None
        piece = os.read(descriptor, READ_BYTES)
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def _wait_for(pid: int, due: float) -> "int | None":
    """Return the status as a shell gives it, None where it does not end in time."""
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else Exit.SIGNAL_BASE - code
        if time.monotonic() >= due:
            return None
        time.sleep(LOOK_AGAIN_S)


def _give_up(pid: int) -> None:
    try:
        os.kill(pid, _signal.SIGKILL)
    except OSError:
        return  # sudo is root's: it ends when it finds its pipe closed
    _wait_for(pid, time.monotonic() + 1.0)
