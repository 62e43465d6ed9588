"""Does the budget say what may be spent, what is spent, and by whom?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from agentkit.core.errors import Exit
from tests.conftest import Run
from tests.think.conftest import Wake, finding
from tests.think.scriptedmodel import ScriptedModel

CAPS = "[think.budget]\nusd_per_day = 1\nusd_per_call = 0.5\ntokens_per_month = 1000000\ncalls_per_hour = 2"


def test_it_counts_what_a_wake_has_spent(agentkit: Run, wake: Wake, configure: Callable[..., None]) -> None:
    configure(CAPS, "price_in = 2\nprice_out = 10")
    wake(finding())
    record = json.loads(agentkit("think", "budget", "--json").stdout)
    # 100 tokens in and 20 out, as the model says.
    spent = (100 * 2 + 20 * 10) / 10**6
    caps = {cap["name"]: cap for cap in record["caps"]}
    assert list(caps) == ["usd_per_call", "usd_per_day", "tokens_per_month", "calls_per_hour"]
    assert (caps["usd_per_day"]["spent"], caps["usd_per_day"]["reserved"]) == (spent, 0)
    assert (caps["tokens_per_month"]["spent"], caps["calls_per_hour"]["left"]) == (120, 1)
    assert caps["usd_per_call"]["spent"] == 0
    assert record["month"]["usd"] == record["day"]["usd"] == record["hour"]["usd"] == spent
    assert [(one["name"], one["usd"], one["calls"]) for one in record["providers"]] == [("mine", spent, 1)]
    assert record["projection"]["usd"] >= spent


def test_a_person_reads_the_same_in_tables(agentkit: Run, wake: Wake, configure: Callable[..., None]) -> None:
    configure(CAPS, "price_in = 2\nprice_out = 10")
    wake(finding())
    lines = agentkit("think", "budget").stdout.splitlines()
    rows = {line.split()[0]: line.split() for line in lines if line}
    assert rows["usd_per_day"] == ["usd_per_day", "1.00", "usd", "0.0004", "usd", "-", "0.9996", "usd"]
    assert rows["calls_per_hour"] == ["calls_per_hour", "2", "calls", "1", "call", "-", "1", "call"]
    assert rows["mine"] == ["mine", "0.0004", "usd", "120", "1"]
    assert "this month 0.0004 usd, 120 tokens, 1 call" in lines


def test_without_caps_it_says_that_nobody_who_costs_money_is_asked(agentkit: Run) -> None:
    ended = agentkit("think", "budget")
    assert ended.stdout.startswith("no cap is set in [think.budget]: whoever costs money is not asked\n")


def test_a_cap_that_is_used_up_holds_ask_and_test_too(
    agentkit: Run, wake: Wake, configure: Callable[..., None], model: ScriptedModel
) -> None:
    configure(CAPS)
    wake(finding())
    assert agentkit("think", "ask", "well?").returncode == 0
    ended = agentkit("think", "ask", "well?")
    assert (ended.returncode, ended.stdout) == (Exit.TRY_LATER, "")
    assert "calls_per_hour allows 2 calls" in ended.stderr
    ended = agentkit("think", "providers", "test")
    assert (ended.returncode, "calls_per_hour allows 2 calls" in ended.stdout) == (Exit.FINDINGS, True)
    assert len(model.asked) == 2
    assert "calls_per_hour is used up: 2 calls" in agentkit("think", "summary").stdout


def test_what_is_left_is_not_rounded_up(agentkit: Run, wake: Wake, configure: Callable[..., None]) -> None:
    configure("[think.budget]\nusd_per_day = 1", "price_in = 0.3\nprice_out = 0.3")
    wake(finding())
    # 120 tokens, 0.000036 usd.
    [row] = [line.split() for line in agentkit("think", "budget").stdout.splitlines() if line.startswith("usd_per_day")]
    assert row == ["usd_per_day", "1.00", "usd", "0.0001", "usd", "-", "0.9999", "usd"]


def test_a_question_leaves_no_store_behind(agentkit: Run, home: Path) -> None:
    assert agentkit("think", "budget").returncode == 0
    assert not (home / "think.db").exists()
