"""Is what ends told in time, and does a clock that is wrong neither hide it nor cry for nothing?"""

import time

import pytest

from agentkit.core.times import format_instant, parse_instant
from agentkit.vault.checks.checking import check_vault
from agentkit.vault.checks.checkingsighting import Sighting
from agentkit.vault.log.logclock import LogClock
from agentkit.vault.places import Places
from tests.vault.conftest import Vault

DAY_S = 86400.0
NOW = parse_instant("2026-11-26T18:00:00.000Z")


def look(places: Places, environ: dict[str, str], days: float) -> dict[str, Sighting]:
    """Return what a check sees after so many days, by type; a secret that is not used is told elsewhere."""
    checked = check_vault(places, environ, now=time.time() + days * DAY_S, host="web-1")
    return {one.type: one for one in checked.sightings if one.type != "unused"}


@pytest.mark.parametrize(
    ("expires", "days_and_found"),
    [
        ("300d", {285: set(), 287: {"expiring"}, 301: {"expired"}}),
        # A tenth of a short life, not two weeks of it.
        ("10d", {8.9: set(), 9.1: {"expiring"}}),
    ],
)
def test_an_end_is_told_two_weeks_or_a_tenth_of_the_life_before(
    expires: str, days_and_found: dict[float, set[str]], vault: Vault, places: Places, environ: dict[str, str]
) -> None:
    vault("set", "token", "--purpose", "x", "--expires", expires, stdin=b"one")
    assert {days: set(look(places, environ, days)) for days in days_and_found} == days_and_found


@pytest.mark.parametrize(
    ("options", "days_and_found"),
    [
        # What a person has to do is told a tenth of the period before, what a hook does when it is due.
        ((), {26.9: set(), 27.1: {"rotation-due"}}),
        (("--rotate-with", "token"), {29.9: set(), 30.1: {"rotation-due"}}),
    ],
)
def test_a_period_that_is_over_is_told_and_early_where_a_person_has_to_act(
    options: tuple[str, ...],
    days_and_found: dict[float, set[str]],
    vault: Vault,
    places: Places,
    environ: dict[str, str],
) -> None:
    vault("set", "token", "--purpose", "x", "--rotate-every", "30d", *options, stdin=b"one")
    assert {days: set(look(places, environ, days)) for days in days_and_found} == days_and_found


def test_the_written_steps_are_the_next_step(vault: Vault, places: Places, environ: dict[str, str]) -> None:
    vault("set", "token", "--purpose", "x", "--expires", "30d", "--reissue", "ask the bank", stdin=b"one")
    seen = look(places, environ, 31)["expired"]
    assert "ask the bank" in seen.next_step
    assert seen.evidence["reissue"] == "ask the bank"


def test_a_clock_set_back_by_a_year_hides_no_end(vault: Vault, places: Places, environ: dict[str, str]) -> None:
    vault("set", "token", "--purpose", "x", "--expires", "1ms", stdin=b"one")
    vault("set", "other", "--purpose", "x", "--expires", "300d", "--rotate-every", "90d", stdin=b"one")
    seen = look(places, environ, -365)
    assert set(seen) == {"expired", "clock-behind"}
    assert seen["expired"].subject == "secret:token"


def see(*days: float) -> LogClock:
    """Return the clock of a log with records on these days."""
    clock = LogClock()
    for day in days:
        clock.see(format_instant(NOW + day * DAY_S).encode())
    return clock


def test_the_newest_record_counts_when_the_clock_is_behind_it() -> None:
    clock = see(*range(400))
    assert clock.find_time(NOW + 10 * DAY_S) == NOW + 399 * DAY_S
    assert clock.is_behind(NOW + 10 * DAY_S)


def test_records_written_by_a_clock_that_was_set_back_do_not_move_it() -> None:
    clock = see(*range(400), *(day + 0.5 for day in range(30)))
    assert clock.newest_s == NOW + 399 * DAY_S


def test_a_clock_that_ran_ahead_for_a_while_and_came_back_makes_nothing_old() -> None:
    ahead = (day + 26_000.0 for day in (0, 1, 2, 5))
    clock = see(*range(10), *ahead, 10, 11)
    assert clock.newest_s == NOW + 11 * DAY_S
    assert not clock.is_behind(NOW + 11 * DAY_S)


def test_while_it_is_not_known_which_of_them_was_wrong_the_clock_counts_and_that_is_told() -> None:
    clock = see(0, 1, 2, 300)
    now = NOW + 100 * DAY_S
    assert clock.is_behind(now)
    assert clock.find_time(now) == now


def test_a_few_minutes_back_are_nothing() -> None:
    clock = see(0, 1, 2)
    assert not clock.is_behind(NOW + 2 * DAY_S - 600)
