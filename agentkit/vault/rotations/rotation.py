"""How is a secret rotated, from wherever an earlier run left it, as far as it can go now?"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.locks import hold_lock
from agentkit.core.times import format_duration, parse_duration
from agentkit.vault.keys import read_identities
from agentkit.vault.places import Places, demand_name
from agentkit.vault.rotations.rotationadopt import Position, find_users
from agentkit.vault.rotations.rotationhook import StepFailedError, end_leftovers
from agentkit.vault.rotations.rotationopen import (
    Bench,
    begin_rotation,
    note_step,
    open_for_step,
    read_our_row,
    read_settings,
)
from agentkit.vault.rotations.rotationstate import Rotation, clear_rotation_leftovers, read_rotation, write_rotation
from agentkit.vault.rotations.rotationsteps import (
    ADOPT,
    BEFORE_PROMOTION,
    INTENT,
    LIST,
    NEW,
    STEPS,
    TEST,
    choose_step,
    find_expected,
    is_to_be_given_up,
)
from agentkit.vault.rotations.rotationwork import find_unknown_keys, is_current_alive, note_failure, take_step
from agentkit.vault.rows import Row

LOCK_LIMIT = timedelta(seconds=60)
# Who uses a secret whose row names no consumer is not known: this long both values work.
UNKNOWN_ADOPT_S = 86400.0
ADOPT_S = 7 * 86400.0
# Each step leads on, or fails and ends the run; more than this is a bug that must not go on for ever.
MOST_STEPS = 32


@dataclass(frozen=True)
class Progress:
    """How far a rotation came: it is over, waits for consumers, or a step failed; `did` are the steps of this run."""

    rotation: Rotation
    row: Row
    did: tuple[str, ...]
    waits_for: tuple[str, ...] = ()
    revokes_at: float | None = None

    @property
    def has_failed(self) -> bool:
        """Tell whether the last step that was tried failed."""
        return self.rotation.failure is not None

    def tell(self, now: float) -> str:
        """Return it in one line; `now` is in seconds since the epoch."""
        rotation = self.rotation
        if rotation.failure is not None:
            return f"{rotation.name}: {rotation.failed_step} failed: {rotation.failure}"
        if rotation.is_over and rotation.is_given_up:
            return f"{rotation.name}: given up; the secret is as it was set, and what was made for it is revoked"
        if rotation.is_over:
            return f"{rotation.name}: version {self.row.version}, and the old value is dead"
        if self.waits_for:
            told = f"until the new one was used by {', '.join(self.waits_for)}"
        else:
            told = f"for another {format_duration(max(0.0, (self.revokes_at or now) - now))}"
        return f"{rotation.name}: version {self.row.version}; the old value works {told}"


@contextmanager
def hold_rotations(places: Places) -> Iterator[None]:
    """Keep every other rotation of this vault out while the block runs; raises AgentkitError (try later)."""
    with hold_lock(f"{places.vault}/rotate.lock", what="rotation", limit=LOCK_LIMIT):
        yield


def rotate_secret(bench: Bench, name: str, *, is_urgent: bool = False) -> Progress:
    """Begin a rotation, or go on with the one under way, and return how far it came; `hold_rotations` must be held.

    An urgent one revokes the old value without waiting for anybody: somebody else knows it.
    """
    demand_name(name)
    clear_rotation_leftovers(bench.places, name)
    rotation = read_rotation(bench.places, name, read_identities(bench.places.identity))
    if rotation is None or rotation.is_over:
        rotation = begin_rotation(bench, name, rotation, is_urgent)
    else:
        end_leftovers(rotation.id)
        rotation = replace(rotation, is_urgent=rotation.is_urgent or is_urgent)
    return _drive(bench, rotation)


def give_up_rotation(bench: Bench, name: str) -> Progress:
    """Revoke what the rotation under way has made, and leave the secret as it is; `hold_rotations` must be held.

    Raises AgentkitError: unavailable where there is none to be given up, refused where the value in use works no more.
    """
    demand_name(name)
    rotation = read_rotation(bench.places, name, read_identities(bench.places.identity))
    if rotation is None or rotation.is_over or rotation.done not in BEFORE_PROMOTION:
        raise AgentkitError(f"{name}: there is no rotation that could be given up", hint="agentkit vault show " + name)
    end_leftovers(rotation.id)
    opened = open_for_step(bench, rotation, TEST)
    if opened.standing == NEW:
        raise AgentkitError(f"{name}: it was promoted already", hint=f"agentkit vault rotate {name}")
    try:
        works = is_current_alive(bench, rotation, opened)
    except StepFailedError as error:
        note_step(bench, rotation, TEST, "failed", opened.row, error=str(error))
        raise AgentkitError(
            f"{name}: whether the value in use works is not known: {error}", status=Exit.TRY_LATER
        ) from None
    note_step(bench, rotation, TEST, "done", opened.row)
    if not works:
        raise AgentkitError(
            f"{name}: the value in use works no more; the new one is all there is",
            hint=f"agentkit vault rotate {name}",
            status=Exit.REFUSED,
        )
    return _drive(bench, write_rotation(bench.places, replace(rotation, is_given_up=True), opened.identities))


def plan_rotation(bench: Bench, name: str) -> str:
    """Return in one line what `rotate_secret` would do."""
    demand_name(name)
    row = read_our_row(bench.places, name)
    rotation = read_rotation(bench.places, name, read_identities(bench.places.identity))
    done = INTENT if rotation is None or rotation.is_over else rotation.done
    with_hook = f"with {row.fields.get('rotate_with') or 'no hook'}"
    if rotation is not None and rotation.is_given_up and not rotation.is_over:
        return f"would revoke what was made for {name} {with_hook}"
    return f"would {', '.join(STEPS[STEPS.index(done) + 1 :])} {name} {with_hook}"


def look_for_unknown_keys(bench: Bench, rotation: Rotation) -> Rotation:
    """Return a rotation that is over, with the keys that nobody knows of as they are now."""
    opened = open_for_step(bench, rotation, LIST)
    try:
        rotation = replace(rotation, unknown_keys=find_unknown_keys(bench, rotation, opened))
    except StepFailedError as error:
        note_step(bench, rotation, LIST, "failed", opened.row, error=str(error))
        return rotation
    return write_rotation(bench.places, rotation, opened.identities)


def adopt_limit_s(row: Row) -> float:
    """Return how long the consumers of a secret have; without any, how long the old value still works."""
    text = read_settings(row).get("adopt_within")
    if text is not None:
        return parse_duration(text, f"{row.name}: setting adopt_within", zero=True)
    return ADOPT_S if row.texts("consumers") else UNKNOWN_ADOPT_S


def _drive(bench: Bench, rotation: Rotation) -> Progress:
    did: list[str] = []
    for _ in range(MOST_STEPS):
        step = choose_step(rotation.standing, find_expected(rotation.standing))
        if step == ADOPT:
            progress = _adopt(bench, rotation, did)
            rotation = progress.rotation
            if rotation.done != ADOPT:
                return progress
            did.append(ADOPT)
            continue
        opened = open_for_step(bench, rotation, step)
        if is_to_be_given_up(rotation.standing, opened.standing) and not rotation.is_given_up:
            rotation = write_rotation(bench.places, replace(rotation, is_given_up=True), opened.identities)
            continue
        try:
            rotation = take_step(bench, rotation, step, opened)
        except StepFailedError as error:
            return Progress(note_failure(bench, rotation, step, opened, error), opened.row, tuple(did))
        did.append(step)
        if rotation.is_over:
            return Progress(rotation, read_our_row(bench.places, rotation.name), tuple(did))
    raise AgentkitError(f"{rotation.name}: the rotation does not come to an end", status=Exit.INTERNAL)


def _adopt(bench: Bench, rotation: Rotation, did: list[str]) -> Progress:
    """Look who has used the new version since it was promoted, and note it."""
    row = read_our_row(bench.places, rotation.name)
    consumers = row.texts("consumers")
    waits_for: tuple[str, ...] = ()
    due = (rotation.promoted_at or 0.0) + adopt_limit_s(row)
    since = Position(rotation.log_segment, rotation.log_offset)
    found, position = find_users(bench.places, row.name, rotation.promoted_version or 0, consumers, since)
    used_by = {*rotation.used_by, *found}
    rotation = replace(
        rotation, used_by=tuple(sorted(used_by)), log_segment=position.segment, log_offset=position.offset
    )
    if consumers:
        waits_for = tuple(consumer for consumer in consumers if consumer not in used_by)
        is_adopted = not waits_for
    else:
        is_adopted = bench.now() >= due
    if is_adopted or rotation.is_urgent:
        rotation = replace(rotation, done=ADOPT)
        note_step(bench, rotation, ADOPT, "done", row)
    rotation = write_rotation(bench.places, rotation, read_identities(bench.places.identity))
    return Progress(rotation, row, tuple(did), waits_for, None if consumers else due)
