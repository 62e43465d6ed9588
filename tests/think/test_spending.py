import json
import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.settings import BudgetSettings
from agentkit.think import caps
from agentkit.think.caps import NANODOLLARS
from agentkit.think.spending import OverBudgetError, release, reserve, settle, sum_spent
from agentkit.think.store import Store, open_store
from tests.think import overspending
from tests.think.overspending import find_most

NOON = 1_795_780_800.0  # 2026-11-27 12:00 UTC
DAY_S = 86400.0
CENT = NANODOLLARS // 100


@contextmanager
def opened(folder: Path | str) -> Iterator[Store]:
    with open_store({"AGENTKIT_HOME": str(folder)}) as store:
        yield store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path) as found:
        yield found


def take(store: Store, budget: BudgetSettings, cost: int = 0, tokens: int = 0, now: float = NOON) -> int:
    return reserve(store, budget, provider="p", model="m", purpose="wake", tokens=tokens, cost=cost, now=now)


def refuse(store: Store, budget: BudgetSettings, cost: int = 0, tokens: int = 0, now: float = NOON) -> OverBudgetError:
    before = sum_spent(store, 0)
    with pytest.raises(OverBudgetError) as caught:
        take(store, budget, cost, tokens, now)
    assert sum_spent(store, 0) == before
    assert caught.value.status == Exit.TRY_LATER
    return caught.value


def test_what_is_reserved_counts_as_spent_until_it_is_settled(store: Store) -> None:
    budget = BudgetSettings(usd_per_day=1.0)
    call = take(store, budget, cost=60 * CENT)
    assert refuse(store, budget, cost=60 * CENT).spent == 60 * CENT
    settle(store, call, tokens=10, cost=2 * CENT, outcome="ok", now=NOON)
    take(store, budget, cost=60 * CENT)


def test_a_call_that_takes_a_cap_to_its_last_bit_is_allowed_and_one_nanodollar_more_is_not(store: Store) -> None:
    budget = BudgetSettings(usd_per_day=0.1)
    refuse(store, budget, cost=10 * CENT + 1)
    take(store, budget, cost=10 * CENT)
    assert refuse(store, budget, cost=1).cap.name == "usd_per_day"
    take(store, budget, cost=0)


@pytest.mark.parametrize("name", [cap.name for cap in caps.read_caps(overspending.BUDGET)])
def test_every_cap_says_no_by_itself_and_is_named_with_what_is_spent(store: Store, name: str) -> None:
    budget = BudgetSettings(**{name: 2})  # type: ignore[arg-type]
    each = {"usd": 2 * NANODOLLARS, "tokens": 2, "calls": 0}[name.partition("_")[0]]
    if name.endswith("_call"):
        each += 1
    elif each:
        take(store, budget, cost=each, tokens=each)
    else:
        take(store, budget)
        take(store, budget)
    refused = refuse(store, budget, cost=max(each, 1), tokens=max(each, 1))
    assert refused.cap.name == name
    assert refused.message.startswith(f"{name} allows 2")
    assert refused.hint


@pytest.mark.parametrize(
    ("name", "leaves_s"),
    [("usd_per_hour", 3600.0), ("usd_per_day", DAY_S), ("usd_per_month", 3.5 * DAY_S)],
)
def test_there_is_room_again_when_it_says_so_and_no_moment_before(store: Store, name: str, leaves_s: float) -> None:
    budget = BudgetSettings(**{name: 1.0})  # type: ignore[arg-type]
    take(store, budget, cost=50 * CENT, now=NOON)
    take(store, budget, cost=50 * CENT, now=NOON + 60)
    refused = refuse(store, budget, cost=30 * CENT, now=NOON + 60)
    assert refused.room_at == pytest.approx(NOON + leaves_s, abs=caps.MOMENT_S)
    refuse(store, budget, cost=30 * CENT, now=refused.room_at - 2 * caps.MOMENT_S)
    take(store, budget, cost=30 * CENT, now=refused.room_at)


def test_a_call_that_is_larger_than_a_cap_never_finds_room(store: Store) -> None:
    refused = refuse(store, BudgetSettings(usd_per_call=0.5, usd_per_hour=0.5), cost=60 * CENT)
    assert refused.room_at is None
    assert "no waiting helps" in refused.message


def test_of_several_caps_the_one_that_says_no_the_longest_is_told(store: Store) -> None:
    budget = BudgetSettings(usd_per_hour=1.0, calls_per_day=1, usd_per_month=9.0)
    take(store, budget, cost=NANODOLLARS)
    assert refuse(store, budget, cost=1).cap.name == "calls_per_day"


