"""How does a vault come into being, whole or not at all?"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from dataclasses import dataclass

from agentkit.core.durable import replace_file, sync
from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.age import find_recipient, is_recipient, make_identity
from agentkit.vault.asker import Asker
from agentkit.vault.chain import HEAD_SHAPE, ZEROS, build_record, segment_path
from agentkit.vault.digest import hash_bytes, sign_bytes
from agentkit.vault.keys import derive_recipients_keys, read_identities
from agentkit.vault.places import Places
from agentkit.vault.recipients import Recipients, write_recipients
from agentkit.vault.segment import create_segment

FOLDERS = ("secrets", "pending", "previous", "manifest", "retired", "audit", "audit/versions")


@dataclass(frozen=True, slots=True)
class Founded:
    """A vault that was made; all are age recipients (`age1…`) and paths."""

    vault: str
    identity: str
    recipients: Recipients
    made_identity: bool


def found_vault(places: Places, argv: list[str], *, recovery: str | None, new_recovery: str | None) -> Founded:
    """Make the vault, and an identity where there is none.

    `recovery` is the recipient whose key lies offline; `new_recovery` a file that gets a new key for that. Raises
    AgentkitError: refused where there is a vault, usage where the recipient is none.
    """
    if os.path.lexists(places.vault):
        raise AgentkitError(
            f"there is a vault at {places.vault}; it is left as it is", hint="agentkit vault check", status=Exit.REFUSED
        )
    if recovery is not None and not is_recipient(recovery):
        # Somebody may have given the secret half: it is not repeated.
        raise AgentkitError(
            "the recovery recipient is no X25519 recipient of age (age1…)", hint="age-keygen", status=Exit.USAGE
        )
    try:
        made_identity = _make_identity(places.identity)
        identities = read_identities(places.identity)
        own = find_recipient(identities[0])
        if own == recovery:
            raise AgentkitError(
                "the recovery recipient is that of the identity itself, which would be lost with it",
                hint="make one elsewhere: age-keygen, or --new-recovery FILE",
                status=Exit.USAGE,
            )
        recipients = Recipients(own, recovery or _make_key(str(new_recovery), "recovery of an agentkit vault"))
        _build(places, identities, recipients, argv)
    except OSError as error:
        what = error.filename or places.vault
        raise AgentkitError(f"cannot write {what}: {error.strerror}", status=Exit.CANNOT_WRITE) from error
    return Founded(places.vault, places.identity, recipients, made_identity)


def _make_identity(path: str) -> bool:
    """Make an identity where none is; tell whether it was made."""
    if os.path.lexists(path):
        return False
    _make_key(path, "identity of an agentkit vault")
    return True


def _make_key(path: str, what: str) -> str:
    """Write a new key to a file that is not there yet, and return its public half."""
    path = os.path.abspath(path)
    if os.path.lexists(path):
        raise AgentkitError(f"{path} is there already, and no key is written over", status=Exit.REFUSED)
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    key, public = make_identity()
    replace_file(path, f"# {what}\n# public key: {public}\n{key}\n".encode())
    return public


def _build(places: Places, identities: list[str], recipients: Recipients, argv: list[str]) -> None:
    state = os.path.dirname(places.vault)
    os.makedirs(os.path.dirname(state), exist_ok=True)
    if not os.path.isdir(state):
        os.mkdir(state, 0o700)
    # Built beside its place and put there at once: half a vault is never one.
    building = tempfile.mkdtemp(prefix=".vault-", dir=state)
    try:
        for folder in FOLDERS:
            os.mkdir(f"{building}/{folder}", 0o700)
        listed = write_recipients(recipients, derive_recipients_keys(identities)[0])
        replace_file(f"{building}/recipients", listed)
        key = os.urandom(32).hex().encode()
        replace_file(f"{building}/audit/key", key)
        _write_genesis(f"{building}/audit", argv, key, hash_bytes(listed))
        os.rename(building, places.vault)
    except BaseException:  # Ctrl-C, too, leaves no half of a vault behind
        shutil.rmtree(building, ignore_errors=True)
        raise
    sync(state)


def _write_genesis(audit: str, argv: list[str], key: bytes, listed: str) -> None:
    words = b"\0".join(os.fsencode(word) for word in argv)
    asker = Asker(os.getuid(), os.getpid(), "", argv[0], sign_bytes(key, words).hex())
    origin = f"agentkit-vault/{_host()}/{os.urandom(8).hex()}"
    fields: dict[str, object] = {"format": 1, "origin": origin, "recipients_sha256": listed}
    line = build_record(ZEROS, 0, ("genesis", "done", "begun"), asker, fields)
    log = create_segment(segment_path(audit, 1))
    try:
        os.write(log, line.encode() + b"\n")
        os.fdatasync(log)
    finally:
        os.close(log)
    head = HEAD_SHAPE % (1, len(line) + 1, 0, hash_bytes(line.encode()), 0)
    replace_file(f"{audit}/head", head.encode())


def _host() -> str:
    return "".join(letter if letter.isalnum() or letter in ".-" else "-" for letter in socket.gethostname()) or "host"
