"""How does one secret get to be sealed for the new identity, and bound by it, whatever instant that is killed at?

Under the lock of the log:

    new ciphertexts in resealed/, record, row, and the ciphertexts to where the old ones are

The row is what counts: before it is replaced the old ciphertexts are the secret; after it the new ones are, and are
found by their digest where they wait. Nothing is sealed anew that was not found to be ours with the keys that bound it.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field

from agentkit.core.durable import sync
from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.access import demand_newest, find_ciphertext, find_previous, read_ciphertext, resealed_path
from agentkit.vault.age import open_sealed, seal_value
from agentkit.vault.digest import hash_bytes
from agentkit.vault.keys import derive_row_keys
from agentkit.vault.locked import LockedVault
from agentkit.vault.places import Places, demand_name
from agentkit.vault.rotations.rotationstate import read_rotation, reseal_rotation
from agentkit.vault.rows import Fields, Row, read_row, tell_broken, write_row
from agentkit.vault.store import PREFIX, finish_change, make_folders, put_file

OP = "rotate-identity"


@dataclass(frozen=True)
class Ring:
    """Who opens the vault until the old identity is dropped, newest first, and for whom everything is to be sealed."""

    identities: list[str] = field(repr=False)
    recipients: list[str]

    @property
    def new(self) -> list[str]:
        """Return the new identity alone."""
        return self.identities[:1]


def list_sealed_names(places: Places) -> list[str]:
    """Return the names of which there is a row or a ciphertext, sorted; what has no name of a secret is not ours."""
    found = set()
    for root, suffix in (
        (places.manifest, ".json"),
        (places.secrets, ".age"),
        (places.previous, ".age"),
        (places.pending, ".age"),
    ):
        for folder, _, files in os.walk(root):
            whole = [file for file in files if file.endswith(suffix) and not file.startswith(".")]
            found |= {os.path.relpath(f"{folder}/{file}", root).removesuffix(suffix) for file in whole}
    return sorted(name for name in found if _is_name(name))


def reseal_secret(vault: LockedVault, name: str, ring: Ring) -> bool:
    """Seal and bind a secret for the new identity; tell whether there was anything to do.

    False says that row, current, previous and pending value hold with the new identity alone. Raises AgentkitError:
    tampered or refused where something is not what this vault wrote; OSError where it finds no room.
    """
    places = vault.places
    row = read_row(places.row(name), name)
    is_changed = False
    if row is not None:
        row.demand_ours(derive_row_keys(ring.identities))
        # Before a killed change is finished: that would make an older version that was put back the newest one.
        demand_newest(places, row)
        finish_change(vault, row)
        is_changed = _reseal_row(vault, row, ring)
    elif os.path.lexists(places.current(name)) or os.path.lexists(places.newest(name)):
        raise tell_broken(name, "its row is missing")
    for what, path in (("previous", _previous_path(places, name)), ("pending", f"{places.pending}/{name}.age")):
        is_changed = _reseal_unbound(vault, {"name": name, "what": what}, path, ring) or is_changed
    return is_changed


def reseal_rotation_state(vault: LockedVault, name: str, ring: Ring) -> bool:
    """Seal and bind what the rotation of that secret remembers; tell whether there was anything to do."""
    places = vault.places
    if _is_rotation_new(places, name, ring):
        return False
    vault.record(OP, "secret", "begun", {"name": name, "what": "rotation"})
    reseal_rotation(places, name, ring.identities, ring.recipients)
    return True


def clear_vault_leftovers(places: Places) -> None:
    """Remove what killed writers have left; the locks of log and rotations must be held, so that nobody writes."""
    for folder, _, files in os.walk(places.vault):
        left = [file for file in files if file.startswith(PREFIX)]
        for file in left:
            os.unlink(f"{folder}/{file}")
        if left:
            sync(folder)


def clear_resealed(places: Places) -> None:
    """Remove the ciphertexts that no row came to bind; every row must have got its own."""
    folder = os.path.dirname(resealed_path(places, ""))
    if os.path.isdir(folder):
        for file in os.listdir(folder):
            os.unlink(f"{folder}/{file}")
        os.rmdir(folder)


def _reseal_row(vault: LockedVault, row: Row, ring: Ring) -> bool:
    places, name = vault.places, row.name
    current, before = find_ciphertext(places, row), _find_before(places, row)
    new = _seal_anew(current, ring, name)
    new_before = None if before is None else _seal_anew(before, ring, name)
    sha256 = hash_bytes(new)
    sha256_before = row.fields.get("previous_sha256") if new_before is None else hash_bytes(new_before)
    fields: Fields = {key: value for key, value in row.fields.items() if key != "mac"}
    fields |= {"sha256": sha256, "previous_sha256": sha256_before}
    is_bound = fields.items() <= row.fields.items() and _is_bound_by_new(row, ring)
    if not is_bound:
        for raw, old in ((new, current), (new_before, before)):
            if raw is not None and raw is not old:
                put_file(resealed_path(places, hash_bytes(raw)), raw, places.vault)
        # Before the row: there is never one whose digest no record knows. `was` keeps the way back to what was set.
        told: Fields = {"name": name, "version": row.version, "sha256": sha256, "was": row.sha256}
        vault.record(OP, "secret", "begun", {**told, "previous_sha256": sha256_before})
        put_file(places.row(name), write_row(fields, derive_row_keys(ring.new)[0]), places.vault)
    has_moved = _take_place(places, sha256, places.current(name))
    if new_before is not None:
        has_moved = _take_place(places, str(sha256_before), _previous_path(places, name)) or has_moved
    return has_moved or not is_bound


def _find_before(places: Places, row: Row) -> bytes | None:
    before = find_previous(places, row)
    if before is None:
        raw = read_ciphertext(_previous_path(places, row.name))
        # A change that was killed before its row left a copy of the value that still is the current one.
        before = raw if raw is not None and hash_bytes(raw) == row.sha256 else None
    return before


def _reseal_unbound(vault: LockedVault, told: Fields, path: str, ring: Ring) -> bool:
    """Seal anew what no row binds: what a killed change left pending, or the version before of a row that was lost.

    It is bound by nothing after that, too. What none of the identities opens is left to `vault check`.
    """
    raw = read_ciphertext(path)
    if raw is None:
        return False
    try:
        new = _seal_anew(raw, ring, path)
    except AgentkitError as error:
        if error.status != Exit.TAMPERED:
            raise
        return False
    if new is raw:
        return False
    vault.record(OP, "secret", "begun", {**told, "sha256": hash_bytes(new), "was": hash_bytes(raw)})
    put_file(path, new, vault.places.vault)
    return True


def _seal_anew(ciphertext: bytes, ring: Ring, what: str) -> bytes:
    """Return the value sealed for the new identity; what that opens already stays the same object."""
    try:
        open_sealed(ciphertext, ring.new, what)
    except AgentkitError:
        value = open_sealed(ciphertext, ring.identities, what)
    else:
        return ciphertext
    sealed = seal_value(value, ring.recipients)
    if open_sealed(sealed, ring.new, what) != value:
        raise AgentkitError(f"{what}: sealed for the new identity, it is another value", status=Exit.INTERNAL)
    return sealed


def _take_place(places: Places, sha256: str, path: str) -> bool:
    waiting = resealed_path(places, sha256)
    if not os.path.lexists(waiting):
        return False
    make_folders(os.path.dirname(path), places.vault)
    os.replace(waiting, path)
    sync(os.path.dirname(path))
    sync(os.path.dirname(waiting))
    return True


def _is_bound_by_new(row: Row, ring: Ring) -> bool:
    try:
        row.demand_ours(derive_row_keys(ring.new))
    except AgentkitError:
        return False
    return True


def _is_rotation_new(places: Places, name: str, ring: Ring) -> bool:
    try:
        rotation = read_rotation(places, name, ring.new)
        for text in () if rotation is None else (rotation.new, rotation.old):
            if text is not None:
                open_sealed(base64.b64decode(text), ring.new, name)
    except AgentkitError:
        return False
    return True


def _is_name(name: str) -> bool:
    try:
        return bool(demand_name(name))
    except AgentkitError:
        return False


def _previous_path(places: Places, name: str) -> str:
    return f"{places.previous}/{name}.age"
