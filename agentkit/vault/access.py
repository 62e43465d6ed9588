"""How does one access go: first its record, durable, then ciphertext and identity, then the value?

Imported by the hot verbs. This is the only way to a value.
"""

import os

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.age import MOST_BYTES, demand_identities, open_sealed
from agentkit.vault.digest import hash_bytes
from agentkit.vault.keys import derive_recipients_keys, derive_row_keys, read_identities
from agentkit.vault.locked import LockedVault
from agentkit.vault.places import Places
from agentkit.vault.plainread import demand_private_folder, read_private
from agentkit.vault.recipients import read_recipients
from agentkit.vault.rows import Row, read_row, tell_broken

OVERHEAD_BYTES = 1 << 20
# How `exec` may be told to hand a value over; a row says which of these its secret allows.
WAYS = ("fd", "stdin", "env")


class Wish:
    """What is asked for: a secret, how it will be delivered, and why; `op` is the verb."""

    __slots__ = ("delivery", "name", "op", "reason")

    def __init__(self, op: str, name: str, delivery: str, reason: str) -> None:
        self.op = op
        self.name = name
        self.delivery = delivery
        self.reason = reason


class Sealed:
    """A value that was recorded and found to be ours, and is still sealed: `open` needs no lock."""

    __slots__ = ("_ciphertext", "_identities", "_seq", "_version", "_wish")

    def __init__(self, wish: Wish, version: int, seq: int, ciphertext: bytes, identities: "list[str]") -> None:
        self._wish = wish
        self._version = version
        self._seq = seq
        self._ciphertext = ciphertext
        self._identities = identities

    def open(self) -> bytes:
        """Return the value; raises AgentkitError, of which `record_failure` is to be told."""
        return open_sealed(self._ciphertext, self._identities, self._wish.name)

    def record_failure(self, vault: LockedVault, error: AgentkitError) -> None:
        """Record that nothing was handed over."""
        _record_failure(vault, self._wish, self._version, self._seq, error)


def release(vault: LockedVault, wishes: "list[Wish]") -> "list[bytes]":
    """Return the values that are wished for, each after its record; all or none."""
    values = []
    for wish in wishes:
        sealed = release_sealed(vault, wish)
        try:
            values.append(sealed.open())
        except AgentkitError as error:
            sealed.record_failure(vault, error)
            raise
    return values


def refuse(vault: LockedVault, wish: Wish, error: AgentkitError) -> AgentkitError:
    """Record that a wish was refused, and return the error to raise."""
    told = _describe(wish, None)
    vault.record(wish.op, "release", "refused", told if knows(vault.places, wish.name) else _unname(told))
    return error


def knows(places: Places, name: str) -> bool:
    """Tell whether the vault has, or had, a secret of this name: else it may be a value in the place of a name."""
    return any(os.path.lexists(path) for path in (places.row(name), places.current(name), places.newest(name)))


def release_sealed(vault: LockedVault, wish: Wish) -> Sealed:
    """Return what is wished for, after its record, for who opens it without the lock: that is half of the work."""
    places = vault.places
    row: Row | None = None
    try:
        _demand_folders(places, wish.name)
        row = read_row(places.row(wish.name), wish.name)
        if row is None:
            raise _tell_missing(places, wish.name)
        _demand_way(row, wish)
    except AgentkitError as error:
        told = _describe(wish, None if row is None else row.version)
        if knows(places, wish.name):
            vault.record(wish.op, "release", name_outcome(error), told)
        else:
            vault.record(wish.op, "release", "missing", _unname(told))
        raise
    seq = vault.record(wish.op, "release", "granted", _describe(wish, row.version))
    # From here on the record is durable: only now ciphertext and identity are opened.
    try:
        identities = read_identities(places.identity)
        return Sealed(wish, row.version, seq, find_ours(places, row, identities), identities)
    except AgentkitError as error:
        _record_failure(vault, wish, row.version, seq, error)
        raise


def _record_failure(vault: LockedVault, wish: Wish, version: int, seq: int, error: AgentkitError) -> None:
    vault.record(wish.op, "failed", name_outcome(error), {**_describe(wish, version), "of": seq})


def open_value(places: Places, row: Row, identities: "list[str] | None" = None) -> bytes:
    """Return the value that a row stands for; a record of it must have been written before, and the log be locked.

    Raises AgentkitError: tampered where row, ciphertext, recipients or version is not what this vault wrote.
    """
    identities = read_identities(places.identity) if identities is None else identities
    return open_sealed(find_ours(places, row, identities), identities, row.name)


