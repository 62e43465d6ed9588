from collections.abc import Iterator
from pathlib import Path

import pytest

from agentkit.core.settings import BudgetSettings
from agentkit.think.caps import NANODOLLARS
from agentkit.think.outlook import project
from agentkit.think.spending import reserve, settle
from agentkit.think.store import Store, open_store

DAY_S = 86400.0
MONTH_END = 1_796_083_200.0  # 2026-12-01 00:00 UTC
NOW = MONTH_END - 10 * DAY_S
FREE = BudgetSettings()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store({"AGENTKIT_HOME": str(tmp_path)}) as found:
        yield found


def spend(store: Store, at: float, dollars: int, provider: str = "p", *, is_settled: bool = True) -> None:
    cost = dollars * NANODOLLARS
    call = reserve(store, FREE, provider=provider, model="m", purpose="wake", tokens=dollars, cost=cost, now=at)
    if is_settled:
        settle(store, call, tokens=dollars, cost=cost, outcome="ok", now=at)


def test_with_nothing_spent_nothing_will_be(store: Store) -> None:
    found = project(store, BudgetSettings(usd_per_month=3.0), NOW)
    assert (found.month.cost, found.projection.cost, found.providers) == (0, 0, {})
    assert found.month_ends_at == MONTH_END
    assert [(state.cap.name, state.left) for state in found.caps] == [("usd_per_month", 3 * NANODOLLARS)]


def test_the_month_goes_on_at_the_pace_of_the_last_week(store: Store) -> None:
    spend(store, NOW - 15 * DAY_S, 100)
    for day in range(7):
        spend(store, NOW - day * DAY_S - 1, 2)
    found = project(store, FREE, NOW)
    assert found.projection.pace_s == 7 * DAY_S
    assert found.projection.cost == (114 + 2 * 10) * NANODOLLARS
    assert found.projection.calls == 8 + 10


def test_who_began_yesterday_is_projected_from_yesterday(store: Store) -> None:
    spend(store, NOW - 2 * DAY_S, 6)
    assert project(store, FREE, NOW).projection.cost == (6 + 3 * 10) * NANODOLLARS


def test_one_call_a_minute_ago_is_no_pace_of_a_minute(store: Store) -> None:
    spend(store, NOW - 60, 1)
    assert project(store, FREE, NOW).projection.cost == 11 * NANODOLLARS


def test_each_cap_tells_what_is_spent_reserved_and_left(store: Store) -> None:
    spend(store, NOW - 2 * DAY_S, 4)
    spend(store, NOW - 7200, 2)
    spend(store, NOW - 60, 1, is_settled=False)
    budget = BudgetSettings(usd_per_call=9.0, usd_per_hour=5.0, usd_per_day=2.0, calls_per_month=9)
    told = {state.cap.name: (state.spent, state.reserved, state.left) for state in project(store, budget, NOW).caps}
    dollar = NANODOLLARS
    assert told == {
        "usd_per_call": (0, 0, 9 * dollar),
        "usd_per_hour": (dollar, dollar, 4 * dollar),
        "usd_per_day": (3 * dollar, dollar, 0),
        "calls_per_month": (3, 1, 6),
    }


def test_providers_of_this_month_are_told_the_dearest_first(store: Store) -> None:
    spend(store, NOW - 40 * DAY_S, 9, "gone")
    spend(store, NOW - 60, 1, "cheap")
    spend(store, NOW - 60, 5, "dear")
    providers = project(store, FREE, NOW).providers
    assert [(name, spent.cost // NANODOLLARS) for name, spent in providers.items()] == [("dear", 5), ("cheap", 1)]
