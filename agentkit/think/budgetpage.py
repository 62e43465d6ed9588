"""What may be spent, what is spent and reserved, by whom, and where does the month end?"""

from __future__ import annotations

import time
from collections.abc import Mapping

from agentkit.core.asides import say_count, say_when
from agentkit.core.lines import Record, write_record
from agentkit.core.screen import Cell, Column, Styled, print_line, print_table
from agentkit.core.times import format_duration, format_instant
from agentkit.think.caps import CALL, format_amount, to_usd
from agentkit.think.outlook import CapState, Outlook, project
from agentkit.think.spending import Spent
from agentkit.think.viewing import STEP, begin_record, open_existing, read_configuration, say_usd

CAPS = (
    Column("cap"),
    Column("allowed", is_right=True),
    Column("spent", is_right=True),
    Column("of that reserved", is_right=True, rank=1),
    Column("left", is_right=True),
)
PROVIDERS = (
    Column("provider", folds=True),
    Column("this month", is_right=True),
    Column("tokens", is_right=True),
    Column("calls", is_right=True),
)
WINDOWS = ("hour", "day", "month")


def print_budget(environ: Mapping[str, str], *, as_json: bool) -> None:
    """Print the budget: tables for a person, or one record of kind `budget`."""
    configuration = read_configuration(environ)
    with open_existing(environ) as store:
        outlook = project(store, configuration.think.budget, time.time())
    if as_json:
        write_record(to_record(outlook, configuration.host))
    else:
        _draw(outlook)


def to_record(outlook: Outlook, host: str) -> Record:
    """Return the record that travels; money is in dollars."""
    ahead = outlook.projection
    return {
        **begin_record("budget", host, outlook.at),
        "caps": [_cap_record(one) for one in outlook.caps],
        **{window: _spent_record(getattr(outlook, window)) for window in WINDOWS},
        "providers": [{"name": name, **_spent_record(spent)} for name, spent in outlook.providers.items()],
        "projection": {
            "usd": to_usd(ahead.cost),
            "tokens": ahead.tokens,
            "calls": ahead.calls,
            "pace_s": round(ahead.pace_s, 3),
        },
        "month_ends_at": format_instant(outlook.month_ends_at),
    }


def _cap_record(one: CapState) -> Record:
    is_money = one.cap.unit == "usd"
    amounts = {"most": one.cap.most, "spent": one.spent, "reserved": one.reserved, "left": one.left}
    return {
        "name": one.cap.name,
        "unit": one.cap.unit,
        "window": one.cap.window,
        **{name: to_usd(amount) if is_money else amount for name, amount in amounts.items()},
    }


def _spent_record(spent: Spent) -> Record:
    return {
        "usd": to_usd(spent.cost),
        "tokens": spent.tokens,
        "calls": spent.calls,
        "reserved_usd": to_usd(spent.reserved_cost),
        "reserved_tokens": spent.reserved_tokens,
        "reserved_calls": spent.reserved_calls,
    }


def _draw(outlook: Outlook) -> None:
    if outlook.caps:
        print_table(CAPS, [_draw_cap(one) for one in outlook.caps])
    else:
        print_line("no cap is set in [think.budget]: whoever costs money is not asked")
    if outlook.providers:
        print_line()
        print_table(PROVIDERS, [_draw_provider(name, spent) for name, spent in outlook.providers.items()])
    print_line()
    spent, ahead = outlook.month, outlook.projection
    print_line(f"this month {_say_spent(spent.cost, spent.tokens, spent.calls)}")
    if spent.calls:
        pace = format_duration(ahead.pace_s)
        told = _say_spent(ahead.cost, ahead.tokens, ahead.calls)
        print_line(f"at the pace of the last {pace} it ends {say_when(outlook.month_ends_at, outlook.at)} with {told}")


def _draw_cap(one: CapState) -> list[Cell]:
    unit = one.cap.unit
    allowed, spent, reserved, left = (
        say_usd(amount) if unit == "usd" else format_amount(unit, amount)
        # What is left is rounded down, as what is spent is rounded up.
        for amount in (one.cap.most, one.spent, one.reserved, one.left // STEP * STEP if unit == "usd" else one.left)
    )
    if one.cap.window == CALL:
        return [one.cap.name, allowed, "-", "-", "-"]
    return [
        one.cap.name,
        allowed,
        spent,
        reserved if one.reserved else "-",
        Styled(left, "critical" if not one.left else ""),
    ]


def _draw_provider(name: str, spent: Spent) -> list[Cell]:
    return [name, say_usd(spent.cost), str(spent.tokens), str(spent.calls)]


def _say_spent(cost: int, tokens: int, calls: int) -> str:
    return f"{say_usd(cost)}, {say_count(tokens, 'token')}, {say_count(calls, 'call')}"
