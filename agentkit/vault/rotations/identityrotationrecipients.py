"""For whom is everything sealed from the moment that the new identity is there?"""

from __future__ import annotations

import os

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.age import find_recipient, is_recipient
from agentkit.vault.digest import hash_bytes
from agentkit.vault.keys import derive_recipients_keys, read_identities
from agentkit.vault.places import Places
from agentkit.vault.recipients import Recipients, read_recipients, write_recipients
from agentkit.vault.rotations.identityrotationfile import make_key_file
from agentkit.vault.rotations.identityrotationpasses import AGAIN, Run
from agentkit.vault.rotations.identityrotationwork import OP, Ring, clear_vault_leftovers
from agentkit.vault.rows import Fields
from agentkit.vault.store import put_file

WHAT = "recovery of an agentkit vault"


def switch_recipients(run: Run, recovery: str | None, new_recovery: str | None) -> Ring:
    """Have everything sealed for the new identity from here on, `set` too, and return who opens and who is sealed for.

    The recovery recipient changes where one is asked for; raises AgentkitError (refused) where it has changed already.
    """
    places = run.places
    with run.lock() as vault:
        clear_vault_leftovers(places)
        identities = read_identities(places.identity)
        own = find_recipient(identities[0])
        check_recovery(recovery, [find_recipient(identity) for identity in identities])
        keys = derive_recipients_keys(identities)
        listed = read_recipients(places.recipients, keys)
        if listed.identity == own and _is_written_with(places, keys[0]):
            if find_asked(recovery, new_recovery) not in (None, listed.recovery):
                raise AgentkitError(
                    "a rotation is under way, for the recovery key that it began with",
                    hint=f"end it first: {AGAIN}",
                    status=Exit.REFUSED,
                )
            return Ring(identities, [own, listed.recovery])
        if new_recovery is not None:
            recovery = _make_recovery(new_recovery)
        recipients = Recipients(own, recovery or listed.recovery)
        raw = write_recipients(recipients, keys[0])
        told: Fields = {"recovery": recipients.recovery, "recovery_was": listed.recovery}
        vault.record(OP, "recipients", "begun", {**told, "recipients_sha256": hash_bytes(raw)})
        put_file(places.recipients, raw, places.vault)
        return Ring(identities, [own, recipients.recovery])


def check_recovery(recovery: str | None, own: list[str]) -> None:
    """Raise AgentkitError (usage) where that is no recipient, or one of the vault's own identities."""
    if recovery is not None and not is_recipient(recovery):
        # Somebody may have given the secret half: it is not repeated.
        raise AgentkitError(
            "the recovery recipient is no X25519 recipient of age (age1…)", hint="age-keygen", status=Exit.USAGE
        )
    if recovery in own:
        raise AgentkitError(
            "the recovery recipient is that of the identity itself, which would be lost with it", status=Exit.USAGE
        )


def find_asked(recovery: str | None, new_recovery: str | None) -> str | None:
    """Return the recovery recipient that is asked for, None where none is; a file without a key stands for none yet."""
    if new_recovery is None:
        return recovery
    return _read_public(new_recovery) if os.path.lexists(new_recovery) else ""


def _make_recovery(path: str) -> str:
    # A file that was there before the rotation was refused: what is there now is what a killed run of it made.
    path = os.path.abspath(path)
    return _read_public(path) if os.path.lexists(path) else make_key_file(path, WHAT)


def _read_public(path: str) -> str:
    return find_recipient(read_identities(path)[0])


def _is_written_with(places: Places, key: bytes) -> bool:
    try:
        read_recipients(places.recipients, [key])
    except AgentkitError:
        return False
    return True
