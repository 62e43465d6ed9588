"""How does a verb that only looks come by what it shows, and what does it say beside its answer?"""

from __future__ import annotations

from collections.abc import Mapping

from agentkit.core.config import load_configuration
from agentkit.core.errors import AgentkitError, tell
from agentkit.core.times import format_duration, format_instant, parse_instant
from agentkit.core.visible import make_visible
from agentkit.vault.lastuses import LastUses
from agentkit.vault.log.segments import take_snapshot
from agentkit.vault.log.tampered import TamperedError
from agentkit.vault.manifest import Manifest
from agentkit.vault.places import Places


def read_host(environ: Mapping[str, str]) -> str:
    """Return the name of this machine as records have it."""
    return load_configuration(environ, own=("vault",), warn=warn).host


def read_uses(places: Places, only: str | None = None) -> LastUses | None:
    """Return what the log tells of each secret, or of one; None where it cannot be read, which stderr is told."""
    uses = LastUses(only)
    try:
        uses.read_on(take_snapshot(places.audit).segments)
    except (TamperedError, AgentkitError) as error:
        what = error.what if isinstance(error, TamperedError) else error.message
        warn(f"audit log: {what}; who used what is not known: agentkit vault check")
        return None
    return uses


def warn_of_doubts(manifest: Manifest) -> None:
    """Say on stderr which rows are not to be believed."""
    if manifest.unverified is not None:
        warn(f"{manifest.unverified.message}: whether these rows are what was set was not verified")
    for entry in manifest.entries:
        if entry.trouble is not None:
            warn(f"{entry.trouble.message.removesuffix('; nothing was released')}: agentkit vault check")


def warn(message: str) -> None:
    """Say something on stderr that is no failure."""
    tell(f"agentkit: warning: {make_visible(message)}\n")


def say_when(instant: float | None, now: float) -> str:
    """Return how far an instant is from now, `3m ago` or `in 2h`; a dash where there is none."""
    if instant is None:
        return "-"
    distance = format_duration(float(round(abs(instant - now)))).split()[0]
    return f"in {distance}" if instant > now else f"{distance} ago"


def read_instant(value: object) -> float | None:
    """Return the seconds since the epoch that a field of a row says; None where it says no instant."""
    try:
        return parse_instant(value) if isinstance(value, str) else None
    except ValueError:
        return None


def write_instant(value: object) -> str | None:
    """Return an instant of a row as records have it; None where it is none."""
    instant = read_instant(value)
    return None if instant is None else format_instant(instant)