def test_nothing_at_all_may_be_spent_where_the_cap_is_nothing(store: Store) -> None:
    refuse(store, BudgetSettings(calls_per_day=0))
    refuse(store, BudgetSettings(usd_per_month=0.0), cost=1)
    take(store, BudgetSettings(usd_per_month=0.0), cost=0)


def test_the_last_hour_rolls_so_that_no_border_lets_twice_the_cap_through(store: Store) -> None:
    budget = BudgetSettings(calls_per_hour=1)
    take(store, budget, now=NOON - 1)
    refuse(store, budget, now=NOON + 1)


def test_a_month_ends_at_midnight_of_greenwich_and_a_year_with_it(store: Store) -> None:
    budget = BudgetSettings(calls_per_month=1)
    new_year = 1_798_761_600.0  # 2027-01-01 00:00 UTC
    take(store, budget, now=new_year - 1)
    assert refuse(store, budget, now=new_year - 0.5).room_at == new_year
    take(store, budget, now=new_year)


def test_what_a_clock_noted_that_ran_ahead_still_counts(store: Store) -> None:
    budget = BudgetSettings(calls_per_hour=1)
    take(store, budget, now=NOON + 100 * DAY_S)
    assert refuse(store, budget, now=NOON).room_at == pytest.approx(NOON + 100 * DAY_S + 3600, abs=1)


def test_what_is_not_known_stays_reserved_for_good(store: Store) -> None:
    budget = BudgetSettings(usd_per_day=1.0, tokens_per_day=100)
    call = take(store, budget, cost=NANODOLLARS, tokens=90)
    settle(store, call, tokens=None, cost=None, outcome="no usage", now=NOON)
    refuse(store, budget, cost=1)
    assert store.first("SELECT state, cost, tokens FROM calls") == ("kept", NANODOLLARS, 90)
    half = take(store, budget, tokens=10)
    settle(store, half, tokens=1, cost=None, outcome="tokens only", now=NOON)
    assert store.first("SELECT state, cost, tokens FROM calls WHERE id = ?", (half,)) == ("settled", 0, 1)


def test_what_surely_cost_nothing_gives_back_the_money_and_stays_a_call(store: Store) -> None:
    budget = BudgetSettings(usd_per_day=1.0, tokens_per_day=100, calls_per_day=2)
    release(store, take(store, budget, cost=NANODOLLARS, tokens=100), outcome="429", now=NOON)
    take(store, budget, cost=NANODOLLARS, tokens=100)
    assert refuse(store, budget).cap.name == "calls_per_day"


def test_more_than_was_reserved_is_written_as_it_is(store: Store) -> None:
    budget = BudgetSettings(usd_per_day=1.0)
    settle(store, take(store, budget, cost=CENT), tokens=1, cost=3 * NANODOLLARS, outcome="ok", now=NOON)
    assert refuse(store, budget, cost=1).spent == 3 * NANODOLLARS


