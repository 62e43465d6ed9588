"""How does a value get into the vault, with what it is for?"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.times import format_instant
from agentkit.vault.access import demand_newest, find_ciphertext, knows, name_outcome, read_newest
from agentkit.vault.age import MOST_BYTES, seal_value
from agentkit.vault.asker import find_asker
from agentkit.vault.digest import hash_bytes
from agentkit.vault.hardening import OwnMask, harden_process
from agentkit.vault.keys import derive_recipients_keys, derive_row_keys, read_identities
from agentkit.vault.locked import LockedVault, demand_vault, lock_vault
from agentkit.vault.places import demand_name, find_places
from agentkit.vault.recipients import read_recipients
from agentkit.vault.rows import MOST_BYTES as MOST_ROW_BYTES
from agentkit.vault.rows import Fields, Row, read_row, write_row
from agentkit.vault.store import clear_leftovers, commit_pending, finish_change, keep_pending, tell_unwritable

DELIVERIES = ("fd", "stdin", "env")


@dataclass(frozen=True, slots=True)
class Particulars:
    """What a manifest row says beside the value; None (or nothing) leaves what it said before."""

    purpose: str | None = None
    owner: str | None = None
    consumers: tuple[str, ...] = ()
    deliver: tuple[str, ...] = ()
    expires_at: str | None = None
    rotate_every_s: float | None = None
    rotate_with: str | None = None
    rotate_settings: Mapping[str, str] = field(default_factory=dict)
    reissue: str | None = None


def set_secret(environ: Mapping[str, str], name: str, value: bytes | None, particulars: Particulars, now: float) -> int:
    """Put a new version of a secret in place and return its number; without a value only what it is for changes."""
    demand_name(name)
    if value is not None and not 0 < len(value) <= MOST_BYTES:
        what = "the value is empty" if not value else f"the value has {len(value)} bytes; at most {MOST_BYTES} are kept"
        raise AgentkitError(what, status=Exit.BAD_DATA)
    harden_process()
    places = find_places(environ)
    demand_vault(places)
    with OwnMask(), lock_vault(places, find_asker(environ, sys.argv, places)) as vault:
        return _set(vault, name, value, particulars, now)


def _set(vault: LockedVault, name: str, value: bytes | None, particulars: Particulars, now: float) -> int:
    places = vault.places
    try:
        identities = read_identities(places.identity)
        row_keys = derive_row_keys(identities)
        recipients = read_recipients(places.recipients, derive_recipients_keys(identities))
        old = _read_old(vault, name, row_keys, keeps_value=value is None)
    except AgentkitError as error:
        # What has no secret yet may be a value in the place of a name.
        named = name if knows(places, name) else None
        vault.record("set", "intent", name_outcome(error), {"name": named})
        raise
    if old is None and (value is None or not particulars.purpose):
        what = "a value" if value is None else "--purpose"
        raise AgentkitError(f"a new secret needs {what}", hint="agentkit vault set --help", status=Exit.USAGE)
    fields = _fill_row(name, old, particulars, format_instant(now))
    fields["version"] = max(0 if old is None else old.version, read_newest(places, name) or 0) + 1
    if value is None and old is not None:
        # The value is as old as it was: what is due by its age stays due.
        fields["sha256"], fields["set_at"] = old.sha256, old.fields.get("set_at")
        ciphertext = b""
    else:
        ciphertext = seal_value(value or b"", [recipients.identity, recipients.recovery])
        fields["sha256"] = hash_bytes(ciphertext)
    if len(write_row(fields, row_keys[0])) > MOST_ROW_BYTES:
        raise AgentkitError(
            f"what is said of {name} is too long: at most {MOST_ROW_BYTES} bytes in all", status=Exit.USAGE
        )
    told: Fields = {"name": name, "version": fields["version"], "sha256": fields["sha256"]}
    clear_leftovers(places, name)
    vault.record("set", "intent", "begun", told)
    try:
        if ciphertext:
            keep_pending(places, name, ciphertext)
    except OSError as error:
        vault.record("set", "intent", "failed", told)
        raise tell_unwritable(name, error, places) from error
    except AgentkitError:
        vault.record("set", "intent", "failed", told)
        raise
    commit_pending(vault, old, fields, row_keys[0], op="set")
    return int(str(fields["version"]))


def _read_old(vault: LockedVault, name: str, row_keys: list[bytes], *, keeps_value: bool) -> Row | None:
    """Return the row as it is, after what a killed change left was finished; raises AgentkitError (tampered)."""
    places = vault.places
    row = read_row(places.row(name), name)
    if row is not None:
        row.demand_ours(row_keys)
        if keeps_value:
            # Else a version that was put back would become the newest, and nothing would tell it any more.
            demand_newest(places, row)
            find_ciphertext(places, row)
        finish_change(vault, row)
    return row


def _fill_row(name: str, old: Row | None, new: Particulars, at: str) -> Fields:
    before: Fields = {} if old is None else old.fields
    given: Fields = {
        "purpose": new.purpose,
        "owner": new.owner,
        "consumers": list(new.consumers),
        "deliver": list(new.deliver),
        "expires_at": new.expires_at,
        "rotate_every_s": new.rotate_every_s,
        "rotate_with": new.rotate_with,
        "rotate_settings": dict(new.rotate_settings),
        "reissue": new.reissue,
    }
    kept = {key: value or before.get(key) or _DEFAULTS.get(key) for key, value in given.items()}
    return {
        "v": 1,
        "name": name,
        "version": 0,
        "sha256": "",
        "created_at": before.get("created_at", at),
        "set_at": at,
        **kept,
        "previous_sha256": None if old is None else old.sha256,
    }


_DEFAULTS: Fields = {"consumers": [], "deliver": ["fd", "stdin"], "rotate_settings": {}}


def read_value(descriptor: int, name: str) -> bytes:
    """Return every byte that comes over a descriptor; at a terminal, what is typed there without being shown."""
    demand_name(name)  # first: who mistook the value for the name is not asked for it again
    try:
        if os.isatty(descriptor):
            return _ask_for_value(name)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(MOST_BYTES + 1)
    except (OSError, OverflowError, ValueError) as error:
        # Below zero and beyond what a descriptor can be, Python has errors of its own.
        reason = error.strerror if isinstance(error, OSError) else "there is none of that number"
        raise AgentkitError(f"descriptor {descriptor} cannot be read: {reason}", status=Exit.BAD_DATA) from None


def _ask_for_value(name: str) -> bytes:
    import getpass

    try:
        return os.fsencode(getpass.getpass(f"value of {name} (not shown): "))
    except EOFError:
        raise AgentkitError("no value was typed", status=Exit.BAD_DATA) from None
