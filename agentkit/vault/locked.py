"""The vault while its log is locked: no other process of ours changes log or store meanwhile.

Imported by the hot verbs.
"""

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.asker import Asker
from agentkit.vault.log.chain import Chain, open_chain
from agentkit.vault.places import Places
from agentkit.vault.plainread import demand_private_folder


class LockedVault:
    """Places, log and who asks; `close` gives the lock back."""

    __slots__ = ("_chain", "asker", "places")

    def __init__(self, places: Places, asker: Asker, chain: Chain) -> None:
        self.places = places
        self.asker = asker
        self._chain = chain

    def record(self, op: str, phase: str, outcome: str, fields: "dict[str, object]") -> int:
        """Write a record, make it durable, and return its number; raises AgentkitError (cannot write)."""
        return self._chain.append((op, phase, outcome), self.asker, fields)

    def close(self) -> None:
        """Let the next one have the vault."""
        self._chain.close()

    def __enter__(self) -> "LockedVault":  # noqa: PYI034  # `Self` is in typing, which costs more than all of this
        """Hold it for a block."""
        return self

    def __exit__(self, *error: object) -> None:
        """Give it back."""
        self.close()


def lock_vault(places: Places, asker: Asker) -> LockedVault:
    """Return the vault, locked; raises AgentkitError (unavailable, refused, tampered, try later)."""
    demand_vault(places)
    return LockedVault(places, asker, open_chain(places.audit))


def demand_vault(places: Places) -> None:
    """Raise AgentkitError: unavailable where there is no vault, refused where it is open to others."""
    try:
        demand_private_folder(places.vault, what="the vault")
    except (FileNotFoundError, NotADirectoryError):
        raise AgentkitError(
            f"there is no vault at {places.vault}",
            hint="agentkit vault init --new-recovery FILE",
            status=Exit.UNAVAILABLE,
        ) from None
