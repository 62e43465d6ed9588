"""Which secrets are to be rotated now, and what does a person have to know of their rotations?"""

from collections.abc import Iterator
from dataclasses import dataclass

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import CRITICAL, WARNING, Finding
from agentkit.core.times import format_duration, format_instant, parse_instant
from agentkit.vault.keys import read_identities
from agentkit.vault.locked import demand_vault, lock_vault
from agentkit.vault.manifest import list_secrets
from agentkit.vault.rotations.rotation import (
    Progress,
    adopt_limit_s,
    look_for_unknown_keys,
    plan_rotation,
    rotate_secret,
)
from agentkit.vault.rotations.rotationopen import Bench, hook_name, read_our_row
from agentkit.vault.rotations.rotationstate import Rotation, read_rotation
from agentkit.vault.rotations.rotationsteps import PROVE, REVOKE
from agentkit.vault.rows import Row

SOURCE = "vault.rotate"
# What a person has to do needs a while; of a short period it is a quarter.
EARLY_S = 14 * 86400.0
EARLY_PART = 0.25
# What fails so often does not mend itself.
CRITICAL_FAILURES = 3


@dataclass(frozen=True)
class Due:
    """What a look at all secrets came to: how far each rotation came, and what is to be told."""

    progress: tuple[Progress, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Teller:
    """Where and when a finding was made; `tell` makes one of a secret."""

    host: str
    now: float

    def tell(
        self, name: str, type_: str, severity: str, title: str, *,
        key: str = "", evidence: dict[str, object] | None = None, first_seen: float | None = None,
    ) -> Finding:  # fmt: skip
        return Finding(
            SOURCE, type_, f"secret:{name}", severity, f"{name}: {title}", self.host, self.now, key=key,
            evidence=evidence or {}, first_seen=first_seen,
        )  # fmt: skip


def rotate_due(bench: Bench, host: str) -> Due:
    """Rotate what is due, go on with what is under way, and return what a person should look at.

    `hold_rotations` must be held. What keeps one secret from being rotated keeps no other; a log that was tampered
    with, or cannot be written, ends it all.
    """
    with lock_vault(bench.places, bench.asker):
        pass  # a log that does not hold, or that another keeps locked, is no trouble of one secret
    progress: list[Progress] = []
    findings: list[Finding] = []
    teller = _Teller(host, bench.now())
    for name in list_secrets(bench.places):
        try:
            for one in _rotate_if_due(bench, name):
                progress.append(one)
                findings += _tell_progress(one, teller)
            findings += _tell_what_needs_a_person(read_our_row(bench.places, name), teller)
        except AgentkitError as error:
            if error.status == Exit.CANNOT_WRITE:
                raise
            told = error.message.removeprefix(f"{name}: ")
            findings.append(teller.tell(name, "not-rotated", CRITICAL, told))
    return Due(tuple(progress), tuple(findings))


def plan_due(bench: Bench) -> list[str]:
    """Return what `rotate_due` would do, one line a secret; nothing is asked of a provider."""
    demand_vault(bench.places)
    plans = []
    for name in list_secrets(bench.places):
        row = read_our_row(bench.places, name)
        rotation = read_rotation(bench.places, name, read_identities(bench.places.identity))
        is_under_way = rotation is not None and not rotation.is_over
        if is_under_way or (hook_name(row) and is_due(row, bench.now())):
            plans.append(plan_rotation(bench, name))
    return plans


def is_due(row: Row, now: float) -> bool:
    """Tell whether a secret is old enough to be rotated, or so near to its end that it has to be."""
    due = due_at(row)
    if due is None:
        return False
    # A period is kept to; an end must not be waited for.
    return now >= (due if row.fields.get("expires_at") is None else due - _early_s(row))


def due_at(row: Row) -> float | None:
    """Return when a secret has to be another one: after its period, or when it ends; None for never."""
    ends = []
    every = row.fields.get("rotate_every_s")
    if isinstance(every, (int, float)):
        ends.append(parse_instant(str(row.fields["set_at"])) + every)
    expires = row.fields.get("expires_at")
    if isinstance(expires, str):
        ends.append(parse_instant(expires))
    return min(ends, default=None)


def _rotate_if_due(bench: Bench, name: str) -> Iterator[Progress]:
    row = read_our_row(bench.places, name)
    rotation = read_rotation(bench.places, name, read_identities(bench.places.identity))
    if rotation is not None and not rotation.is_over:
        yield rotate_secret(bench, name)
        return
    if hook_name(row) and is_due(row, bench.now()):
        yield rotate_secret(bench, name)
    elif rotation is not None and rotation.unknown_keys:
        yield Progress(look_for_unknown_keys(bench, rotation), row, ())


def _tell_progress(progress: Progress, teller: _Teller) -> Iterator[Finding]:
    rotation, name = progress.rotation, progress.rotation.name
    evidence = _tell_rotation(rotation)
    if rotation.failure is not None:
        # What a secret's old value still opens is open to whoever knows it.
        is_grave = rotation.failed_step in (REVOKE, PROVE) or rotation.failures >= CRITICAL_FAILURES
        yield teller.tell(
            name, "rotation-failed", CRITICAL if is_grave else WARNING,
            f"{rotation.failed_step} failed: {rotation.failure}",
            key=str(rotation.failed_step), evidence=evidence, first_seen=rotation.failed_at,
        )  # fmt: skip
    elif progress.waits_for and teller.now > _overdue_at(progress):
        waited = format_duration(teller.now - (rotation.promoted_at or teller.now))
        who = ", ".join(progress.waits_for)
        yield teller.tell(
            name, "not-adopted", WARNING,
            f"version {rotation.promoted_version} was promoted {waited} ago and not used by {who}; "
            "the old value still works",
            evidence={**evidence, "waits_for": list(progress.waits_for)}, first_seen=_overdue_at(progress),
        )  # fmt: skip
    for key in rotation.unknown_keys:
        title = f"key {key} lives at the provider and is neither the old nor the new one; revoke it there"
        yield teller.tell(name, "unknown-key", CRITICAL, title, key=key, evidence=evidence)


def _tell_what_needs_a_person(row: Row, teller: _Teller) -> Iterator[Finding]:
    due, now = due_at(row), teller.now
    if hook_name(row) or due is None or now < due - _early_s(row):
        return
    steps = row.fields.get("reissue")
    when = f"is due in {format_duration(due - now)}" if now < due else f"has been due for {format_duration(now - due)}"
    how = f"a person has to: {steps}" if steps else "nothing says how: agentkit vault set … --reissue or --rotate-with"
    severity = WARNING if now < due else CRITICAL
    evidence = {"due_at": format_instant(due), "reissue": steps, "owner": row.fields.get("owner")}
    yield teller.tell(row.name, "reissue-due", severity, f"a new value {when}; {how}", evidence=evidence)


def _overdue_at(progress: Progress) -> float:
    return (progress.rotation.promoted_at or 0.0) + adopt_limit_s(progress.row)


def _early_s(row: Row) -> float:
    every = row.fields.get("rotate_every_s")
    return min(EARLY_S, every * EARLY_PART) if isinstance(every, (int, float)) else EARLY_S


def _tell_rotation(rotation: Rotation) -> dict[str, object]:
    return {
        "rotation": rotation.id,
        "started_at": format_instant(rotation.started_at),
        "done": rotation.done,
        "failures": rotation.failures,
        "key": rotation.key or rotation.key_name,
    }
