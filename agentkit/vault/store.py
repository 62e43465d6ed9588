"""How does a change of the store become whole, durable, and on the log, whatever instant it is killed at?

The order of a change of one secret, under the lock of the log:

    record (intent), pending ciphertext, previous ciphertext, row, current ciphertext, newest version, record (commit)

The row is what counts: before it is replaced the old version is the secret, after it the new one, whose ciphertext is
then found where it was pending.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from agentkit.core.durable import replace_file, sync
from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.vault.access import OVERHEAD_BYTES, find_ciphertext, read_newest
from agentkit.vault.age import MOST_BYTES
from agentkit.vault.digest import hash_bytes
from agentkit.vault.locked import LockedVault
from agentkit.vault.places import Places
from agentkit.vault.plainread import MISSING, demand_private_folder, read_private
from agentkit.vault.rows import Fields, Row, write_row

PREFIX = ".new-"


def keep_pending(places: Places, name: str, ciphertext: bytes) -> None:
    """Put a ciphertext where the next change of this secret takes it from; durable."""
    put_file(f"{places.pending}/{name}.age", ciphertext, places.vault)


def commit_pending(vault: LockedVault, old: Row | None, fields: Fields, key: bytes, *, op: str) -> None:
    """Make what is pending the current version of a secret, as `fields` of its row say.

    `old` is its row until now, `op` the verb on the record. Raises AgentkitError (cannot write): the old version is
    then the secret, or the new one is whole.
    """
    places = vault.places
    name, version = str(fields["name"]), int(str(fields["version"]))
    told: Fields = {"name": name, "version": version, "sha256": fields["sha256"]}
    has_new_value = old is None or old.sha256 != fields["sha256"]
    try:
        if old is not None and not (has_new_value and _keep_previous(places, old)):
            # The value before this one stays where it is, and has to stay bound.
            fields = {**fields, "previous_sha256": old.fields.get("previous_sha256")}
        put_file(places.row(name), write_row(fields, key), places.vault)
        if has_new_value:
            _promote(places, name)
        put_file(places.newest(name), b"%d\n" % version, places.audit)
    except OSError as error:
        vault.record(op, "commit", "failed", told)
        raise tell_unwritable(name, error, places) from error
    except AgentkitError:
        vault.record(op, "commit", "failed", told)
        raise
    vault.record(op, "commit", "done", told)


def _keep_previous(places: Places, old: Row) -> bool:
    """Make the version that was the current one the one before; tell whether it was still there."""
    try:
        ciphertext = find_ciphertext(places, old)
    except AgentkitError as error:
        # A new value is how a damaged one is mended: it must not be stopped by the damage.
        tell(f"agentkit: note: {error.message}; the version before is not kept\n")
        return False
    put_file(f"{places.previous}/{old.name}.age", ciphertext, places.vault)
    return True


def clear_leftovers(places: Places, name: str) -> None:
    """Remove what killed changes left half made in the folders of this secret; the log must be locked."""
    pending, previous = f"{places.pending}/{name}.age", f"{places.previous}/{name}.age"
    for path in (places.row(name), places.current(name), places.newest(name), pending, previous):
        folder = os.path.dirname(path)
        try:
            for file in os.listdir(folder):
                if file.startswith(PREFIX):
                    os.unlink(f"{folder}/{file}")
        except OSError:
            continue  # it is no more than untidy


def finish_change(vault: LockedVault, row: Row) -> None:
    """Do what a change that was cut off behind its row has left to do; the row must have been found to be ours."""
    places = vault.places
    newest = read_newest(places, row.name) or 0
    if row.version <= newest and not _is_pending(places, row):
        return
    try:
        if _is_pending(places, row):
            _promote(places, row.name)
        put_file(places.newest(row.name), b"%d\n" % max(row.version, newest), places.audit)
    except OSError as error:
        raise tell_unwritable(row.name, error, places) from error
    told: Fields = {"name": row.name, "version": row.version, "sha256": row.sha256}
    vault.record("resume", "commit", "done", told)


def _is_pending(places: Places, row: Row) -> bool:
    try:
        path = f"{places.pending}/{row.name}.age"
        raw = read_private(path, what="the ciphertext", most_bytes=MOST_BYTES + OVERHEAD_BYTES)
    except MISSING:
        return False
    return hash_bytes(raw) == row.sha256


def _promote(places: Places, name: str) -> None:
    current = places.current(name)
    make_folders(os.path.dirname(current), places.vault)
    os.replace(f"{places.pending}/{name}.age", current)
    sync(os.path.dirname(current))
    sync(os.path.dirname(f"{places.pending}/{name}"))


def tell_unwritable(name: str, error: OSError, places: Places) -> AgentkitError:
    """Return the error for a change that found no room."""
    return AgentkitError(
        f"{name}: cannot be written: {error.strerror}", hint=f"make room for {places.vault}", status=Exit.CANNOT_WRITE
    )


def put_file(path: str, content: bytes, root: str, *, prepare: Callable[[int], None] | None = None) -> None:
    """Put a private file in place, whole and durable, with the private folders between `root` and it."""
    make_folders(os.path.dirname(path), root)
    replace_file(path, content, prefix=PREFIX, prepare=prepare)


def make_folders(folder: str, root: str) -> None:
    """Make the private folders between `root`, which is there, and this one; each durable."""
    if folder == root:
        return
    make_folders(os.path.dirname(folder), root)
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        demand_private_folder(folder, what="the folder")
        return
    sync(os.path.dirname(folder))
