"""What does a model cost at most?

A price that nobody knows is None, never a guess: the configuration can give it (`price_in`, `price_out`, `price`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agentkit.core.settings import ProviderSettings
from agentkit.think.caps import NANODOLLARS

MILLION = 10**6


@dataclass(frozen=True, slots=True)
class Price:
    """Nanodollars for 1,000,000 tokens in and out.

    A request of more than `long_from` tokens (None: no such border) costs the two `long_` ones, each token of it.
    """

    tokens_in: int
    tokens_out: int
    long_from: int | None = None
    long_in: int = 0
    long_out: int = 0


# Dollars for 1,000,000 tokens in and out, and the same two above a size of the request. As of 2026-11-27, the prices of
# an ordinary call, without a discount for a cache or a batch. Each row was read from the list behind its host, by way
# of genai-prices 0.2.3 (https://github.com/pydantic/genai-prices), which keeps them with the page each comes from.
# Where a rise is announced already, the higher price stands here: too little is bought then, never too much.
Row = tuple[float, float] | tuple[float, float, int, float, float]
PRICES: dict[str, dict[str, Row]] = {
    # https://developers.openai.com/api/docs/pricing
    "api.openai.com": {
        # From gpt-5.6 on a prompt is written into a cache unasked, at 1.25 times the price of reading it:
        # https://developers.openai.com/api/docs/guides/prompt-caching. That is what stands here.
        "gpt-6.1-sol": (2.5, 10, 272_000, 5, 15),
        "gpt-6.1-terra": (1.25, 5, 272_000, 2.5, 7.5),
        "gpt-6-astra": (12.5, 50, 272_000, 25, 75),
        "gpt-6-sol": (2.5, 10, 272_000, 5, 15),
        "gpt-6-luna": (0.125, 0.5, 272_000, 0.25, 0.75),
        "gpt-5.6": (5, 20, 272_000, 10, 30),
        "gpt-5.6-sol": (5, 20, 272_000, 10, 30),
        "gpt-5.6-terra": (2.5, 12, 272_000, 5, 18),
        "gpt-5.6-luna": (0.25, 1.2, 272_000, 0.5, 1.8),
        "gpt-5.5": (5, 30, 272_000, 10, 45),
        "gpt-5.4": (2.5, 15, 272_000, 5, 22.5),
        "gpt-5.4-mini": (0.75, 4.5),
        "gpt-5.4-nano": (0.2, 1.25),
        "gpt-5.2": (1.75, 14),
        "gpt-5.1": (1.25, 10),
        "gpt-5": (1.25, 10),
        "gpt-5-mini": (0.25, 2),
        "gpt-5-nano": (0.05, 0.4),
        "gpt-4.1": (2, 8),
        "gpt-4.1-mini": (0.4, 1.6),
        "gpt-4.1-nano": (0.1, 0.4),
        # One dated copy is still twice as dear, so its name stands here in full.
        "gpt-4o-2024-05-13": (5, 15),
        "gpt-4o": (2.5, 10),
        "gpt-4o-mini": (0.15, 0.6),
        "o3": (2, 8),
        "o4-mini": (1.1, 4.4),
    },
    # https://platform.claude.com/docs/en/about-claude/pricing
    "api.anthropic.com": {
        "claude-fable-5-2": (8, 40),
        "claude-fable-5-1": (10, 50),
        "claude-fable-5": (10, 50),
        "claude-opus-5-5": (4, 20),
        "claude-opus-5": (5, 25),
        "claude-opus-4-8": (5, 25),
        "claude-opus-4-7": (5, 25),
        "claude-opus-4-6": (5, 25),
        "claude-opus-4-5": (5, 25),
        "claude-sonnet-5-5": (2, 10),
        "claude-sonnet-5": (2, 10),
        "claude-sonnet-4-6": (3, 15),
        "claude-sonnet-4-5": (3, 15),
        "claude-haiku-5-5": (0.1, 0.5, 100_000, 0.5, 2.5),
        "claude-haiku-4-5": (1, 5),
    },
    # https://ai.google.dev/gemini-api/docs/pricing (OpenAI's protocol is spoken below /v1beta/openai)
    "generativelanguage.googleapis.com": {
        "gemini-4-argon": (4, 20),  # from 2026-12-01 on; until then 2 and 10
        "gemini-3.8-flash": (1.5, 7.5),  # from 2027-01-01 on; until then half of it, as with the next two
        "gemini-3.7-flash": (1.5, 7.5),
        "gemini-3.6-flash": (1.5, 7.5),
        "gemini-3.5-flash": (1.5, 9),
        "gemini-3.5-flash-lite": (0.3, 2.5),
        "gemini-3.1-flash-lite": (0.25, 1.5),
        "gemini-3.1-pro-preview": (2, 12, 200_000, 4, 18),
        "gemini-3-flash-preview": (0.5, 3),
        "gemini-2.5-pro": (1.25, 10, 200_000, 2.5, 15),
        "gemini-2.5-flash": (0.3, 2.5),
        "gemini-2.5-flash-lite": (0.1, 0.4),
    },
}


def price_of(provider: ProviderSettings) -> Price | None:
    """Return what the configuration says, else the listed price of that model at that host, else None (unknown)."""
    if provider.price_in is not None and provider.price_out is not None:
        return Price(_per_million(provider.price_in), _per_million(provider.price_out))
    listed = _find_listed(provider)
    if listed is None:
        return None
    # Where one of the two is given, it holds for requests of every size.
    given_in, given_out = provider.price_in, provider.price_out
    return Price(
        listed.tokens_in if given_in is None else _per_million(given_in),
        listed.tokens_out if given_out is None else _per_million(given_out),
        listed.long_from,
        listed.long_in if given_in is None else _per_million(given_in),
        listed.long_out if given_out is None else _per_million(given_out),
    )


def worst_cost(price: Price, tokens_in: int, tokens_out: int) -> int:
    """Return what so many tokens cost without any discount, in nanodollars, rounded up."""
    each_in, each_out = price.tokens_in, price.tokens_out
    if price.long_from is not None and tokens_in > price.long_from:
        each_in, each_out = price.long_in, price.long_out
    return -(-(tokens_in * each_in + tokens_out * each_out) // MILLION)


def _find_listed(provider: ProviderSettings) -> Price | None:
    """Return the listed price; the same model costs something else elsewhere, and a program may ask it often."""
    if not provider.url or not provider.model:
        return None
    from urllib.parse import urlsplit

    table = PRICES.get(urlsplit(provider.url).hostname or "", {})
    row = table.get(provider.model) or table.get(_strip_date(provider.model))
    if row is None:
        return None
    cheap, dear = row[:2], row[3:]
    return Price(
        _per_million(cheap[0]),
        _per_million(cheap[1]),
        row[2] if len(row) == 5 else None,
        *(_per_million(usd) for usd in dear),
    )


def _strip_date(model: str) -> str:
    """Return the name without the date of one copy (-20251001, -2025-08-07) or `-latest`.

    Nothing else is taken for a part of the name that does not matter: gpt-5-pro costs twelve times what gpt-5 does.
    """
    name, _, last = model.rpartition("-")
    if last == "latest" or (len(last) == 8 and last.isdecimal()):
        return name
    parts = model.rsplit("-", 3)
    if len(parts) == 4 and [len(part) for part in parts[1:]] == [4, 2, 2] and "".join(parts[1:]).isdecimal():
        return parts[0]
    return model


def _per_million(usd: float) -> int:
    # Rounded up: a price that is not nothing must not become nothing. The inner one undoes what binary fractions add.
    return max(math.ceil(round(usd * NANODOLLARS, 3)), int(usd > 0))
