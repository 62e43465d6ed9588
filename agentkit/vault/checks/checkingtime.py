"""What has expired, will soon, or is due to be another one, also when the clock was set back?"""

from __future__ import annotations

from collections.abc import Iterator

from agentkit.core.asides import read_instant
from agentkit.core.lines import CRITICAL, WARNING
from agentkit.core.times import format_duration, format_instant
from agentkit.vault.checks.checkingsighting import Sighting
from agentkit.vault.log.logclock import LogClock
from agentkit.vault.rows import Row

# So long before its end, or this part of its life where that is shorter.
EARLY_S = 14 * 86400.0
EARLY_PART = 0.1


def look_at_time(row: Row, now: float) -> Iterator[Sighting]:
    """Yield whether a secret is past its end or near it, or past its period; `now` is what `LogClock` makes of it."""
    fields, subject = row.fields, f"secret:{row.name}"
    set_at, ends_at = read_instant(fields.get("set_at")), read_instant(fields.get("expires_at"))
    every = fields.get("rotate_every_s")
    hook, reissue = fields.get("rotate_with"), fields.get("reissue")
    step = f"agentkit vault rotate {row.name}" if hook else _say_steps(row.name, reissue)
    evidence = {"set_at": fields.get("set_at"), "owner": fields.get("owner"), "reissue": reissue}
    if ends_at is not None:
        life_s = EARLY_S / EARLY_PART if set_at is None else ends_at - set_at
        told = {**evidence, "expires_at": format_instant(ends_at)}
        if now >= ends_at:
            title = f"{row.name} expired {format_duration(round(now - ends_at))} ago"
            yield Sighting("expired", subject, CRITICAL, title, step, evidence=told)
        elif ends_at - now < min(EARLY_S, life_s * EARLY_PART):
            title = f"{row.name} expires in {format_duration(round(ends_at - now))}"
            yield Sighting("expiring", subject, WARNING, title, step, evidence=told)
    if isinstance(every, (int, float)) and set_at is not None:
        due_at = set_at + every
        told = {**evidence, "due_at": format_instant(due_at), "rotate_every_s": every}
        # What a person has to do needs a while; what a hook does is done when it is due.
        early_s = 0.0 if hook else min(EARLY_S, every * EARLY_PART)
        if now >= due_at:
            since = format_duration(round(now - due_at))
            title = f"{row.name} was to be a new one {since} ago: it is to be rotated every {format_duration(every)}"
            yield Sighting("rotation-due", subject, WARNING, title, step, evidence=told)
        elif due_at - now < early_s:
            title = f"{row.name} is to be a new one in {format_duration(round(due_at - now))}, and no hook makes it"
            yield Sighting("rotation-due", subject, WARNING, title, step, evidence=told)


def look_at_clock(clock: LogClock, now: float, host: str) -> Iterator[Sighting]:
    """Yield whether the clock of this machine is behind what the log has seen."""
    newest = clock.newest_s
    if newest is None or not clock.is_behind(now):
        return
    behind = format_duration(round(newest - now))
    judged = "the clock" if clock.find_time(now) == now else "the log"
    yield Sighting(
        "clock-behind", f"host:{host}", WARNING,
        f"the clock is {behind} behind the newest record of the log: what expires is judged by {judged}",
        "look at the clock: date -u; timedatectl", evidence={"newest_at": format_instant(newest), "judged_by": judged},
    )  # fmt: skip


def _say_steps(name: str, reissue: object) -> str:
    if isinstance(reissue, str):
        return f"a person has to: {reissue}; then: agentkit vault set {name} < VALUE"
    return f"agentkit vault set {name} < VALUE (with --expires or --rotate-every; how to come by it: --reissue TEXT)"
