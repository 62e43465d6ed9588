"""How does a vault come into being, whole or not at all?"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import tempfile
from dataclasses import dataclass

from agentkit.core.durable import replace_file, sync
from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.age import find_recipient, is_recipient, make_identity
from agentkit.vault.asker import Asker
from agentkit.vault.digest import hash_bytes, sign_bytes
from agentkit.vault.hardening import OwnMask
from agentkit.vault.keys import MOST_BYTES, derive_recipients_keys, read_identities
from agentkit.vault.log.chain import HEAD_SHAPE, ZEROS, build_record, segment_path
from agentkit.vault.log.loglock import lock_folder
from agentkit.vault.log.segment import create_segment
from agentkit.vault.places import Places
from agentkit.vault.plainread import read_private
from agentkit.vault.recipients import Recipients, write_recipients

FOLDERS = ("secrets", "pending", "previous", "manifest", "retired", "audit", "audit/versions")
BUILDING = ".vault-"
HALF_KEY = ".agentkit-key-"
OF_IDENTITY = "identity of an agentkit vault"
OF_RECOVERY = "recovery of an agentkit vault"


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
    if recovery is not None and not is_recipient(recovery):
        # Somebody may have given the secret half: it is not repeated.
        raise AgentkitError(
            "the recovery recipient is no X25519 recipient of age (age1…)", hint="age-keygen", status=Exit.USAGE
        )
    _demand_no_vault(places)
    state, key_folder = os.path.dirname(places.vault), os.path.dirname(places.identity)
    try:
        recovery_folder = os.path.dirname(os.path.abspath(new_recovery)) if new_recovery else key_folder
        # Parents may be shared with others; what is made inside them is ours alone.
        os.makedirs(os.path.dirname(state), exist_ok=True)
        with OwnMask(), contextlib.ExitStack() as held:
            for folder in (state, key_folder, recovery_folder):
                os.makedirs(folder, mode=0o700, exist_ok=True)
            # One at a time: of two that make an identity, the second would write over the first's, and lose its vault.
            for folder in sorted({os.path.realpath(folder) for folder in (state, key_folder, recovery_folder)}):
                held.callback(os.close, _hold(folder))
                _remove_leftovers(folder)
            return _found(places, argv, recovery, new_recovery)
    except OSError as error:
        what = error.filename or places.vault
        raise AgentkitError(f"cannot write {what}: {error.strerror}", status=Exit.CANNOT_WRITE) from error


def _found(places: Places, argv: list[str], recovery: str | None, new_recovery: str | None) -> Founded:
    _demand_no_vault(places)  # again: until now another may have made one
    made_identity = not os.path.lexists(places.identity)
    if made_identity:
        _make_key(places.identity, OF_IDENTITY)
    identities = read_identities(places.identity)
    own = find_recipient(identities[0])
    if own == recovery:
        raise AgentkitError(
            "the recovery recipient is that of the identity itself, which would be lost with it",
            hint="make one elsewhere: age-keygen, or --new-recovery FILE",
            status=Exit.USAGE,
        )
    recipients = Recipients(own, recovery or _take_recovery(os.path.abspath(str(new_recovery))))
    _build(places, identities, recipients, argv)
    return Founded(places.vault, places.identity, recipients, made_identity)


def _demand_no_vault(places: Places) -> None:
    if os.path.lexists(places.vault):
        raise AgentkitError(
            f"there is a vault at {places.vault}; it is left as it is", hint="agentkit vault check", status=Exit.REFUSED
        )


def _hold(folder: str) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        lock_folder(descriptor, folder, folder)
    except BaseException:  # the descriptor goes back whatever happens, Ctrl-C too
        os.close(descriptor)
        raise
    return descriptor


def _remove_leftovers(folder: str) -> None:
    """Remove what a killed one left half made; nobody else is making anything there, as the folder is locked."""
    for name in os.listdir(folder):
        if name.startswith(BUILDING):
            shutil.rmtree(f"{folder}/{name}", ignore_errors=True)
        elif name.startswith(HALF_KEY):
            os.unlink(f"{folder}/{name}")


def _take_recovery(path: str) -> str:
    """Return the public half of a new recovery key, or of the one that a killed `init` has already made."""
    if not os.path.lexists(path):
        return _make_key(path, OF_RECOVERY)
    if _is_plain(path):
        raw = read_private(path, what="the recovery key", most_bytes=MOST_BYTES)
        if raw.startswith(f"# {OF_RECOVERY}\n".encode()):
            return find_recipient(read_identities(path)[0])
    raise AgentkitError(f"{path} is there already, and no key is written over", status=Exit.REFUSED)


def _is_plain(path: str) -> bool:
    return os.path.isfile(path) and not os.path.islink(path)


def _make_key(path: str, what: str) -> str:
    """Write a new key to a file that is not there yet, and return its public half."""
    key, public = make_identity()
    replace_file(path, f"# {what}\n# public key: {public}\n{key}\n".encode(), prefix=HALF_KEY)
    return public


def _build(places: Places, identities: list[str], recipients: Recipients, argv: list[str]) -> None:
    state = os.path.dirname(places.vault)
    # Built beside its place and put there at once: half a vault is never one.
    building = tempfile.mkdtemp(prefix=BUILDING, dir=state)
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
        raw = line.encode() + b"\n"
        if os.write(log, raw) != len(raw):
            raise OSError(errno.ENOSPC, "there is no room for the first record", audit)
        os.fdatasync(log)
    finally:
        os.close(log)
    head = HEAD_SHAPE % (1, len(line) + 1, 0, hash_bytes(line.encode()), 0)
    replace_file(f"{audit}/head", head.encode())


def _host() -> str:
    return "".join(letter if letter.isalnum() or letter in ".-" else "-" for letter in socket.gethostname()) or "host"
