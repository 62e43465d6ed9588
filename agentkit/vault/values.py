"""Which values does the vault hold, for whom must never see one of them?

Imported by the hot verbs: `vault redact` masks what this opens.
"""

import os
from _collections_abc import Mapping

from agentkit.core.errors import AgentkitError, tell
from agentkit.vault.access import find_previous, open_value
from agentkit.vault.age import open_sealed
from agentkit.vault.asker import find_asker
from agentkit.vault.keys import read_identities
from agentkit.vault.locked import LockedVault, lock_vault
from agentkit.vault.places import Places, find_places
from agentkit.vault.rows import list_names, read_row

Values = list[tuple[str, bytes]]


class Opened:
    """The values of a vault, and those before them; `broken` names what could not be opened."""

    __slots__ = ("_argv", "_environ", "broken", "values")

    def __init__(self, values: Values, broken: "list[str]", environ: Mapping[str, str], argv: "list[str]") -> None:
        self.values = values
        self.broken = broken
        self._environ = environ
        self._argv = argv

    def record_masked(self, counts: Mapping[str, int]) -> None:
        """Write down how often which name was masked; never a value."""
        places = find_places(self._environ)
        with lock_vault(places, find_asker(self._environ, self._argv, places)) as vault:
            vault.record("redact", "done", "done", {"masked": dict(counts)})


def open_all_values(environ: Mapping[str, str], argv: "list[str]") -> "Opened | None":
    """Return every value, after one record that says so; None where there is no vault.

    A secret that is not what the vault wrote is named on stderr and left out. Raises AgentkitError where nothing can
    be opened: no identity, a log that does not hold.
    """
    places = find_places(environ)
    if not os.path.lexists(places.vault):
        return None
    with lock_vault(places, find_asker(environ, argv, places)) as vault:
        identities = _read_identities(vault)
        values: Values = []
        broken = []
        for name in list_names(places.manifest):
            try:
                values += _open_versions(places, name, identities)
            except AgentkitError as error:
                broken.append(name)
                tell(f"agentkit: warning: {error.message}; it is not masked\n")
    return Opened(values, broken, environ, argv)


def _read_identities(vault: LockedVault) -> "list[str]":
    seq = vault.record("redact", "release", "granted", {"delivery": "mask"})
    try:
        return read_identities(vault.places.identity)
    except AgentkitError:
        vault.record("redact", "failed", "failed", {"delivery": "mask", "of": seq})
        raise


def _open_versions(places: Places, name: str, identities: "list[str]") -> Values:
    row = read_row(places.row(name), name)
    if row is None:
        return []
    found = [(name, open_value(places, row, identities))]
    before = find_previous(places, row)
    return found if before is None else [*found, (name, open_sealed(before, identities, name))]
