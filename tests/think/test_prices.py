from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.settings import ProviderSettings
from agentkit.think.caps import NANODOLLARS
from agentkit.think.prices import PRICES, Price, price_of, worst_cost

HOMES = [(host, model) for host, table in PRICES.items() for model in table]
millions = st.integers(0, 10**6)


def provider(model: str | None = None, kind: str = "openai", **more: object) -> ProviderSettings:
    run = ("claude", "-p") if kind == "command" else None
    return ProviderSettings(name="p", kind=kind, model=model, run=run, **more)  # type: ignore[arg-type]


def dollars(price: Price | None, tokens_in: int = 10**6, tokens_out: int = 10**6) -> float:
    assert price is not None
    return worst_cost(price, tokens_in, tokens_out) / NANODOLLARS


@pytest.mark.parametrize(("host", "model"), HOMES)
def test_every_listed_model_has_a_price_at_its_host_and_nowhere_else(host: str, model: str) -> None:
    assert dollars(price_of(provider(model, url=f"https://{host}/v1")), 1000, 1000) > 0
    for other in ("https://openrouter.ai/api/v1", "http://127.0.0.1:8080/v1", f"https://{host}.example/v1"):
        assert price_of(provider(model, url=other)) is None


@pytest.mark.parametrize(("host", "model"), HOMES)
def test_a_listed_price_is_one_of_this_world(host: str, model: str) -> None:
    row = PRICES[host][model]
    assert 0.01 < row[0] < row[1] < 200
    if len(row) == 5:
        assert row[2] >= 100_000
        assert row[0] < row[3] < row[4]
        assert row[1] < row[4]


@pytest.mark.parametrize(
    ("model", "same"),
    [
        ("gpt-5-mini-2025-08-07", "gpt-5-mini"),
        ("gpt-5-2025-08-07", "gpt-5"),
        ("gpt-4o-2024-11-20", "gpt-4o"),
        ("gpt-5-latest", "gpt-5"),
    ],
)
def test_a_dated_copy_costs_what_its_name_says(model: str, same: str) -> None:
    assert price_of(provider(model)) == price_of(provider(same)) is not None


def test_the_one_dated_copy_that_is_dearer_has_its_own_price() -> None:
    assert dollars(price_of(provider("gpt-4o-2024-05-13"))) > dollars(price_of(provider("gpt-4o")))


@pytest.mark.parametrize(
    "model",
    [
        "gpt-5-pro",
        "gpt-5-codex",
        "gpt-50",
        "gpt-5-2025",
        "gpt-5-2025-8-7",
        "ft:gpt-4o-2024-08-06",
        "gpt",
        "latest",
        "-",
        "",
    ],
)
def test_a_name_that_only_begins_like_a_listed_one_has_no_known_price(model: str) -> None:
    assert price_of(provider(model or None)) is None


def test_the_address_of_anthropic_is_known_without_being_written() -> None:
    assert dollars(price_of(provider("claude-haiku-4-5-20251001", kind="anthropic")), 10**5, 10**6) == 5.1


def test_a_program_has_the_price_that_is_given_and_no_other() -> None:
    assert price_of(provider("claude-haiku-4-5", kind="command")) is None
    assert price_of(provider("claude-haiku-4-5", kind="command", price_in=1.0, price_out=5.0)) is not None


def test_what_the_configuration_says_comes_before_the_list() -> None:
    assert dollars(price_of(provider("gpt-5", price_in=3.0, price_out=4.0))) == 7
    assert dollars(price_of(provider("gpt-5", price_in=3.0))) == 13
    assert dollars(price_of(provider("gpt-5", price_out=3.0))) == 4.25
    assert price_of(provider("unheard-of", price_in=3.0)) is None


def test_a_model_of_ones_own_costs_nothing() -> None:
    assert dollars(price_of(provider("mine", url="http://127.0.0.1:8080/v1", price=0.0))) == 0


def test_a_request_above_the_border_is_dearer_with_each_of_its_tokens() -> None:
    price = price_of(provider("claude-haiku-5-5", kind="anthropic"))
    assert dollars(price, 100_000, 1_000_000) == 0.51
    assert dollars(price, 100_001, 0) > 0.05
    flat = price_of(provider("claude-haiku-5-5", kind="anthropic", price_in=1.0, price_out=1.0))
    assert dollars(flat, 200_000, 0) == 0.2


def test_no_price_that_is_not_nothing_becomes_nothing() -> None:
    price = price_of(provider("m", price=1e-15))
    assert price is not None
    assert worst_cost(price, 1, 0) == 1


@given(millions, millions, st.integers(0, 10**7), st.integers(0, 10**5))
def test_a_cost_is_never_below_what_the_price_says_and_less_than_a_nanodollar_above(
    each_in: int, each_out: int, tokens_in: int, tokens_out: int
) -> None:
    exact = Fraction(tokens_in * each_in + tokens_out * each_out, 10**6)
    assert 0 <= worst_cost(Price(each_in, each_out), tokens_in, tokens_out) - exact < 1
