"""What are the values of a rotation at one step, each opened after the record of that step?

The lock of the log is held while values are opened, never while a hook runs.
"""

import base64
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.access import open_value
from agentkit.vault.age import open_sealed
from agentkit.vault.asker import Asker
from agentkit.vault.keys import derive_recipients_keys, derive_row_keys, read_identities
from agentkit.vault.locked import LockedVault, lock_vault
from agentkit.vault.log.chain import HEAD_BYTES, read_head
from agentkit.vault.places import Places
from agentkit.vault.recipients import read_recipients
from agentkit.vault.rotations.rotationadopt import Position
from agentkit.vault.rotations.rotationhook import STEP_LIMIT, find_hook
from agentkit.vault.rotations.rotationstate import Rotation, seal_text, write_rotation
from agentkit.vault.rotations.rotationsteps import INTENT, NEW, OLD, OTHER
from agentkit.vault.rows import Fields, Row, read_row, tell_broken

ID_BYTES = 8


@dataclass(frozen=True)
class Bench:
    """What a rotation works with; `now` tells the seconds since the epoch."""

    places: Places
    environ: Mapping[str, str]
    asker: Asker
    now: Callable[[], float]
    limit: timedelta = STEP_LIMIT


@dataclass(frozen=True)
class Opened:
    """A secret as it is at one step: its row, and the values that the step may need."""

    row: Row
    identities: list[str] = field(repr=False)
    recipients: list[str]
    current: bytes = field(repr=False)
    new: bytes | None = field(repr=False)
    old: bytes = field(repr=False)

    @property
    def standing(self) -> str:
        """Return what the secret is now: OLD, NEW or OTHER."""
        if self.new is not None and self.current == self.new:
            return NEW
        return OLD if self.current == self.old else OTHER


def begin_rotation(bench: Bench, name: str, before: Rotation | None, is_urgent: bool) -> Rotation:
    """Write down that a rotation begins, and the value with which it does; `before` is the last one of this secret."""
    row = read_our_row(bench.places, name)
    if not hook_name(row):
        raise AgentkitError(
            f"{name}: nothing says how it is rotated",
            hint=f"agentkit vault set {name} --keep-value --rotate-with token|postgres|command|/PATH/OF/A/HOOK",
            status=Exit.CONFIGURATION,
        )
    # Looked at before anything has happened, so that nothing is begun that cannot go on.
    find_hook(hook_name(row))
    rotation = Rotation(os.urandom(ID_BYTES).hex(), name, bench.now(), is_urgent=is_urgent)
    if before is not None:
        # Only where nobody has set another value since is the key that was made then the one to be replaced.
        key = before.key if before.new_sha256 == row.sha256 else None
        rotation = replace(rotation, old_key=key, unknown_keys=before.unknown_keys)
    opened = open_for_step(bench, rotation, INTENT)
    rotation = replace(rotation, old=seal_text(opened.current, opened.recipients))
    return write_rotation(bench.places, rotation, opened.identities)


def open_for_step(bench: Bench, rotation: Rotation, step: str) -> Opened:
    """Return the values of a rotation, after a record of the step for which they are opened."""
    with lock_vault(bench.places, bench.asker) as vault:
        row = read_our_row(bench.places, rotation.name)
        record_step(vault, rotation, step, "begun", row)
        try:
            return open_values(vault, rotation, row)
        except AgentkitError as error:
            record_step(vault, rotation, step, "failed", row, error=error.message)
            raise


def open_values(vault: LockedVault, rotation: Rotation, row: Row) -> Opened:
    """Return the values of a rotation; a record of it must have been written before."""
    places = vault.places
    identities = read_identities(places.identity)
    recipients = read_recipients(places.recipients, derive_recipients_keys(identities))
    current = open_value(places, row, identities)
    return Opened(
        row,
        identities,
        [recipients.identity, recipients.recovery],
        current,
        _unseal(rotation.new, identities, row.name),
        _unseal(rotation.old, identities, row.name) or current,
    )


def note_step(bench: Bench, rotation: Rotation, step: str, outcome: str, row: Row, *, error: str | None = None) -> None:
    """Record what came of a step."""
    with lock_vault(bench.places, bench.asker) as vault:
        record_step(vault, rotation, step, outcome, row, error=error)


def record_step(
    vault: LockedVault, rotation: Rotation, step: str, outcome: str, row: Row, *, error: str | None = None
) -> None:
    """Record a step in the vault that is locked already."""
    told: Fields = {
        "name": row.name,
        "version": row.version,
        "delivery": "hook",
        "reason": f"rotation {rotation.id}",
        "rotation": rotation.id,
        "hook": hook_name(row),
        "key": rotation.key or rotation.key_name,
    }
    vault.record("rotate", step, outcome, told if error is None else {**told, "error": error})


def find_end_of_log(bench: Bench) -> Position:
    """Return where the log ends now."""
    with lock_vault(bench.places, bench.asker), open(f"{bench.places.audit}/head", "rb") as file:
        head = read_head(file.read(HEAD_BYTES + 1))
    return Position(head.segment, head.size)


def read_our_row(places: Places, name: str) -> Row:
    """Return the row of a secret; raises AgentkitError (unavailable, tampered)."""
    row = read_row(places.row(name), name)
    if row is None:
        if os.path.lexists(places.current(name)):
            raise tell_broken(name, "its row is missing")
        raise AgentkitError(f"there is no secret {name}", hint="agentkit vault list", status=Exit.UNAVAILABLE)
    row.demand_ours(derive_row_keys(read_identities(places.identity)))
    return row


def hook_name(row: Row) -> str:
    """Return what rotates a secret, as its row says it; "" for nothing."""
    return str(row.fields.get("rotate_with") or "")


def read_settings(row: Row) -> dict[str, str]:
    """Return the settings of a secret's rotation."""
    settings = row.fields.get("rotate_settings")
    return {str(name): str(text) for name, text in settings.items()} if isinstance(settings, dict) else {}


def _unseal(text: str | None, identities: list[str], name: str) -> bytes | None:
    return None if text is None else open_sealed(base64.b64decode(text), identities, f"the rotation of {name}")