def find_ours(places: Places, row: Row, identities: "list[str]") -> bytes:
    """Return the ciphertext of a row, all of it found to be what this vault wrote; raises as `open_value` does."""
    try:
        read_recipients(places.recipients, derive_recipients_keys(identities))
    except AgentkitError:
        demand_identities(identities)  # with a damaged one nothing seems to be ours, and it is the identity that is not
        raise
    row.demand_ours(derive_row_keys(identities))
    demand_newest(places, row)
    return find_ciphertext(places, row)


def demand_newest(places: Places, row: Row) -> None:
    """Raise AgentkitError (tampered) where a row is older than the newest that there ever was of its secret."""
    newest = read_newest(places, row.name)
    if newest is None:
        raise tell_broken(row.name, "its first version was never completed, or what says so was removed; set it again")
    if row.version < newest:
        raise tell_broken(row.name, f"version {row.version} was put back; the newest is {newest}")


def find_ciphertext(places: Places, row: Row) -> bytes:
    """Return the ciphertext that the row binds; raises AgentkitError (tampered) where there is no such file."""
    found = False
    # A crash between the two renames of a change leaves the new one where it waited; its row is the one that counts.
    for path in (places.current(row.name), f"{places.pending}/{row.name}.age", resealed_path(places, row.sha256)):
        raw = read_ciphertext(path)
        if raw is not None and hash_bytes(raw) == row.sha256:
            return raw
        found = found or raw is not None
    raise tell_broken(row.name, "its ciphertext is not the one that was set" if found else "its ciphertext is missing")


def find_previous(places: Places, row: Row) -> "bytes | None":
    """Return the ciphertext of the version before that the row binds, None where it is not there."""
    sha256 = row.fields.get("previous_sha256")
    if isinstance(sha256, str):
        for path in (f"{places.previous}/{row.name}.age", resealed_path(places, sha256)):
            raw = read_ciphertext(path)
            if raw is not None and hash_bytes(raw) == sha256:
                return raw
    return None


def read_ciphertext(path: str) -> "bytes | None":
    """Return what is in that place, None where nothing is; raises AgentkitError (refused)."""
    try:
        return read_private(path, what="the ciphertext", most_bytes=MOST_BYTES + OVERHEAD_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None


def resealed_path(places: Places, sha256: str) -> str:
    """Return where a ciphertext waits for its row while the identity is rotated; digests of a row are ours to trust."""
    return f"{places.vault}/resealed/{sha256}.age"


def read_newest(places: Places, name: str) -> "int | None":
    """Return the newest version that a secret ever had, None where it never was set."""
    try:
        raw = (
            read_private(places.newest(name), what="the newest version", most_bytes=64, status=Exit.TAMPERED)
            .decode("ascii", "replace")
            .strip()
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not raw.isdecimal():
        raise tell_broken(name, "its newest version cannot be read")
    return int(raw)


def _demand_folders(places: Places, name: str) -> None:
    for folder in (places.manifest, places.secrets):
        path = folder
        for part in ["", *name.split("/")[:-1]]:
            path = f"{path}/{part}" if part else path
            try:
                demand_private_folder(path, what="the folder")
            except (FileNotFoundError, NotADirectoryError):
                break


def _demand_way(row: Row, wish: Wish) -> None:
    # `fd:3`, `env:PGPASSWORD`, `stdin`; what `fill` puts into a text comes at a descriptor, too.
    way = wish.delivery.partition(":")[0].replace("fill", "fd")
    if way not in WAYS or way in row.texts("deliver"):
        return
    if way == "env":
        raise AgentkitError(
            f"{wish.name} may not be delivered in an environment, which stays in /proc for all of a process's life",
            hint=f"use --fd or --stdin, or allow it: agentkit vault set {wish.name} --keep-value --deliver env",
            status=Exit.REFUSED,
        )
    raise AgentkitError(
        f"{wish.name} may be delivered by {', '.join(row.texts('deliver'))} only, and not by {way}",
        hint=f"agentkit vault set {wish.name} --keep-value --deliver {way}",
        status=Exit.REFUSED,
    )


def _tell_missing(places: Places, name: str) -> AgentkitError:
    if os.path.lexists(places.current(name)) or read_newest(places, name):
        return tell_broken(name, "its row is missing")
    # Somebody may have put the value where the name belongs: what names nothing is not repeated.
    return AgentkitError("there is no secret of this name", hint="agentkit vault list", status=Exit.UNAVAILABLE)


def _describe(wish: Wish, version: "int | None") -> "dict[str, object]":
    return {"name": wish.name, "version": version, "delivery": wish.delivery, "reason": wish.reason}


def _unname(told: "dict[str, object]") -> "dict[str, object]":
    # What is on the log stays there. Its `argv_hmac` still tells which words these were to who can say them.
    return {**told, "name": None}


def name_outcome(error: AgentkitError) -> str:
    """Return what a record calls a failure."""
    return {Exit.TAMPERED: "tampered", Exit.REFUSED: "refused"}.get(error.status, "failed")
