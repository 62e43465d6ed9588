"""Who asks for this: which user, process and program, and by which words?

Imported by the hot verbs. A parent's command line is what that process says of itself: it tells an honest machine
apart, and stops no liar of the same user.
"""

import os
from _collections_abc import Mapping

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.digest import sign_bytes
from agentkit.vault.places import Places
from agentkit.vault.plainread import read_private

LONGEST_PROGRAM = 300
# What runs scripts: of these the script is the program that asks.
INTERPRETERS = ("sh", "bash", "dash", "zsh", "ksh", "ash", "busybox", "perl", "ruby", "node", "php", "lua", "env")


class Asker:
    """One process that asks; `uid` is the user behind sudo where root's sudo stands between."""

    __slots__ = ("argv0", "argv_hmac", "parent", "pid", "uid")

    def __init__(self, uid: int, pid: int, parent: str, argv0: str, argv_hmac: str) -> None:
        self.uid = uid
        self.pid = pid
        self.parent = parent
        self.argv0 = argv0
        self.argv_hmac = argv_hmac


def find_asker(environ: Mapping[str, str], argv: "list[str]", places: Places) -> Asker:
    """Return who asks; `argv` are the words of the program that the secret is for, and go into a keyed digest.

    Raises AgentkitError (tampered) where the key of that digest is gone.
    """
    key = _read_key(f"{places.audit}/key")
    uid, parent = os.getuid(), os.getppid()
    if is_roots_sudo(parent):
        uid = _read_number(environ.get("SUDO_UID"), uid)
        parent = _find_parent(parent)
    raw = b"\0".join([os.fsencode(word) for word in argv])
    return Asker(uid, os.getpid(), find_program(_read_words(parent)), _cut(argv[0]), sign_bytes(key, raw).hex())


def _read_key(path: str) -> bytes:
    try:
        return read_private(path, what="the key of the digests", most_bytes=256, status=Exit.TAMPERED)
    except (FileNotFoundError, NotADirectoryError):
        raise AgentkitError(
            f"audit log: {path} is missing; nothing was released", hint="agentkit vault check", status=Exit.TAMPERED
        ) from None


def find_program(words: "list[str]") -> str:
    """Return which program a command line runs: of an interpreter the script, when one is named."""
    if not words:
        return ""
    name = os.path.basename(words[0]).lstrip("-")
    if name in INTERPRETERS or name.startswith(("python", "pypy")):
        for word in words[1:]:
            # `-c` and `-e` carry the program itself, which may hold anything: its text is never kept.
            if word in ("-c", "-e", "-m"):
                break
            if not word.startswith("-"):
                return _cut(word)
    return _cut(words[0])


def is_roots_sudo(pid: int) -> bool:
    """Tell whether a process is sudo, run by root as it always is."""
    # SUDO_UID means something only when root's own sudo set it.
    try:
        is_roots = os.stat(f"/proc/{pid}").st_uid == 0
    except OSError:
        return False
    return is_roots and os.path.basename("".join(_read_words(pid)[:1])) == "sudo"


def _read_words(pid: int) -> "list[str]":
    try:
        with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
            raw = file.read(4096) or b""
    except OSError:
        return []
    return [os.fsdecode(word) for word in raw.rstrip(b"\0").split(b"\0")] if raw else []


def _find_parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            raw = file.read(4096) or b""
    except OSError:
        return pid
    return int(raw[raw.rindex(b")") + 2 :].split()[1])


def _read_number(text: "str | None", otherwise: int) -> int:
    return int(text) if text and text.isdecimal() else otherwise


def _cut(text: str) -> str:
    return text[:LONGEST_PROGRAM]
