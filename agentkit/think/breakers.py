"""Is a provider well enough to be asked now, and when is it to be tried again?

What one process learned holds for all: it stands in the store. After a failure nobody asks for a while, then one
process alone tries; the pause grows with each trial that fails.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from agentkit.core.claims import is_claim_held, name_this_process
from agentkit.core.settings import ProviderSettings
from agentkit.think.providers import OVERLOADED, REFUSED
from agentkit.think.store import Store

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half-open"
COOL_DOWNS_S = (60.0, 300.0, 1500.0, 3600.0)
# Many machines that failed together must not come back together.
JITTER = 0.1
# A failure that lies so far in the future was noted by a clock that has been set back: what it says ends never.
SET_BACK_S = 3600.0
LONGEST_TROUBLE = 300
UNTIL_CHANGED = "not asked until its configuration changes"


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is known of a provider; instants are seconds since the epoch, None: never, or not said."""

    name: str
    state: str
    step: int
    """How many cool-downs in a row there have been."""
    open_until: float | None
    """None while open: until the configuration changes."""
    not_before: float | None
    """What the provider itself asked for."""
    last_error: str | None
    last_error_at: float | None
    last_ok_at: float | None
    digest: str | None
    probe: str | None
    """Who tries it, as `claims.name_this_process` names it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a provider is left alone (`is_open`), until when where that is known, and why.

    `is_probe`: the call that may be made is the one trial; others are told to wait for how it ends.
    """

    is_open: bool
    not_before: float | None = None
    why: str = ""
    is_probe: bool = False


def digest_provider(provider: ProviderSettings) -> str:
    """Return what changes when anything changes by which the provider would answer differently."""
    from hashlib import sha256

    told = [getattr(provider, spot.name) for spot in fields(provider) if not spot.name.startswith("price")]
    return sha256(repr(told).encode()).hexdigest()


def read_breaker(store: Store, name: str) -> Breaker | None:
    """Return what is known of a provider, None where it was never asked."""
    row = store.first(
        "SELECT name, state, step, open_until, not_before, last_error, last_error_at, last_ok_at, digest, probe "
        "FROM providers WHERE name = ?",
        (name,),
    )
    if row is None:
        return None
    return Breaker(*row)  # type: ignore[arg-type]  # the columns are declared so; a row is what SQLite gives


def is_paused(store: Store, name: str, digest: str, now: float) -> Verdict:
    """Return what `may_call` would, and take no trial: for who only wants to know whether it is worth a question."""
    return _judge(read_breaker(store, name), digest, now)


def may_call(store: Store, name: str, digest: str, now: float) -> Verdict:
    """Return whether a provider may be asked now; where one trial is due, this process gets it if nobody has it."""
    verdict = _judge(read_breaker(store, name), digest, now)
    if verdict.is_probe:
        with store.transaction():
            # Somebody may have taken it, or have ended it, since we looked.
            verdict = _judge(read_breaker(store, name), digest, now)
            if verdict.is_probe:
                store.execute(
                    "UPDATE providers SET state = ?, probe = ? WHERE name = ?", (HALF_OPEN, name_this_process(), name)
                )
    return verdict


def note_success(store: Store, name: str, digest: str, *, began_at: float, now: float) -> None:
    """Write down that a call which began then was answered: all may ask again.

    A call that began before the last failure was noted proves nothing about what came after it, but for the one trial.
    """
    with store.transaction():
        known = read_breaker(store, name)
        failed_at = None if known is None else known.last_error_at
        if known is None:
            _write(store, Breaker(name, CLOSED, 0, None, None, None, None, now, digest, None))
        elif (
            known.digest != digest
            or failed_at is None
            or failed_at <= began_at
            or known.probe == name_this_process()
            or _is_set_back(known, now)
        ):
            _write(store, Breaker(name, CLOSED, 0, None, None, known.last_error, failed_at, now, digest, None))
        else:
            store.execute("UPDATE providers SET last_ok_at = ? WHERE name = ?", (now, name))


