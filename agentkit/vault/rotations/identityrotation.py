"""How is the identity of a vault replaced, with nobody there and gets going on, from wherever an earlier run left it?

The identity file holds old and new until everything is sealed and bound for the new one, and was found to be so with
the new one alone; then the old one is kept for the recovery key and dropped.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.age import find_recipient, make_identity, seal_value
from agentkit.vault.asker import find_asker
from agentkit.vault.digest import hash_bytes
from agentkit.vault.hardening import OwnMask, harden_process
from agentkit.vault.keys import derive_recipients_keys, read_identities
from agentkit.vault.locked import demand_vault
from agentkit.vault.places import Places, find_places
from agentkit.vault.recipients import read_recipients
from agentkit.vault.rotations.identityrotationfile import (
    IdentityFile,
    add_identity,
    clear_leftovers,
    drop_old,
    end_rotation,
    read_identity_file,
)
from agentkit.vault.rotations.identityrotationpasses import AGAIN, Run, Watcher, reseal_everything
from agentkit.vault.rotations.identityrotationrecipients import check_recovery, find_asked, switch_recipients
from agentkit.vault.rotations.identityrotationwork import OP, Ring
from agentkit.vault.rotations.rotation import hold_rotations
from agentkit.vault.rows import Fields, list_names
from agentkit.vault.store import put_file


@dataclass(frozen=True)
class Rotated:
    """A rotation of the identity that has come to its end."""

    secrets: int
    retired: str
    recovery: str


def rotate_identity(
    environ: Mapping[str, str],
    argv: list[str],
    *,
    recovery: str | None = None,
    new_recovery: str | None = None,
    watch: Watcher | None = None,
) -> Rotated:
    """Replace the identity, or go on with what a killed run began, and return how it ended.

    `recovery` (`age1…`) or `new_recovery` (a file that gets a new key) replace the recovery recipient too. Raises
    AgentkitError: tampered where something is not what this vault wrote, and both identities stay then; try later where
    another rotation runs; cannot write. Whatever it raises, everything can be read, and the same again goes on.
    """
    harden_process()
    places = find_places(environ)
    demand_vault(places)
    run = Run(places, find_asker(environ, argv, places), watch)
    with OwnMask(), _recording_failure(run), hold_rotations(places):
        clear_leftovers(places.identity)
        file = read_identity_file(places.identity)
        if file.is_dropped:
            rotated = _end(run)
            if find_asked(recovery, new_recovery) in (None, rotated.recovery):
                return rotated
            file = read_identity_file(places.identity)
        if file.retired is None:
            file = _begin(run, file, recovery, new_recovery)
        ring = switch_recipients(run, recovery, new_recovery)
        reseal_everything(run, ring)
        _retire(run, file, ring)
        return _end(run)


def plan_identity(environ: Mapping[str, str]) -> str:
    """Return in one line what `rotate_identity` would do."""
    places = find_places(environ)
    demand_vault(places)
    file = read_identity_file(places.identity)
    count = len(list_names(places.manifest))
    if file.is_dropped:
        return "would write down that the rotation of the identity has ended"
    what = "make a new identity" if file.retired is None else "go on with the rotation under way"
    return f"would {what}, seal {tell_count(count)} for it, and retire the old one"


def tell_count(count: int) -> str:
    """Return how many secrets, in words."""
    return "1 secret" if count == 1 else f"{count:,} secrets"


def _begin(run: Run, file: IdentityFile, recovery: str | None, new_recovery: str | None) -> IdentityFile:
    places = run.places
    with run.lock() as vault:
        identities = read_identities(places.identity)
        recipients = read_recipients(places.recipients, derive_recipients_keys(identities))
        check_recovery(recovery, [find_recipient(identity) for identity in identities])
        if new_recovery is not None and os.path.lexists(new_recovery):
            raise AgentkitError(f"{new_recovery} is there already, and no key is written over", status=Exit.REFUSED)
        key, recipient = make_identity()
        retired = _next_retired(places)
        told: Fields = {"identity": recipient, "was": recipients.identity, "retired": retired}
        vault.record(OP, "intent", "begun", told)
        return add_identity(file, key, recipient, retired)


def _retire(run: Run, file: IdentityFile, ring: Ring) -> None:
    """Keep the old identities for the recovery key alone, and drop them; durable in this order."""
    places = run.places
    with run.lock() as vault:
        if read_identity_file(places.identity) != file:
            raise AgentkitError(f"{file.path} was changed by another hand", hint=AGAIN, status=Exit.TRY_LATER)
        read_recipients(places.recipients, derive_recipients_keys(ring.new))
        sealed = seal_value(file.old.encode("utf-8", "surrogateescape"), ring.recipients[1:])
        put_file(f"{places.retired}/{file.retired}", sealed, places.vault)
        told: Fields = {
            "retired": file.retired,
            "sha256": hash_bytes(sealed),
            "secrets": len(list_names(places.manifest)),
        }
        vault.record(OP, "retire", "begun", told)
        drop_old(file)


def _end(run: Run) -> Rotated:
    places = run.places
    with run.lock() as vault:
        file = read_identity_file(places.identity)
        recipients = read_recipients(places.recipients, derive_recipients_keys(read_identities(places.identity)))
        count = len(list_names(places.manifest))
        vault.record(OP, "done", "done", {"identity": recipients.identity, "secrets": count})
        end_rotation(file)
    return Rotated(count, f"{places.retired}/{file.retired}", recipients.recovery)


def _next_retired(places: Places) -> str:
    numbers = [name.removesuffix(".age") for name in os.listdir(places.retired)]
    return f"{max([int(number) for number in numbers if number.isdecimal()], default=0) + 1:03}.age"


@contextmanager
def _recording_failure(run: Run) -> Iterator[None]:
    try:
        yield
    except AgentkitError as error:
        _record_failure(run, error)
        raise
    except OSError as error:
        what = f"{error.filename or run.places.vault}: {error.strerror}"
        failure = AgentkitError(what, hint=AGAIN, status=Exit.CANNOT_WRITE)
        _record_failure(run, failure)
        raise failure from error


def _record_failure(run: Run, error: AgentkitError) -> None:
    # It may be the log that failed: what is raised says so.
    with suppress(AgentkitError), run.lock() as vault:
        vault.record(OP, "failed", "failed", {"error": error.message})
