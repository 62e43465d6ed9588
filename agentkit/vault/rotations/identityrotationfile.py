"""What stands in the identity file while an identity is rotated out?

The file itself says how far a rotation has come, for whoever can write it needs no other way in:

    new key, NOTE, all that the file held before     both open the vault
    new key, NOTE                                    the old one is dropped, and the log has yet to say so
    new key                                          no rotation
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from agentkit.core.durable import replace_file
from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.age import make_identity
from agentkit.vault.keys import MOST_BYTES, PREFIX
from agentkit.vault.plainread import read_private

NOTE = "# agentkit vault rotates its identity: what is below this line goes to retired/"
SUFFIX = ".age"
WHAT = "identity of an agentkit vault"


@dataclass(frozen=True)
class IdentityFile:
    """The file in its two halves; `retired` names the file in retired/, None where no rotation is under way."""

    path: str
    new: str = field(repr=False)
    retired: str | None = None
    old: str = field(default="", repr=False)

    @property
    def is_dropped(self) -> bool:
        """Tell whether a rotation has dropped the old identity already."""
        return self.retired is not None and PREFIX not in self.old


def read_identity_file(path: str) -> IdentityFile:
    """Return the file; raises AgentkitError (unavailable, refused)."""
    try:
        text = _decode(read_private(path, what="the identity", most_bytes=MOST_BYTES))
    except FileNotFoundError:
        raise AgentkitError(f"there is no identity at {path}", status=Exit.UNAVAILABLE) from None
    new, note, rest = text.partition(NOTE)
    retired, _, old = rest.partition("\n")
    is_ours = new.endswith("\n") and retired.endswith(SUFFIX) and retired.removesuffix(SUFFIX).isdecimal()
    return IdentityFile(path, new, retired, old) if note and is_ours else IdentityFile(path, text)


def add_identity(file: IdentityFile, key: str, recipient: str, retired: str) -> IdentityFile:
    """Put a new identity before those that the file holds, which go to `retired` when the rotation ends; durable."""
    text = file.new if file.new.endswith("\n") else file.new + "\n"
    return _write(IdentityFile(file.path, tell_key(WHAT, key, recipient), retired, text))


def drop_old(file: IdentityFile) -> IdentityFile:
    """Drop the old identities; durable."""
    return _write(IdentityFile(file.path, file.new, file.retired))


def end_rotation(file: IdentityFile) -> IdentityFile:
    """Forget that there was a rotation; durable."""
    return _write(IdentityFile(file.path, file.new))


def make_key_file(path: str, what: str) -> str:
    """Write a new key to a file that is not there yet, and return its recipient."""
    key, recipient = make_identity()
    clear_leftovers(path)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    replace_file(path, tell_key(what, key, recipient).encode(), prefix=_prefix(path))
    return recipient


def clear_leftovers(path: str) -> None:
    """Remove what a killed writer of this file has left beside it: it holds keys."""
    folder = os.path.dirname(path)
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        if name.startswith(_prefix(path)):
            os.unlink(f"{folder}/{name}")


def tell_key(what: str, key: str, recipient: str) -> str:
    """Return a key as its file holds it, in the format of age-keygen."""
    return f"# {what}\n# public key: {recipient}\n{key}\n"


def _write(file: IdentityFile) -> IdentityFile:
    text = file.new if file.retired is None else f"{file.new}{NOTE}{file.retired}\n{file.old}"
    replace_file(file.path, text.encode("utf-8", "surrogateescape"), prefix=_prefix(file.path))
    return file


def _prefix(path: str) -> str:
    return f".{os.path.basename(path)}-new-"


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