def note_failure(
    store: Store,
    name: str,
    digest: str,
    *,
    kind: str,
    trouble: str,
    retry_after_s: float | None,
    now: float,
    chance: float,
) -> None:
    """Write down that a call failed; `kind` as in a reply, `chance` a random number from 0 to 1 that spreads the pause.

    Refused (401, 403): nobody asks until the configuration changes. With a Retry-After: exactly so long, and no longer
    pause next time. All else pauses for 1, 5, 25, then 60 minutes. So does what was rejected (400, 404): it may be the
    configuration, but also this one prompt, and a line in a log must not shut out a provider for good.
    """
    with store.transaction():
        known = read_breaker(store, name)
        if known is None or known.digest != digest or _is_set_back(known, now):
            known = Breaker(
                name, CLOSED, 0, None, None, None, None, None if known is None else known.last_ok_at, digest, None
            )
        state, step, open_until, not_before, probe = _pause_after(known, kind, retry_after_s, now, chance)
        told = trouble[:LONGEST_TROUBLE]
        _write(
            store,
            Breaker(name, state, step, open_until, not_before, told, now, known.last_ok_at, digest, probe),
        )


def _pause_after(
    known: Breaker, kind: str, retry_after_s: float | None, now: float, chance: float
) -> tuple[str, int, float | None, float | None, str | None]:
    """Return state, step, open_until, not_before and probe after a failure."""
    if kind == REFUSED:
        return OPEN, 0, None, None, None
    is_shut = known.state == OPEN or (known.state == HALF_OPEN and known.probe != name_this_process())
    if kind == OVERLOADED and retry_after_s:
        not_before = now + retry_after_s
        if known.state == CLOSED:
            return CLOSED, known.step, None, not_before, None
        # It is no worse than it was: when the time has come one tries it, after a pause that has not grown.
        open_until = None if known.open_until is None else max(known.open_until, not_before)
        if is_shut:
            return known.state, known.step, open_until, not_before, known.probe
        return OPEN, known.step, open_until, not_before, None
    if is_shut:
        # It was asked before it was shut. A crowd that fails at once is one failure, not four steps of the pause.
        return known.state, known.step, known.open_until, known.not_before, known.probe
    pause_s = COOL_DOWNS_S[min(known.step, len(COOL_DOWNS_S) - 1)] * (1 - JITTER + 2 * JITTER * chance)
    return OPEN, min(known.step + 1, len(COOL_DOWNS_S)), now + pause_s, known.not_before, None


def _judge(known: Breaker | None, digest: str, now: float) -> Verdict:
    # Another address, model or key is another provider, of which nothing is known yet.
    if known is None or known.digest != digest:
        return Verdict(is_open=False)
    why = f"{known.last_error}" if known.last_error else "it failed"
    if known.state != CLOSED and known.open_until is None:
        return Verdict(is_open=True, why=f"{why}; {UNTIL_CHANGED}")
    until = max(known.open_until or 0.0, known.not_before or 0.0)
    if now < until and not _is_set_back(known, now):
        return Verdict(is_open=True, not_before=until, why=why)
    if known.state == CLOSED:
        return Verdict(is_open=False)
    if known.probe and known.probe != name_this_process() and is_claim_held(known.probe):
        pid = known.probe.partition(" ")[0]
        return Verdict(is_open=True, why=f"{why}; process {pid} tries whether it is well again")
    return Verdict(is_open=False, is_probe=True)


def _is_set_back(known: Breaker, now: float) -> bool:
    return known.last_error_at is not None and known.last_error_at > now + SET_BACK_S


def _write(store: Store, breaker: Breaker) -> None:
    names = [spot.name for spot in fields(Breaker)]
    store.execute(
        f"INSERT OR REPLACE INTO providers ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",  # noqa: S608  # names of ours
        [getattr(breaker, name) for name in names],
    )
