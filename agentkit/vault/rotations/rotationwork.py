"""What is done at each step of a rotation, and what is known after it?"""

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from agentkit.core.times import format_instant, parse_duration
from agentkit.vault.access import Wish, release
from agentkit.vault.digest import hash_bytes
from agentkit.vault.keys import derive_row_keys
from agentkit.vault.locked import LockedVault, lock_vault
from agentkit.vault.places import demand_name
from agentkit.vault.rotations.rotationhook import (
    Answer,
    Call,
    StepFailedError,
    call_hook,
    find_hook,
    read_flag,
    read_value,
)
from agentkit.vault.rotations.rotationopen import (
    Bench,
    Opened,
    find_end_of_log,
    hook_name,
    note_step,
    open_values,
    read_our_row,
    read_settings,
    record_step,
)
from agentkit.vault.rotations.rotationstate import Rotation, seal_text, write_rotation
from agentkit.vault.rotations.rotationsteps import (
    CREATE,
    INTENT,
    LIST,
    NEW,
    OLD,
    OTHER,
    PROMOTE,
    PROVE,
    REVOKE,
    SET,
    TEST,
    find_step_to_repeat,
)
from agentkit.vault.rows import Fields, Row
from agentkit.vault.store import clear_leftovers, commit_pending, finish_change, keep_pending

MOST_KEYS_TOLD = 20
SECRET_OF = "secret:"  # noqa: S105  # how a setting names another secret
# What a row says of its rotation to us, and not to the hook.
OWN_SETTINGS = ("adopt_within", "step_limit")


class DoesNotHoldError(StepFailedError):
    """A look that found that an earlier step has not done, or does no longer hold, what it should."""


def take_step(bench: Bench, rotation: Rotation, step: str, opened: Opened) -> Rotation:
    """Take a step and return the rotation as it is after it, durable; raises StepFailedError."""
    taken = _STEPS[step](bench, rotation, opened)
    taken = replace(taken, failed_step=None, failure=None, failures=0, failed_at=None)
    write_rotation(bench.places, taken, opened.identities)
    if step != PROMOTE:  # which is recorded together with the change of the store
        note_step(bench, taken, step, "done", opened.row)
    return taken


def note_failure(bench: Bench, rotation: Rotation, step: str, opened: Opened, error: StepFailedError) -> Rotation:
    """Record that a step failed, and return the rotation that knows it and where it goes on."""
    note_step(bench, rotation, step, "failed", opened.row, error=str(error))
    if isinstance(error, DoesNotHoldError):
        done = find_step_to_repeat(rotation.standing, step)
        rotation = replace(rotation, done=done, old_is_dead=False)
    rotation = replace(
        rotation,
        failed_step=step,
        failure=str(error),
        failures=rotation.failures + 1,
        failed_at=rotation.failed_at or bench.now(),
    )
    return write_rotation(bench.places, rotation, opened.identities)


def is_current_alive(bench: Bench, rotation: Rotation, opened: Opened) -> bool:
    """Ask the provider whether the value in use works; raises StepFailedError where that cannot be told."""
    answer = _call(bench, rotation, opened, TEST, {"pending": opened.current, "current": opened.current})
    return read_flag(answer, "alive")


def find_unknown_keys(bench: Bench, rotation: Rotation, opened: Opened) -> tuple[str, ...]:
    """Return the keys that live at the provider and are neither the old nor the new one; () where it lists none."""
    live = _call(bench, rotation, opened, LIST, {"current": opened.current}).get("live")
    if not isinstance(live, list) or rotation.key is None:
        return ()
    found = {str(key) for key in live}
    if _is_current_known(rotation, opened):
        found -= {rotation.old_key, rotation.key} if not rotation.is_over else {_surviving_key(rotation)}
    else:
        # The key of a value that somebody set is not known, so only those that were strangers before are.
        found &= set(rotation.unknown_keys)
    return tuple(sorted(found))[:MOST_KEYS_TOLD]


def _create(bench: Bench, rotation: Rotation, opened: Opened) -> Rotation:
    answer = _call(bench, rotation, opened, CREATE, {"current": opened.current})
    value = read_value(answer, "value")
    if value in (opened.current, opened.old):
        raise StepFailedError("what it made is the value that the secret has already")
    # Kept before anything else is asked: until then the provider alone knows it.
    rotation = replace(
        rotation,
        done=CREATE,
        new=seal_text(value, opened.recipients),
        key=_read_text(answer, "key"),
        old_key=_read_text(answer, "old_key") or rotation.old_key,
        expires_at=_read_text(answer, "expires_at"),
    )
    write_rotation(bench.places, rotation, opened.identities)
    return _note_keys(bench, rotation, opened)


def _set(bench: Bench, rotation: Rotation, opened: Opened) -> Rotation:
    answer = _call(bench, rotation, opened, SET, {"pending": _new(opened), "current": opened.current})
    return replace(rotation, done=SET, old_is_dead=answer.get("old_is_dead") is True)


def _test(bench: Bench, rotation: Rotation, opened: Opened) -> Rotation:
    answer = _call(bench, rotation, opened, TEST, {"pending": _new(opened), "current": opened.current})
    if not read_flag(answer, "alive"):
        raise DoesNotHoldError(_explain(answer, "the new value does not work"))
    # Before the promotion: a crash behind it must not lose who used the new version at once.
    end = find_end_of_log(bench)
    return replace(rotation, done=TEST, log_segment=end.segment, log_offset=end.offset)


