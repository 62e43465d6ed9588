"""Is the identity the one of this vault, and is everything still sealed for it and for the recovery key?"""

from __future__ import annotations

from collections.abc import Iterator

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import CRITICAL, WARNING
from agentkit.vault.age import find_recipient, is_recipient
from agentkit.vault.checks.checkingrows import UNFINISHED
from agentkit.vault.checks.checkingsighting import RECIPIENTS_CHANGED, WRONG_IDENTITY, Sighting
from agentkit.vault.digest import hash_bytes
from agentkit.vault.keys import derive_recipients_keys, read_identities
from agentkit.vault.places import Places
from agentkit.vault.plainread import read_private
from agentkit.vault.recipients import MOST_BYTES, read_recipients

RESTORE = "put the list back from a backup, and look who changed it; until then nothing is released"


def look_at_recipients(places: Places, known: set[str] | None) -> Iterator[Sighting]:
    """Yield what is wrong with the identity and the list of recipients.

    `known` are the digests of the lists that the log names, None where it is not believed.
    """
    subject = f"file:{places.recipients}"
    digest = _hash_list(places.recipients)
    try:
        identities = read_identities(places.identity)
        own = [find_recipient(identity) for identity in identities]
    except (AgentkitError, OSError) as error:
        yield _tell_no_identity(places, error)
        # Nobody can tell by its HMAC whether the list is ours; the log still knows which one was written.
        if known and digest not in known:
            told = f"{places.recipients} is not a list that the log knows of"
            yield Sighting(RECIPIENTS_CHANGED, subject, CRITICAL, told, RESTORE)
        return
    try:
        recipients = read_recipients(places.recipients, derive_recipients_keys(identities))
    except AgentkitError as error:
        yield _tell_list(places, error, own)
        return
    if known and digest not in known:
        told = f"{places.recipients} was written with this vault's identity, and the log knows of no such change"
        yield Sighting(RECIPIENTS_CHANGED, subject, CRITICAL, told, RESTORE)
    if not is_recipient(recipients.recovery) or recipients.recovery in (*own, recipients.identity):
        yield Sighting(
            "recovery-missing", subject, CRITICAL,
            "no key but the identity opens this vault: a lost identity is a lost vault",
            "agentkit vault rotate --identity --new-recovery FILE",
        )  # fmt: skip
    if len(own) > 1:
        yield Sighting(
            UNFINISHED, f"file:{places.identity}", WARNING,
            "a rotation of the identity was begun and has not ended; the old one still opens the vault",
            "agentkit vault rotate --identity",
        )  # fmt: skip


def _hash_list(path: str) -> str | None:
    try:
        return hash_bytes(read_private(path, what="the list of recipients", most_bytes=MOST_BYTES))
    except (AgentkitError, OSError):
        return None


def _tell_no_identity(places: Places, error: AgentkitError | OSError) -> Sighting:
    message = error.message if isinstance(error, AgentkitError) else f"{places.identity}: {error.strerror}"
    is_missing = isinstance(error, AgentkitError) and error.status == Exit.UNAVAILABLE
    step = "put it back from where you keep it; with the recovery key alone: age -d -i recovery.key secrets/NAME.age"
    hint = error.hint if isinstance(error, AgentkitError) and not is_missing else None
    return Sighting(
        "identity-missing" if is_missing else "identity-unusable", f"file:{places.identity}", CRITICAL,
        f"{message}; nothing can be released, and whether rows are ours was not verified", hint or step,
    )  # fmt: skip


def _tell_list(places: Places, error: AgentkitError, own: list[str]) -> Sighting:
    what = error.message.removesuffix("; nothing was released")
    if error.status != Exit.TAMPERED:
        return Sighting(
            "wrong-mode", f"file:{places.recipients}", CRITICAL, what, error.hint or f"ls -l {places.recipients}"
        )
    try:
        raw = read_private(places.recipients, what="the list of recipients", most_bytes=MOST_BYTES)
        is_for_another = bool(own) and not any(recipient.encode() in raw for recipient in own)
    except (AgentkitError, OSError):
        is_for_another = False
    if is_for_another:
        told = (
            f"the vault is not sealed for the identity {places.identity}: it is another one's, or the list was changed"
        )
        step = "name the right identity: AGENTKIT_IDENTITY=PATH; else put the list back from a backup"
        return Sighting(WRONG_IDENTITY, f"file:{places.recipients}", CRITICAL, told, step)
    return Sighting(RECIPIENTS_CHANGED, f"file:{places.recipients}", CRITICAL, what, RESTORE)
