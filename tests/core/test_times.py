"""Do durations and instants mean the same to a person and to the program?"""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.times import LONGEST_S, format_duration, format_instant, parse_duration, parse_instant


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("90s", 90.0), ("15m", 900.0), ("6h", 21600.0), ("2d", 172800.0), ("1w", 604800.0), ("250ms", 0.25)),
        *(("1.5h", 5400.0), ("2h30m", 9000.0), (" 5s ", 5.0), ("1d12h", 129600.0), (".5s", 0.5), ("5.s", 5.0)),
    ],
)
def test_a_duration_is_understood(text: str, seconds: float) -> None:
    assert parse_duration(text, "--x") == seconds


WRONG = [
    *("", "5", "s", "5x", "1h30", "-5s", "+5s", "1..5s", ".s", "5 s", "1e3s", "inf", "nan", "0s", "0", "9999w", "5S"),
    "５s",  # noqa: RUF001  # a digit, not one of ours
]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_duration_is_named(text: str) -> None:
    with pytest.raises(AgentkitError) as caught:
        parse_duration(text, "--timeout")
    assert (caught.value.status, caught.value.message[:10]) == (Exit.USAGE, "--timeout:")


@pytest.mark.parametrize("text", ["0", "0s", "0m"])
def test_zero_is_a_duration_only_where_it_may_be(text: str) -> None:
    assert parse_duration(text, "--x", zero=True) == 0.0


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        seconds = parse_duration(text, "--x")
    except AgentkitError:
        return
    assert 0 < seconds <= LONGEST_S


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0.0, "0s"), (0.0001, "1ms"), (0.04, "40ms")),
        *((0.44, "0.4s"), (9.96, "10.0s"), (10.4, "10s"), (119.4, "119s"), (-5.0, "-5s")),
        *((120.0, "2m"), (125.0, "2m 5s"), (900.0, "15m"), (7199.0, "119m"), (7500.0, "2h 5m"), (93600.0, "26h")),
        *((172800.0, "2d"), (180000.0, "2d 2h"), (864000.0, "10d")),
    ],
)
def test_a_duration_is_written_as_a_person_reads_it(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.floats(0, 1e9))
def test_every_duration_is_short(seconds: float) -> None:
    assert len(format_duration(seconds)) <= 10


@given(st.integers(0, 4_000_000_000_000))
def test_an_instant_comes_back_to_the_millisecond(milliseconds: int) -> None:
    text = format_instant(milliseconds / 1000)
    assert round(parse_instant(text) * 1000) == milliseconds
    assert dt.datetime.fromisoformat(text).utcoffset() == dt.timedelta(0)


def test_an_instant_is_rfc_3339_in_utc() -> None:
    assert format_instant(1795316400.0) == "2026-11-22T03:00:00.000Z"
    assert format_instant(1795316399.9996) == "2026-11-22T03:00:00.000Z"
    assert format_instant(-0.5) == "1969-12-31T23:59:59.500Z"


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    assert parse_instant("2026-11-22T04:00:00+01:00") == 1795316400.0


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-22T03:00:00", "2026-11-22"])
def test_an_instant_without_a_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"zone|isoformat"):
        parse_instant(text)