def test_a_call_is_settled_once(store: Store) -> None:
    budget = BudgetSettings(usd_per_day=1.0)
    call = take(store, budget, cost=CENT)
    settle(store, call, tokens=5, cost=CENT // 2, outcome="ok", now=NOON)
    settle(store, call, tokens=0, cost=0, outcome="again", now=NOON)
    release(store, call, outcome="again", now=NOON)
    assert store.first("SELECT state, cost, tokens, outcome FROM calls") == ("settled", CENT // 2, 5, "ok")


def test_no_claim_of_a_provider_breaks_the_sums(store: Store) -> None:
    budget = BudgetSettings(calls_per_day=20)
    for _ in range(10):
        settle(store, take(store, budget), tokens=10**30, cost=10**40, outcome="ok", now=NOON)
    settle(store, take(store, budget, cost=7), tokens=-5, cost=-(10**30), outcome="ok", now=NOON)
    spent = sum_spent(store, 0)
    assert (spent.cost, spent.tokens, spent.calls) == (10**16, 10**13, 11)
    refuse(store, BudgetSettings(usd_per_day=9_000_000.0), cost=10**30)
    with pytest.raises(ValueError, match="no less than nothing"):
        take(store, budget, cost=-1)


def test_sums_are_told_by_provider_and_with_what_is_only_reserved(store: Store) -> None:
    budget = BudgetSettings()
    settle(store, take(store, budget, cost=5, tokens=50), tokens=40, cost=4, outcome="ok", now=NOON)
    take(store, budget, cost=3, tokens=30)
    reserve(store, budget, provider="other", model="m", purpose="ask", tokens=1, cost=1, now=NOON)
    assert sum_spent(store, NOON, "p").amount("usd") == 7
    spent = sum_spent(store, NOON)
    assert (spent.cost, spent.reserved_cost, spent.reserved_tokens, spent.reserved_calls) == (8, 4, 31, 2)
    assert sum_spent(store, NOON + 1).calls == 0


@pytest.mark.parametrize("name", ["usd_per_call", "usd_per_month", "calls_per_day"])
def test_one_cap_of_money_or_calls_is_enough_for_a_provider_that_costs_money(name: str) -> None:
    caps.require_cap(BudgetSettings(**{name: 1}), "p")  # type: ignore[arg-type]


def test_nothing_is_spent_where_nothing_bounds_it() -> None:
    with pytest.raises(AgentkitError, match="provider p costs money") as caught:
        caps.require_cap(BudgetSettings(tokens_per_day=5), "p")
    assert caught.value.status == Exit.CONFIGURATION


@pytest.mark.parametrize(
    ("unit", "amount", "text"),
    [
        ("usd", 0, "0.00 usd"),
        ("usd", 1, "0.000000001 usd"),
        ("usd", 31_500_000, "0.0315 usd"),
        ("usd", 12_300_000_000, "12.30 usd"),
        ("tokens", 1, "1 token"),
        ("calls", 7, "7 calls"),
    ],
)
def test_amounts_are_written_for_a_person(unit: str, amount: int, text: str) -> None:
    assert caps.format_amount(unit, amount) == text


moves = st.lists(
    st.tuples(
        st.floats(0, 5000),  # seconds since the last one; some clocks are then wrong by the next
        st.sampled_from([0.0, 0.0, -DAY_S, 7200.0, 0.5]),
        st.integers(0, 12),
        st.integers(0, 12),
        st.sampled_from(["keep", "settle", "release", "die", "unknown"]),
        st.floats(0, 1),
    ),
    max_size=60,
)
dollars = st.none() | st.integers(0, 40).map(lambda most: most / NANODOLLARS)
whole = st.none() | st.integers(0, 40)
budgets = st.builds(
    BudgetSettings, usd_per_hour=dollars, usd_per_day=dollars, usd_per_month=dollars, tokens_per_hour=whole,
    calls_per_day=whole,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(moves, budgets)
def test_whatever_is_tried_in_whatever_order_no_window_holds_more_than_its_cap(
    tried: list[tuple[float, float, int, int, str, float]], budget: BudgetSettings
) -> None:
    spent: list[tuple[float, int, int]] = []
    rooms: list[tuple[float, float | None]] = []
    clock = NOON + 3 * DAY_S + 40_000  # the month ends soon
    with TemporaryDirectory() as folder, opened(folder) as store:
        for later, wrong, most, tokens, fate, part in tried:
            clock += later
            now = clock + wrong
            try:
                call = take(store, budget, most, tokens, now)
            except OverBudgetError as refused:
                rooms.append((now, refused.room_at))
                continue
            cost, used = most, tokens
            if fate == "release":
                cost = used = 0
                release(store, call, outcome="", now=now)
            elif fate == "settle":
                cost, used = math.floor(most * part), math.floor(tokens * part)
                settle(store, call, tokens=used, cost=cost, outcome="", now=now)
            elif fate == "unknown":
                settle(store, call, tokens=None, cost=None, outcome="", now=now)
            spent.append((now, cost, used))
    assert all(room_at is None or room_at > now for now, room_at in rooms)
    spent.sort()
    for cap in caps.read_caps(budget):
        assert find_most(spent, cap)[0] <= cap.most


def test_processes_that_are_killed_anywhere_never_spend_above_a_cap(tmp_path: Path) -> None:
    seed = 11
    ended = subprocess.run(
        [sys.executable, "-m", "tests.think.overspending", str(tmp_path / "home"), "400", "16", str(seed)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=240, check=True,
    )  # fmt: skip
    found = json.loads(ended.stdout)
    assert found["faults"] == [], f"seed {seed}: {ended.stderr}"
    # It would prove nothing if nobody had been killed inside, or if no cap had been reached.
    assert found["calls"] > 20
    assert found["over_budget"] > 20
    assert sum(found["killed"].values()) > 50
    assert max(found["use"].values()) > 0.9
