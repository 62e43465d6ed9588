"""How does the budget stand, and where does the month end at this pace?"""

from __future__ import annotations

from dataclasses import dataclass

from agentkit.core.settings import BudgetSettings
from agentkit.think import caps
from agentkit.think.caps import CALL, DAY, HOUR, MONTH, Cap
from agentkit.think.spending import Spent, sum_spent
from agentkit.think.store import Store

# The pace is that of the last week: a day is too little to go by, and the begin of a month would be nothing at all.
PACE_S = 7 * 86400.0
SHORTEST_PACE_S = 86400.0
NOTHING = Spent(0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class CapState:
    """One cap, and what of it is spent and reserved, in its unit; a cap of one call has nothing spent."""

    cap: Cap
    spent: int
    reserved: int
    """The part of `spent` that calls hold which have not ended, or whose process died."""

    @property
    def left(self) -> int:
        """Return what may still be spent."""
        return max(self.cap.most - self.spent, 0)


@dataclass(frozen=True, slots=True)
class Projection:
    """What will have been spent when the month ends, at the pace of the last week; no cap is looked at."""

    cost: int
    tokens: int
    calls: int
    pace_s: float
    """How many seconds the pace was taken from."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The budget as it stands at one instant; money in nanodollars, instants in seconds since the epoch."""

    at: float
    month_ends_at: float
    caps: tuple[CapState, ...]
    hour: Spent
    day: Spent
    month: Spent
    providers: dict[str, Spent]
    """Of this month, the dearest first."""
    projection: Projection


def project(store: Store | None, budget: BudgetSettings, now: float) -> Outlook:
    """Return caps, what is spent and reserved, by whom, and what the month will have cost when it ends.

    Without a store nothing was ever spent.
    """
    if store is None:
        none = dict.fromkeys((HOUR, DAY, MONTH), NOTHING)
        states = tuple(_cap_state(cap, none) for cap in caps.read_caps(budget))
        ahead = Projection(0, 0, 0, SHORTEST_PACE_S)
        return Outlook(now, caps.leave_at(MONTH, now), states, NOTHING, NOTHING, NOTHING, {}, ahead)
    spent = {window: sum_spent(store, caps.window_begin(window, now)) for window in (HOUR, DAY, MONTH)}
    since = caps.window_begin(MONTH, now)
    rows = store.select("SELECT DISTINCT provider FROM calls WHERE at >= ?", (since,))
    providers = {str(name): sum_spent(store, since, str(name)) for (name,) in rows}
    pace_s, pace = _measure_pace(store, now)
    month_ends_at = caps.leave_at(MONTH, now)
    times = max(month_ends_at - now, 0.0) / pace_s
    month = spent[MONTH]
    return Outlook(
        now,
        month_ends_at,
        tuple(_cap_state(cap, spent) for cap in caps.read_caps(budget)),
        spent[HOUR],
        spent[DAY],
        month,
        dict(sorted(providers.items(), key=lambda item: (-item[1].cost, -item[1].tokens, item[0]))),
        Projection(
            month.cost + round(pace.cost * times),
            month.tokens + round(pace.tokens * times),
            month.calls + round(pace.calls * times),
            pace_s,
        ),
    )


def _cap_state(cap: Cap, spent: dict[str, Spent]) -> CapState:
    if cap.window == CALL:
        return CapState(cap, 0, 0)
    found = spent[cap.window]
    reserved = {"usd": found.reserved_cost, "tokens": found.reserved_tokens, "calls": found.reserved_calls}
    return CapState(cap, found.amount(cap.unit), reserved[cap.unit])


def _measure_pace(store: Store, now: float) -> tuple[float, Spent]:
    """Return over how many seconds the pace is taken, and what was spent in them."""
    first = store.first("SELECT min(at) FROM calls WHERE at >= ?", (now - PACE_S,))
    older = store.first("SELECT 1 FROM calls WHERE at < ? LIMIT 1", (now - PACE_S,))
    begin = now - PACE_S
    if older is None and first is not None and first[0] is not None:
        # It was not there a week ago: the days before it began would make the pace too slow.
        begin = float(first[0])
    pace_s = max(now - begin, SHORTEST_PACE_S)
    return pace_s, sum_spent(store, now - pace_s)
