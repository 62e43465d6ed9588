"""How much may be spent in which time, and when does what was spent leave that time again?

Money is a whole number of nanodollars (1 usd = 10**9), so that sums are exact; instants are seconds since the epoch.
"""

from __future__ import annotations

import time
from calendar import timegm
from dataclasses import dataclass

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.settings import BudgetSettings

NANODOLLARS = 10**9
UNITS = ("usd", "tokens", "calls")
CALL, HOUR, DAY, MONTH = "call", "hour", "day", "month"
WINDOWS = (CALL, HOUR, DAY, MONTH)
# The last hour and the last day roll: were they those of the clock, twice the cap could go around their border.
ROLLING_S = {HOUR: 3600.0, DAY: 86400.0}
# What happened exactly an hour ago is still of the last hour; a millisecond later it is not.
MOMENT_S = 0.001


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `most` of a unit (nanodollars, tokens, calls) in one window; `name` is its key in the configuration."""

    name: str
    unit: str
    window: str
    most: int


def read_caps(budget: BudgetSettings) -> tuple[Cap, ...]:
    """Return every cap that the budget names: money first, the short windows first."""
    found = []
    for unit in UNITS:
        for window in WINDOWS:
            name = f"{unit}_per_{window}"
            most: float | None = getattr(budget, name, None)
            if most is not None:
                found.append(Cap(name, unit, window, to_nanodollars(most) if unit == "usd" else int(most)))
    return tuple(found)


def require_cap(budget: BudgetSettings, provider: str) -> None:
    """Raise AgentkitError (configuration) where nothing bounds what a provider that costs money may cost."""
    if not any(cap.unit in {"usd", "calls"} for cap in read_caps(budget)):
        raise AgentkitError(
            f"think.budget: provider {provider} costs money, and nothing says how much may be spent",
            hint="write usd_per_day, usd_per_month or calls_per_day into [think.budget]",
            status=Exit.CONFIGURATION,
        )


def window_begin(window: str, now: float) -> float:
    """Return the instant since which what was spent counts against a cap of this window."""
    if window in ROLLING_S:
        return now - ROLLING_S[window]
    return _month_begin(now, 0)


def leave_at(window: str, at: float) -> float:
    """Return the instant from which what was spent at `at` counts no more in this window."""
    if window in ROLLING_S:
        return at + ROLLING_S[window] + MOMENT_S
    return _month_begin(at, 1)


def _month_begin(instant: float, months: int) -> float:
    """Return the first instant (UTC) of the month of `instant`, or of one so many months later."""
    when = time.gmtime(instant)
    years, month = divmod(when.tm_mon - 1 + months, 12)
    return float(timegm((when.tm_year + years, month + 1, 1, 0, 0, 0)))


def to_nanodollars(usd: float) -> int:
    """Return dollars as a person writes them in whole nanodollars."""
    return round(usd * NANODOLLARS)


def to_usd(nanodollars: int) -> float:
    """Return nanodollars in dollars, for JSON."""
    return nanodollars / NANODOLLARS


def format_amount(unit: str, amount: int) -> str:
    """Return an amount as a person reads it: `0.0315 usd`, `1200 tokens`, `1 call`."""
    if unit == "usd":
        whole, part = divmod(amount, NANODOLLARS)
        return f"{whole}.{f'{part:09}'.rstrip('0'):02}".ljust(len(str(whole)) + 3, "0") + " usd"
    return f"{amount} {unit if amount != 1 else unit[:-1]}"