def _promote(bench: Bench, rotation: Rotation, _: Opened) -> Rotation:
    with lock_vault(bench.places, bench.asker) as vault:
        # Between the last look and this lock somebody may have set another value.
        row = read_our_row(bench.places, rotation.name)
        opened = open_values(vault, rotation, row)
        finish_change(vault, row)
        if opened.standing == OTHER:
            raise StepFailedError("the secret was set to another value meanwhile")
        if opened.standing == OLD:
            row = _commit(vault, bench, rotation, opened)
        record_step(vault, rotation, PROMOTE, "done", row)
    return replace(rotation, done=PROMOTE, promoted_at=bench.now(), promoted_version=row.version, new_sha256=row.sha256)


def _commit(vault: LockedVault, bench: Bench, rotation: Rotation, opened: Opened) -> Row:
    old, ciphertext = opened.row, base64.b64decode(rotation.new or "")
    fields: Fields = {
        **{key: value for key, value in old.fields.items() if key != "mac"},
        "version": old.version + 1,
        "sha256": hash_bytes(ciphertext),
        "set_at": format_instant(bench.now()),
        "previous_sha256": old.sha256,
        # When the old value would have ended says nothing of the new one.
        "expires_at": rotation.expires_at,
    }
    clear_leftovers(bench.places, old.name)
    # Whoever looks behind a crash finds on the log which version this may have become.
    begun: Fields = {"name": old.name, "version": fields["version"], "sha256": fields["sha256"]}
    vault.record("rotate", INTENT, "begun", begun)
    keep_pending(bench.places, old.name, ciphertext)
    commit_pending(vault, old, fields, derive_row_keys(opened.identities)[0], op="rotate")
    return read_our_row(bench.places, old.name)


def _revoke(bench: Bench, rotation: Rotation, opened: Opened) -> Rotation:
    if _victim(rotation, opened) == opened.current:
        return _finish(bench, rotation)  # somebody set it again: then it is what everybody uses
    if not is_current_alive(bench, rotation, opened):
        raise StepFailedError("the value in use does not work, so the other one was not revoked")
    _call(bench, rotation, opened, REVOKE, {"previous": _victim(rotation, opened), "current": opened.current})
    return replace(rotation, done=REVOKE)


def _prove(bench: Bench, rotation: Rotation, opened: Opened) -> Rotation:
    values = {"previous": _victim(rotation, opened), "current": opened.current}
    answer = _call(bench, rotation, opened, PROVE, values)
    if not read_flag(answer, "dead"):
        raise DoesNotHoldError(_explain(answer, "the value that was revoked still works"))
    return _note_keys(bench, _finish(bench, rotation), opened)


_STEPS: dict[str, Callable[[Bench, Rotation, Opened], Rotation]] = {
    CREATE: _create, SET: _set, TEST: _test, PROMOTE: _promote, REVOKE: _revoke, PROVE: _prove,
}  # fmt: skip


def _finish(bench: Bench, rotation: Rotation) -> Rotation:
    return replace(rotation, done=PROVE, is_over=True, ended_at=bench.now(), new=None, old=None)


def _note_keys(bench: Bench, rotation: Rotation, opened: Opened) -> Rotation:
    try:
        unknown = find_unknown_keys(bench, rotation, opened)
    except StepFailedError as error:
        # What was done is done; which keys live besides is asked again at the end.
        note_step(bench, rotation, LIST, "failed", opened.row, error=str(error))
        return rotation
    fresh = [key for key in unknown if key not in rotation.unknown_keys]
    if len(fresh) == 1 and rotation.old_key is None and not rotation.is_over:
        # Before its first rotation nobody knew the key of a secret: it is the only other one that lives.
        return replace(rotation, old_key=fresh[0], unknown_keys=tuple(key for key in unknown if key != fresh[0]))
    return replace(rotation, unknown_keys=unknown)


def _is_current_known(rotation: Rotation, opened: Opened) -> bool:
    if rotation.promoted_at is None or rotation.is_given_up:
        return opened.standing == OLD
    return opened.standing == NEW or opened.row.sha256 == rotation.new_sha256


def _surviving_key(rotation: Rotation) -> str | None:
    return rotation.old_key if rotation.is_given_up else rotation.key


def _call(bench: Bench, rotation: Rotation, opened: Opened, step: str, values: dict[str, bytes]) -> Answer:
    row, settings, handed = opened.row, {}, dict(values)
    for name, text in read_settings(row).items():
        if text.startswith(SECRET_OF):
            other = demand_name(text.removeprefix(SECRET_OF))
            wish = Wish("rotate", other, "hook", f"rotation {rotation.id} of {row.name}")
            with lock_vault(bench.places, bench.asker) as vault:
                handed[name] = release(vault, [wish])[0]
        elif name not in OWN_SETTINGS:
            settings[name] = text
    is_in_use = rotation.promoted_at is not None and not rotation.is_given_up
    keys = {
        "pending": rotation.key,
        "previous": rotation.key if rotation.is_given_up else rotation.old_key,
        "current": rotation.key if is_in_use else rotation.old_key,
    }
    told = {name: key for name, key in keys.items() if key is not None}
    call = Call(row.name, rotation.id, rotation.key_name, settings, told, handed)
    return call_hook(find_hook(hook_name(row)), step, call, bench.environ, _find_limit(bench, row))


def _find_limit(bench: Bench, row: Row) -> timedelta:
    text = read_settings(row).get("step_limit")
    if text is None:
        return bench.limit
    return timedelta(seconds=parse_duration(text, f"{row.name}: setting step_limit"))


def _victim(rotation: Rotation, opened: Opened) -> bytes:
    return _new(opened) if rotation.is_given_up else opened.old


def _new(opened: Opened) -> bytes:
    assert opened.new is not None
    return opened.new


def _read_text(answer: Answer, key: str) -> str | None:
    text = answer.get(key)
    return text if isinstance(text, str) and text else None


def _explain(answer: Answer, otherwise: str) -> str:
    why = _read_text(answer, "why")
    return f"{otherwise}: {why}" if why else otherwise
