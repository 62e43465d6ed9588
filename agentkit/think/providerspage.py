"""Who may be asked, in which order, and is each well enough to be asked?"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from agentkit.core.asides import say_when, write_instant
from agentkit.core.errors import tell
from agentkit.core.lines import Record, write_record
from agentkit.core.screen import Cell, Column, Styled, print_table
from agentkit.core.settings import ProviderSettings
from agentkit.think.breakers import CLOSED, OPEN, digest_provider, read_breaker
from agentkit.think.caps import NANODOLLARS, to_usd
from agentkit.think.prices import Price, price_of
from agentkit.think.store import Store
from agentkit.think.viewing import begin_record, open_existing, read_configuration

COLUMNS = (
    Column("provider"),
    Column("state"),
    Column("asked again", is_right=True),
    Column("model", folds=True, rank=2),
    Column("usd/1M in/out", is_right=True, rank=3),
    Column("well", is_right=True, rank=4),
    Column("last error", folds=True, rank=1),
)
# Nothing is known of one that was never asked, or not since its configuration changed.
UNASKED = "unasked"
STYLES = {CLOSED: "ok", UNASKED: "dim"}


@dataclass(frozen=True, slots=True)
class Standing:
    """A provider as the breaker has it; instants are seconds since the epoch.

    `state` is closed, open, half-open or unasked; `again_at` when it is asked again, None: at once, or (`is_shut`) not
    before its configuration changes.
    """

    provider: ProviderSettings
    state: str
    again_at: float | None
    is_shut: bool = False
    last_error: str | None = None
    last_error_at: float | None = None
    last_ok_at: float | None = None


def print_providers(environ: Mapping[str, str], *, as_json: bool) -> None:
    """Print every provider of the configuration, in the order in which they are asked."""
    configuration, now = read_configuration(environ), time.time()
    with open_existing(environ) as store:
        standings = [find_standing(store, provider, now) for provider in configuration.think.providers]
    if as_json:
        for place, standing in enumerate(standings, start=1):
            write_record({**begin_record("provider", configuration.host, now), **_to_record(place, standing)})
    elif standings:
        print_table(COLUMNS, [_draw(standing, now) for standing in standings])
    else:
        tell("agentkit: no provider is configured: what needs a mind waits for you (docs/think.md has examples)\n")


def find_standing(store: Store | None, provider: ProviderSettings, now: float) -> Standing:
    """Return how a provider stands."""
    breaker = None if store is None else read_breaker(store, provider.name)
    if breaker is None or breaker.digest != digest_provider(provider):
        return Standing(provider, UNASKED, None)
    until = max(breaker.open_until or 0.0, breaker.not_before or 0.0)
    # One that said when it wants to be asked again is left alone as one that failed is.
    is_paused = breaker.state == CLOSED and until > now
    return Standing(
        provider,
        OPEN if is_paused else breaker.state,
        until if until > now else None,
        is_shut=breaker.state != CLOSED and breaker.open_until is None,
        last_error=breaker.last_error,
        last_error_at=breaker.last_error_at,
        last_ok_at=breaker.last_ok_at,
    )


def _to_record(place: int, standing: Standing) -> Record:
    provider = standing.provider
    price = price_of(provider)
    return {
        "place": place,
        "name": provider.name,
        "provider": provider.kind,
        "model": provider.model,
        "url": provider.url,
        "program": provider.run[0] if provider.run else None,
        "key": provider.key,
        "price_in_usd": None if price is None else to_usd(price.tokens_in),
        "price_out_usd": None if price is None else to_usd(price.tokens_out),
        "state": standing.state,
        "is_shut": standing.is_shut,
        "not_before": write_instant(standing.again_at),
        "last_ok_at": write_instant(standing.last_ok_at),
        "last_error": standing.last_error,
        "last_error_at": write_instant(standing.last_error_at),
    }


def _draw(standing: Standing, now: float) -> list[Cell]:
    provider = standing.provider
    again = "when changed" if standing.is_shut else say_when(standing.again_at, now) if standing.again_at else "at once"
    return [
        provider.name,
        Styled(standing.state, STYLES.get(standing.state, "late")),
        again,
        provider.model or (provider.run or ("-",))[0],
        _say_price(price_of(provider)),
        say_when(standing.last_ok_at, now),
        standing.last_error or "-",
    ]


def _say_price(price: Price | None) -> str:
    if price is None:
        return "unknown"
    return f"{_say_usd(price.tokens_in)}/{_say_usd(price.tokens_out)}"


def _say_usd(nanodollars: int) -> str:
    return f"{nanodollars / NANODOLLARS:.10g}"
