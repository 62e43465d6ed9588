"""Do calendar expressions mean what systemd makes of them?"""

import os
import random
import re
import subprocess
from datetime import UTC, datetime

import pytest

from agentkit.core.calendar import next_elapse, parse_calendar
from agentkit.core.errors import AgentkitError

LIMIT_S = 120
BERLIN = "Europe/Berlin"
# What systemd says of an expression: refused, or its next elapses in whole seconds (fewer than asked: then never).
Answer = str | list[int]
TABLE = [
    *(
        "minutely",
        "hourly",
        "Daily",
        "weekly",
        "monthly",
        "quarterly",
        "semiannually",
        "bi-annually",
        "anually",
        "yearly",
    ),
    *("Sat,Thu,Mon..Wed,Sat..Sun", "Mon,Sun 25-*-* 2,1:23", "Wed *-1", "Wed..Wed,Wed *-1", "Wed, 17:48", "10-15"),
    *("Wed..Sat,Tue 30-10-15 1:2:3", "*-*-7 0:0:0", "monday *-12-* 17:00", "Mon,Fri *-*-3,1,2 *:30:45", "*:2/3"),
    *(
        "12,14,13,12:20,10,30",
        "12..14:10,20,30",
        "mon,fri *-1/2-1,3 *:30:45",
        "03-05 08:05:40",
        "05:40",
        "Mon-Fri 9:00",
    ),
    *("05:40:23.4200004/3.1700005", "2033-02..04-05", "2033-03-05 05:40 UTC", "weekly Pacific/Auckland", "daily utc"),
    *(
        "*-02~03",
        "Mon *-05~07/1",
        "*-*~1",
        "*~1",
        "*-*~3..5",
        "*-*~28/27",
        "*-*~5/4",
        "*-*~*",
        "*-*~20..27,15",
        "*-*~29",
    ),
    *("@1811760400", "@ +1811760400", "Mon @1811760400", "@5 12:00", "@-5", "@5.5", "@7258118400", "@1811760400 CET"),
    *(
        "2099-02-29",
        "*-02-30",
        "Mon *-02-29",
        "1970-01-01",
        "70-1-1",
        "69-1-1",
        "170-1-1",
        "2200-1-1",
        "2199-12-31 23:59:59",
    ),
    *("12:00 CET", "12:00 CEST", "2:30 cest", "12:00 Foo", "12:00 Europe", "12:00 europe/berlin", "12:00 Etc/GMT+5"),
    *(
        "2:30",
        "*:0/30",
        "*-*-* 2..3:0/20",
        "*:*:0/59.9",
        "*:*:1.5..3",
        "*:*:1..1",
        "*:*:1..1/1",
        "*:*:1..1.5/0.1",
        "*:*:*",
    ),
    *(
        "*:*:4/26.000001",
        "*:02,47/8",
        "*:36/15,4",
        "*-*-6/11",
        "*-06/5-13",
        "Sun *-1/5-* CET",
        "*-*-1/30",
        "*-*-1/31",
        "*-*-1..3/5",
    ),
    *(
        "",
        " ",
        "UTC",
        "bogus",
        "Mo",
        "Sat..Mon",
        "Mon..",
        "Mon,,",
        "Mon, Tue",
        "Mon..Tue..Wed",
        "mon 12",
        "12",
        "12:",
        ":12",
    ),
    *(
        "12:00 ",
        " 12:00",
        "daily ",
        "Mon daily",
        "24:00",
        "23:60",
        "*:*:59.9999999",
        "*:*:1.",
        "*:*/5:00",
        "*,1-*-*",
        "*",
    ),
    *(
        "5,5,3-1",
        "*-*-5..3",
        "2024~1",
        "2024~1-1",
        "*:0/0",
        "1..2..3-1",
        "2024-01-01T12:00",
        "mon\t12:00",
        "daily UTC UTC",
    ),
    *(
        "*:" + ",".join(["1"] * 241),
        "*:" + ",".join(["1"] * 242),
        "*:*:1..5/2147",
        "*:*:1..5/2148",
        "*-*-1..5/2147483648",
    ),
]
WORDS = ("minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semi-annually", "annually", "biannually")
DAYS = ("Mon", "tue", "Wednesday", "THU", "Friday", "sat", "Sunday", "Sun", "Monday")
ZONES = (
    "UTC",
    "utc",
    BERLIN,
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Tokyo",
    "CET",
    "CEST",
    "EST",
    "Nowhere/Land",
)
MACHINES = (*[BERLIN] * 4, "UTC", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Europe/Dublin")
# The second before Berlin's clock goes forward in 2024, and the one before it goes back.
FORWARD, BACK = 1711846799, 1729990799


def _ask_systemd(expressions: list[str], base: int, zone: str, count: int = 4) -> dict[str, Answer]:
    ended = subprocess.run(
        ["systemd-analyze", "calendar", f"--base-time=@{base}", f"--iterations={count}", "--", *expressions],
        capture_output=True,
        text=True,
        env={**os.environ, "TZ": zone, "LC_ALL": "C.UTF-8"},
        timeout=LIMIT_S,
        check=False,
    )
    if "Failed to determine next elapse" in ended.stderr:
        # A loop inside systemd, which its timers take for never; it ends the whole call.
        if len(expressions) == 1:
            return {
                expressions[0]: [] if count == 1 else _ask_systemd(expressions, base, zone, count - 1)[expressions[0]]
            }
        half = len(expressions) // 2
        return _ask_systemd(expressions[:half], base, zone, count) | _ask_systemd(expressions[half:], base, zone, count)
    refused = set(re.findall(r"^Failed to parse calendar specification '(.*)': ", ended.stderr, re.MULTILINE))
    blocks = iter(re.split(r"^Normalized form: ", ended.stdout, flags=re.MULTILINE)[1:])
    answers = {each: "refused" if each in refused else _read_times(next(blocks)) for each in expressions}
    assert next(blocks, None) is None
    return answers


def _read_times(block: str) -> list[int]:
    times = re.findall(r"(?:elapse|#\d+): \w{3} (\S+ \S+) (?:UTC|.*\n +\(in UTC\): \w{3} (\S+ \S+) UTC)", block)
    return [int(datetime.fromisoformat((utc or local) + "+00:00").timestamp()) for local, utc in times]


def _ask_agentkit(expression: str, base: int, zone: str, count: int = 4) -> Answer:
    try:
        calendar = parse_calendar(expression, zone)
    except ValueError:
        return "refused"
    times: list[int] = []
    at: float | None = base
    while len(times) < count:
        at = next_elapse(calendar, at, zone)
        if at is None:
            break
        times.append(int(at // 1))
    return times


def _compare(expressions: list[str], base: int, zone: str) -> None:
    asked = list(dict.fromkeys(expressions))
    expected = _ask_systemd(asked, base, zone)
    assert {each: _ask_agentkit(each, base, zone) for each in asked} == expected, f"TZ={zone} @{base}"


def _make_value(choices: random.Random, least: int, most: int, *, is_decimal: bool) -> str:
    def number() -> str:
        value = choices.randint(0, most + 5) if choices.random() < 0.02 else choices.randint(least, most)
        fraction = f".{choices.choice(['5', '25', '123456', '1234567', '000001', '9999999'])}"
        return f"{value:0{choices.choice([1, 2])}}{fraction if is_decimal and choices.random() < 0.2 else ''}"

    text = number()
    if choices.random() < 0.3:
        ends = [text, number()]
        text = "..".join(sorted(ends, key=float) if choices.random() < 0.9 else ends)
    if choices.random() < 0.25:
        text += f"/{choices.randint(0 if choices.random() < 0.1 else 1, max(1, (most - least) // 2))}"
        text += choices.choice([".5", ".1", ".000001", ""]) if is_decimal else ""
    return text


def _make_list(choices: random.Random, least: int, most: int, *, is_decimal: bool = False) -> str:
    if choices.random() < 0.35:
        return "*"
    return ",".join(
        _make_value(choices, least, most, is_decimal=is_decimal) for _ in range(choices.choice([1, 1, 1, 2, 3]))
    )


def _make_date(choices: random.Random) -> str:
    mark = choices.choice("---~")
    last = 31 if mark == "-" else choices.choice([7, 28])
    date = f"{_make_list(choices, 1, 12)}{mark}{_make_list(choices, 1, last)}"
    least, most = choices.choice([(2020, 2032), (20, 35), (1970, 2199)])
    return f"{_make_list(choices, least, most)}-{date}" if choices.random() < 0.7 else date


def _make_expression(choices: random.Random) -> str:
    kind = choices.random()
    if kind < 0.06:
        text = choices.choice(WORDS) if kind < 0.04 else f"@{choices.randint(0, 2**33)}"
    else:
        parts = []
        if choices.random() < 0.35:
            days = [choices.choice(DAYS) for _ in range(choices.choice([1, 1, 2]))]
            days = [
                day + choices.choice(["", "", f"..{choices.choice(DAYS)}", f"-{choices.choice(DAYS)}"]) for day in days
            ]
            parts.append(",".join(days) + choices.choice(["", "", "", ","]))
        if choices.random() < 0.7:
            parts.append(_make_date(choices))
        if choices.random() < 0.7 or not parts:
            seconds = f":{_make_list(choices, 0, 59, is_decimal=True)}" if choices.random() < 0.5 else ""
            parts.append(f"{_make_list(choices, 0, 23)}:{_make_list(choices, 0, 59)}{seconds}")
        text = " ".join(parts)
    if choices.random() < 0.25:
        text += f" {choices.choice(ZONES)}"
    if choices.random() < 0.03:
        place = choices.randrange(len(text) + 1)
        text = text[:place] + choices.choice("*-~,./: x1") + text[place:]
    return text


@pytest.mark.parametrize(
    ("zone", "base"),
    [
        *((BERLIN, base) for base in (FORWARD - 7200, FORWARD, BACK - 3600, BACK, BACK + 3600, 1701054835)),
        *(("Europe/Dublin", base) for base in (FORWARD, BACK)),
        ("America/Sao_Paulo", 1541000000),
        ("UTC", 1735689599),
    ],
)
def test_an_expression_elapses_when_systemd_says(zone: str, base: int) -> None:
    _compare(TABLE, base, zone)


def test_random_expressions_elapse_when_systemd_says(random_choices: random.Random) -> None:
    for _ in range(12):
        base = random_choices.choice(
            [
                FORWARD + random_choices.randint(-4000, 90000),
                BACK + random_choices.randint(-9000, 9000),
                random_choices.randint(0, 2**31),
                random_choices.randint(1_500_000_000, 1_900_000_000),
            ]
        )
        expressions = [_make_expression(random_choices) for _ in range(100)]
        _compare(expressions, base, random_choices.choice(MACHINES))


def test_fractions_of_a_second_are_kept_to_the_microsecond() -> None:
    calendar = parse_calendar("*-*-* *:*:0/0.300001 UTC")
    first = next_elapse(calendar, 1711846800)
    assert first == pytest.approx(1711846800.300001, abs=1e-6)
    assert next_elapse(calendar, first) == pytest.approx(1711846800.600002, abs=1e-6)


def test_an_elapse_lies_strictly_after_the_instant_asked() -> None:
    calendar = parse_calendar("2030-01-01 UTC")
    new_year = datetime(2030, 1, 1, tzinfo=UTC).timestamp()
    assert next_elapse(calendar, new_year - 0.000001) == new_year
    assert next_elapse(calendar, new_year) is None


@pytest.mark.parametrize("after", [-1e12, -1.0, 0.0, 7.3e9, 1e15, float("inf"), float("nan")])
def test_an_instant_out_of_all_bounds_is_answered(after: float) -> None:
    found = next_elapse(parse_calendar("minutely UTC"), after)
    assert found is None if not after < 7.25811e9 else found is not None and found > after


def test_the_machines_zone_is_the_one_that_is_named_or_that_of_localtime(monkeypatch: pytest.MonkeyPatch) -> None:
    midnight = parse_calendar("daily")
    assert next_elapse(midnight, 1711846800, "Asia/Tokyo") == 1711897200
    monkeypatch.setattr("agentkit.core.schedule.LOCALTIME", "/usr/share/zoneinfo/Asia/Tokyo")
    assert next_elapse(midnight, 1711846800) == 1711897200


def test_a_zone_that_there_is_not_is_an_error_of_usage() -> None:
    with pytest.raises(AgentkitError, match="no time zone 'Nowhere/Land'"):
        next_elapse(parse_calendar("daily"), 0, "Nowhere/Land")


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("", "empty calendar expression"),
        ("25:00", "hour 25 is out of range"),
        ("Sat..Mon", "the range of weekdays goes backward at 'Mon'"),
        ("*-*-9..3", "the range of the day goes backward"),
        ("*:0/0", "a repetition of 0"),
        ("hourly?", "no number at 'hourly?'"),
    ],
)
def test_a_refusal_says_why_in_one_phrase(text: str, phrase: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(phrase)}$"):
        parse_calendar(text)
