"""With which key are the checkpoints of this log signed, and where does its public half lie?"""

from __future__ import annotations

import os
from _collections_abc import Callable

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.log.note import Key, make_key, read_skey, read_vkey
from agentkit.vault.log.segments import read_small
from agentkit.vault.log.tampered import TamperedError
from agentkit.vault.plainread import read_private

SUFFIX = ".signing"
VKEY = "vkey"
SEED_BYTES = 32
MOST_BYTES = 4096


def make_signing_key(identity: str, audit: str, origin: str, *, randomness: Callable[[int], bytes] = os.urandom) -> Key:
    """Return the key of this log; it is made where there is none yet: secret beside the identity, public in audit/vkey.

    Raises AgentkitError: unavailable where the secret half is lost, refused where it is open to others, tampered where
    it belongs to another log.
    """
    from agentkit.core.durable import replace_file

    path, public = identity + SUFFIX, f"{audit}/{VKEY}"
    try:
        if not os.path.lexists(path):
            if os.path.lexists(public):
                raise AgentkitError(
                    f"the signing key {path} is missing, and there are checkpoints that were signed with it",
                    hint=f"bring it back from a backup; or remove {public}, and begin with a new key and new anchors",
                    status=Exit.UNAVAILABLE,
                )
            _write_once(path, make_key(origin, randomness(SEED_BYTES)).skey())
        what = f"the signing key {path}"
        raw = read_private(path, what="the signing key", most_bytes=MOST_BYTES)
        key = read_skey(raw.decode("utf-8", "replace").removesuffix("\n"), what)
        if key.name != origin:
            raise AgentkitError(f"{what} belongs to the log {key.name}, and this is {origin}", status=Exit.TAMPERED)
        if not os.path.lexists(public):
            replace_file(public, f"{key.vkey()}\n".encode())
    except OSError as error:
        raise AgentkitError(
            f"cannot write {error.filename or path}: {error.strerror}", status=Exit.CANNOT_WRITE
        ) from error
    if read_public_key(audit).vkey() != key.vkey():
        raise AgentkitError(f"{public} is not the public half of {what}", status=Exit.TAMPERED)
    return key


def read_public_key(audit: str) -> Key:
    """Return the key with which anchors of this log are signed; raises AgentkitError (tampered) where it is missing."""
    path = f"{audit}/{VKEY}"
    try:
        raw = read_small(path, MOST_BYTES)
    except TamperedError as error:
        raise AgentkitError(error.what, status=Exit.TAMPERED) from None
    if raw is None:
        raise AgentkitError(
            f"{path} is missing: no anchor can be held against this log",
            hint="give a copy of it that lies elsewhere: --key VKEY",
            status=Exit.TAMPERED,
        )
    return read_vkey(raw.decode("utf-8", "replace").removesuffix("\n"), path)


def _write_once(path: str, text: str) -> None:
    """Write a private file that is there whole or not at all, and never in the place of another."""
    import tempfile

    from agentkit.core.durable import sync

    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=".signing-", dir=folder)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(descriptor)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return  # another process made one just now: that is the key then
    finally:
        os.unlink(temporary)
    sync(folder)
