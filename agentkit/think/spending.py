"""May this call be made, and what has been spent?

A call is written down with all that it may cost before it is made, and with what it did cost after it. Whoever is
killed in between leaves the whole reservation spent: too little is bought then, never too much.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.settings import BudgetSettings
from agentkit.core.times import format_instant
from agentkit.think import caps
from agentkit.think.caps import CALL, Cap
from agentkit.think.store import Store

# A provider may claim any usage. Sums of these stay below what SQLite can add up, a million dollars a call.
HIGHEST_COST = 10**15
HIGHEST_TOKENS = 10**12
REMEMBERED = 20
RESERVED, SETTLED, RELEASED, KEPT = "reserved", "settled", "released", "kept"


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent since some instant; `cost` and `tokens` hold the reservations, of which the last three tell."""

    cost: int
    tokens: int
    calls: int
    reserved_cost: int
    reserved_tokens: int
    reserved_calls: int

    def amount(self, unit: str) -> int:
        """Return it in a unit of the caps: usd (in nanodollars), tokens or calls."""
        return {"usd": self.cost, "tokens": self.tokens, "calls": self.calls}[unit]


class OverBudgetError(AgentkitError):
    """A call does not fit under `cap`; it would from `room_at` on (None: never, it is too large by itself)."""

    def __init__(self, cap: Cap, spent: int, needed: int, room_at: float | None) -> None:
        most, used, wanted = (caps.format_amount(cap.unit, amount) for amount in (cap.most, spent, needed))
        # That a call is one call, everybody knows.
        also = "" if cap.unit == "calls" else f", and the call may take {wanted}"
        if room_at is None:
            told = f"{cap.name} allows {most}{also}: no waiting helps"
            hint = f"raise {cap.name} in [think.budget]"
        else:
            told = f"{cap.name} allows {most}: {used} spent or reserved{also}"
            hint = f"there is room from {format_instant(room_at)} on; nothing is lost until then"
        super().__init__(told, hint=hint, status=Exit.TRY_LATER)
        self.cap = cap
        self.spent = spent
        self.needed = needed
        self.room_at = room_at


def reserve(
    store: Store,
    budget: BudgetSettings,
    *,
    provider: str,
    model: str,
    purpose: str,
    tokens: int,
    cost: int,
    now: float,
) -> int:
    """Write down that a call will be made that may take `tokens` and `cost` (nanodollars), and return its id.

    Raises OverBudgetError where any cap says no; nothing is written then.
    """
    if tokens < 0 or cost < 0:
        raise ValueError(f"a call takes no less than nothing: {tokens} tokens, {cost} nanodollars")
    needed = {"usd": cost, "tokens": tokens, "calls": 1}
    # The sum is taken and the reservation added while nobody else can write. All that is later than the beginning of a
    # window counts, even what lies in the future: then no order of writers and no clock that is set back frees money.
    with store.transaction():
        _check_caps(store, caps.read_caps(budget), needed, now)
        made = store.execute(
            "INSERT INTO calls (at, provider, model, purpose, state, reserved_cost, cost, reserved_tokens, tokens) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (now, provider, model, purpose, RESERVED, *2 * (_bound_cost(cost),), *2 * (_bound_tokens(tokens),)),
        )
    assert made.lastrowid is not None
    return made.lastrowid


def settle(store: Store, call: int, *, tokens: int | None, cost: int | None, outcome: str, now: float) -> None:
    """Write down what a call took; where that is unknown (None) the reservation stays spent.

    More than was reserved is written as it is. A call that is over already stays as it was written.
    """
    state = KEPT if tokens is None and cost is None else SETTLED
    store.execute(
        "UPDATE calls SET state = ?, settled_at = ?, outcome = ?, cost = coalesce(?, cost), "
        "tokens = coalesce(?, tokens) WHERE id = ? AND state = ?",
        (
            state, now, outcome, None if cost is None else _bound_cost(cost),
            None if tokens is None else _bound_tokens(tokens), call, RESERVED,
        ),
    )  # fmt: skip


def release(store: Store, call: int, *, outcome: str, now: float) -> None:
    """Write down that a call surely cost nothing (it was refused before anything was generated); it stays a call."""
    store.execute(
        "UPDATE calls SET state = ?, settled_at = ?, outcome = ?, cost = 0, tokens = 0 WHERE id = ? AND state = ?",
        (RELEASED, now, outcome, call, RESERVED),
    )


def sum_spent(store: Store, since: float, provider: str | None = None) -> Spent:
    """Return what was spent since an instant, by one provider or by all."""
    row = store.first(
        "SELECT coalesce(sum(cost), 0), coalesce(sum(tokens), 0), count(*), "
        "coalesce(sum(cost) FILTER (WHERE state = ?1), 0), coalesce(sum(tokens) FILTER (WHERE state = ?1), 0), "
        "count(*) FILTER (WHERE state = ?1) "
        "FROM calls WHERE at >= ?2 AND (?3 IS NULL OR provider = ?3)",
        (RESERVED, since, provider),
    )
    assert row is not None
    return Spent(*(int(value or 0) for value in row))


def find_excess(store: Store, provider: str) -> tuple[int, int]:
    """Return the most cost (nanodollars) and tokens of a provider's last calls that took more than was reserved.

    A program may take turns of its own, of which nobody knows before. What it did take once is reserved from then on.
    """
    row = store.first(
        "SELECT coalesce(max(cost), 0), coalesce(max(tokens), 0) FROM (SELECT cost, tokens FROM calls "
        "WHERE provider = ? AND (cost > reserved_cost OR tokens > reserved_tokens) ORDER BY at DESC LIMIT ?)",
        (provider, REMEMBERED),
    )
    assert row is not None
    return int(row[0] or 0), int(row[1] or 0)


def _check_caps(store: Store, budget: tuple[Cap, ...], needed: dict[str, int], now: float) -> None:
    """Raise OverBudgetError for the cap that says no the longest."""
    spent: dict[str, Spent] = {}
    refusals = []
    for cap in budget:
        if cap.window == CALL:
            used = 0
        else:
            if cap.window not in spent:
                spent[cap.window] = sum_spent(store, caps.window_begin(cap.window, now))
            used = spent[cap.window].amount(cap.unit)
        if used + needed[cap.unit] > cap.most:
            room_at = _find_room(store, cap, used, needed[cap.unit], now)
            refusals.append(OverBudgetError(cap, used, needed[cap.unit], room_at))
    if refusals:
        raise max(refusals, key=lambda refusal: float("inf") if refusal.room_at is None else refusal.room_at)


def _find_room(store: Store, cap: Cap, used: int, needed: int, now: float) -> float | None:
    """Return from when on so much is left, if nobody spends more meanwhile; None: never."""
    column = {"usd": "cost", "tokens": "tokens", "calls": "1"}[cap.unit]
    since = caps.window_begin(cap.window, now)
    for at, amount in store.select(f"SELECT at, {column} FROM calls WHERE at >= ? ORDER BY at", (since,)):  # noqa: S608  # a name of ours
        used -= int(amount or 0)
        if used + needed <= cap.most:
            return caps.leave_at(cap.window, float(at or 0))
    return None


def _bound_cost(cost: int) -> int:
    return min(max(cost, 0), HIGHEST_COST)


def _bound_tokens(tokens: int) -> int:
    return min(max(tokens, 0), HIGHEST_TOKENS)
