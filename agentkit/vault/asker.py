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
from agentkit.vault.quickjson import encode_text

LONGEST_PROGRAM = 300
# As JSON, where a letter can take twelve bytes: a record has to stay below the longest line of the log.
LONGEST_PROGRAM_BYTES = 500
# With `use_pty`, which is its default, sudo stands twice between us and who asks.
MOST_SUDOS = 3
# What runs scripts: of these the script is the program that asks.
SHELLS = ("sh", "bash", "dash", "zsh", "ksh", "ash")
LANGUAGES = ("perl", "ruby", "node", "php", "lua", "python", "pypy")
# The letters of options behind which a program itself stands, or a module.
CODE_OF_SHELLS = frozenset("c")
CODE_OF_LANGUAGES = frozenset("ceEmpr")


# Whoever is started for a caller behind sudo (level L1) has nobody else who could ask.
is_held_to_sudo = False


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

    Raises AgentkitError: tampered where the key of that digest is gone, refused where the sudo that we are held to is.
    """
    key = _read_key(f"{places.audit}/key")
    uid, parent, sudos = os.getuid(), os.getppid(), 0
    while sudos < MOST_SUDOS and is_roots_sudo(parent):
        uid = _read_number(environ.get("SUDO_UID"), uid)
        parent = _find_parent(parent)
        sudos += 1
    if is_held_to_sudo and not sudos:
        # One that is ending has lost its command line before its end is told, which will be ours too.
        raise AgentkitError("who asks cannot be seen any more: sudo has ended", hint="ask again", status=Exit.REFUSED)
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
    script = _find_script(name, words) if name in SHELLS or name.startswith(LANGUAGES) else None
    return _cut(words[0] if script is None else script)


def _find_script(name: str, words: "list[str]") -> "str | None":
    """Return the script that an interpreter runs; None where the program itself stands on its command line.

    Such a text may hold anything and is never kept: where the options leave a doubt there is no script.
    """
    is_shell = name in SHELLS
    skips = False
    for word in words[1:]:
        if skips:
            skips = False
        elif not word.startswith(("-", "+")):
            return word
        elif word.startswith("--"):
            if not is_shell and "=" not in word:
                return None  # `node --eval CODE`: what a long option takes is not known here
        elif (CODE_OF_SHELLS if is_shell else CODE_OF_LANGUAGES).intersection(word):
            return None  # also within others: `bash -lc`, `sh -euc`
        else:
            skips = is_shell and word[-1:] in ("o", "O")  # `bash -o pipefail SCRIPT`
    return None


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
    text = text[:LONGEST_PROGRAM]
    while len(encode_text(text)) > LONGEST_PROGRAM_BYTES:
        text = text[: len(text) * 3 // 4]
    return text
