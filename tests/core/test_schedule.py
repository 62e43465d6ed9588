"""Are the times of a schedule those of Debian's cron?"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.core.cronfields import FIELDS, never_comes
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.schedule import next_run, period_s, previous_run

BERLIN = "Europe/Berlin"


def _at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _walk(schedule: str, start: str, zone: str, count: int) -> list[str]:
    at: float | None = _at(start)
    times = []
    for _ in range(count):
        assert at is not None
        at = next_run(schedule, at, zone)
        times.append(
            "never" if at is None else datetime.fromtimestamp(at, ZoneInfo(zone)).isoformat(timespec="minutes")
        )
    return times


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("30 2 * * *", ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]),
        ("15,45 2 * * *", ["2026-03-29T03:00+02:00", "2026-03-30T02:15+02:00"]),
        ("*/30 2 * * *", ["2026-03-30T02:00+02:00", "2026-03-30T02:30+02:00"]),
        ("30 * * * *", ["2026-03-29T01:30+01:00", "2026-03-29T03:30+02:00"]),
        ("0 3 * * *", ["2026-03-29T03:00+02:00", "2026-03-30T03:00+02:00"]),
    ],
)
def test_what_a_gap_swallows_runs_at_its_end_unless_it_follows_the_clock(schedule: str, expected: list[str]) -> None:
    assert _walk(schedule, "2026-03-29T00:45+01:00", BERLIN, 2) == expected


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("30 2 * * *", ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]),
        ("*/30 2 * * *", ["2026-10-25T02:00+02:00", "2026-10-25T02:30+02:00", "2026-10-25T02:00+01:00"]),
        ("30 * * * *", ["2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00", "2026-10-25T03:30+01:00"]),
    ],
)
def test_a_repeated_hour_runs_once_unless_it_follows_the_clock(schedule: str, expected: list[str]) -> None:
    assert _walk(schedule, "2026-10-25T01:45+02:00", BERLIN, len(expected)) == expected


def test_a_gap_at_midnight_swallows_what_follows_the_clock() -> None:
    # cronsim answers 00:00, which there is not that day: Chile goes from 23:59 to 01:00.
    assert _walk("*/30 0 * * *", "2026-09-05T23:00-04:00", "America/Santiago", 1) == ["2026-09-07T00:00-03:00"]
    assert _walk("30 0 * * *", "2026-09-05T23:00-04:00", "America/Santiago", 1) == ["2026-09-06T01:00-03:00"]


def test_a_skipped_day_is_no_daylight_saving() -> None:
    # Samoa had no 30 December 2011.
    assert _walk("0 12 * * *", "2011-12-29T13:00-10:00", "Pacific/Apia", 1) == ["2011-12-31T12:00+14:00"]


@pytest.mark.parametrize(
    ("schedule", "day"),
    [
        ("0 0 13 * 5", "2026-01-02"),  # either
        ("0 0 */2 * 5", "2026-01-09"),  # both: it begins with a star
        ("0 0 13 * */5", "2026-02-13"),  # both: 0 and 5
        ("0 0 31-1 * 5", "2026-01-02"),  # the day names nothing
        ("0 0 31-1,*/40 * 5", "2026-01-02"),  # either: it begins with a range, though one that names nothing
        ("0 0 31 2 7", "2026-02-01"),
        ("0 0 29 2 *", "2028-02-29"),
    ],
)
def test_day_of_month_and_day_of_week_are_both_asked_when_one_begins_with_a_star(schedule: str, day: str) -> None:
    assert _walk(schedule, "2026-01-01T12:00+00:00", "UTC", 1) == [f"{day}T00:00+00:00"]


@pytest.mark.parametrize("schedule", ["30 2 31 2 *", "59-0 * * * *", "0 0 * * 5-3", "0 0 30,31 2 *", "0 0 */40 2-1 *"])
def test_what_never_comes_is_known_to(schedule: str) -> None:
    assert never_comes(schedule)
    assert next_run(schedule, 0.0, "UTC") is None
    assert previous_run(schedule, 1e9, "UTC") is None
    assert period_s(schedule) is None


def test_reboot_has_no_next_time_and_is_not_never() -> None:
    assert next_run("@reboot", 0.0, "UTC") is None
    assert not never_comes("@reboot")


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [
        ("*/5 * * * *", 300),
        ("@hourly", 3600),
        ("@daily", 86400),
        ("0 9 * * 1-5", 86400),
        ("@weekly", 7 * 86400),
        ("0 0 1 * *", 31 * 86400),
        ("@yearly", 365 * 86400),
    ],
)
def test_the_period_is_the_typical_distance(schedule: str, seconds: int) -> None:
    assert period_s(schedule) == seconds


def test_the_machines_zone_counts_where_none_is_given() -> None:
    assert next_run("@hourly", 1e9) is not None


@pytest.mark.parametrize("zone", ["Europe/Bielefeld", "", "../etc/passwd", "Europe", "/etc/localtime", "\0"])
def test_a_zone_that_there_is_not_is_a_usage_error(zone: str) -> None:
    with pytest.raises(AgentkitError) as raised:
        next_run("@daily", 0.0, zone)
    assert raised.value.status == Exit.USAGE


def _fields() -> st.SearchStrategy[str]:
    def field(place: int) -> st.SearchStrategy[str]:
        _, low, high, names = FIELDS[place]
        value = st.integers(low, high)
        return st.one_of(
            st.just("*"),
            value.map(str),
            st.integers(1, high).map(lambda step: f"*/{step}"),
            st.tuples(value, value, st.integers(1, 9)).map(
                lambda drawn: f"{min(drawn[:2])}-{max(drawn[:2]) + (drawn[0] == drawn[1] < high)}/{drawn[2]}"
            ),
            st.lists(value.map(str), min_size=1, max_size=3).map(",".join),
            st.sampled_from(names or ("*",)),
        )

    return st.tuples(*(field(place) for place in range(5))).map(" ".join)


@settings(max_examples=1000, deadline=None)
@given(_fields(), st.integers(0, 2**31))
def test_in_utc_the_times_are_those_of_cronsim(schedule: str, after: int) -> None:
    if never_comes(schedule):
        return
    start = datetime.fromtimestamp(after, UTC)
    # cronsim reads 5-5/10 as 5-59/10, which cron does not.
    if any(
        piece.split("/")[0].split("-")[0] == piece.split("/")[0].split("-")[-1] and "-" in piece
        for piece in schedule.split()
    ):
        return
    expected = next(CronSim(schedule, start)).timestamp()
    assert next_run(schedule, float(after), "UTC") == expected


@settings(max_examples=1000, deadline=None)
@given(
    _fields(),
    st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu"]),
    st.one_of(
        st.floats(1.5e9, 2e9),
        st.sampled_from([1774746000.0, 1792890000.0]).flatmap(
            lambda change: st.floats(-7200, 7200).map(lambda moved: change + moved)
        ),
    ),
)
def test_next_and_previous_run_meet(schedule: str, zone: str, at: float) -> None:
    later = next_run(schedule, at, zone)
    earlier = previous_run(schedule, at, zone)
    if later is None or earlier is None:
        assert never_comes(schedule)
        return
    assert earlier <= at < later
    assert next_run(schedule, earlier, zone) == later
    assert previous_run(schedule, later, zone) == later
    assert previous_run(schedule, later - 0.5, zone) == earlier
