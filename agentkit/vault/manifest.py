"""What does the manifest say of each secret, and can that be believed?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.keys import derive_row_keys, read_identities
from agentkit.vault.places import Places
from agentkit.vault.rows import Row, list_names, read_row

OK, UNVERIFIED, UNREADABLE, TAMPERED = "ok", "unverified", "unreadable", "tampered"


@dataclass(frozen=True, slots=True)
class Entry:
    """A secret of the manifest; `row` is None where it cannot be read, and `trouble` says what is wrong with it."""

    name: str
    row: Row | None
    state: str
    trouble: AgentkitError | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """The secrets, by name; `unverified` says why no row was verified, where none was."""

    entries: tuple[Entry, ...]
    unverified: AgentkitError | None

    @property
    def status(self) -> int:
        """Return the exit status for those who are told what it says."""
        statuses = {entry.trouble.status for entry in self.entries if entry.trouble is not None}
        return Exit.TAMPERED if Exit.TAMPERED in statuses else min(statuses, default=Exit.OK)


def read_manifest(places: Places, names: Iterable[str] | None = None) -> Manifest:
    """Return the secrets of a vault, or those of these names that there are.

    Without an identity the rows are read all the same. Raises AgentkitError (tampered) where there is no manifest.
    """
    keys, unverified = read_row_keys(places)
    if names is None:
        names = list_secrets(places)
    found = (read_entry(places, name, keys) for name in names)
    return Manifest(tuple(entry for entry in found if entry is not None), unverified)


def list_secrets(places: Places) -> list[str]:
    """Return the names of all secrets, sorted; raises AgentkitError (tampered) where there is no manifest."""
    try:
        return list_names(places.manifest)
    except OSError as error:
        raise AgentkitError(
            f"the manifest {error.filename or places.manifest} cannot be read: {error.strerror}",
            hint="agentkit vault check",
            status=Exit.TAMPERED,
        ) from error


def read_row_keys(places: Places) -> tuple[list[bytes] | None, AgentkitError | None]:
    """Return the keys of the rows; where the identity cannot be read None, and why."""
    try:
        return derive_row_keys(read_identities(places.identity)), None
    except AgentkitError as error:
        return None, error
    except OSError as error:
        return None, AgentkitError(f"the identity {places.identity} cannot be read: {error.strerror}")


def read_entry(places: Places, name: str, keys: list[bytes] | None) -> Entry | None:
    """Return one secret, None where it has no row; without keys its row is not verified."""
    row = None
    try:
        row = read_row(places.row(name), name)
        if row is None:
            return None
        if keys is None:
            return Entry(name, row, UNVERIFIED)
        row.demand_ours(keys)
    except AgentkitError as error:
        return Entry(name, row, TAMPERED if error.status == Exit.TAMPERED else UNREADABLE, error)
    return Entry(name, row, OK)
