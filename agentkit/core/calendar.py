"""When does a systemd calendar expression elapse next?

The grammar and its limits are those of systemd 252 (systemd.time(7), CALENDAR EVENTS). So is what happens where the
clock changes: a time in a gap is passed over, and one in a repeated hour comes once, or at each turn where the hour
is `*`.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from agentkit.core.calendarvalues import SECOND_US, SECONDS, WHOLE, Value, Values, find_value, limit_values, read_values
from agentkit.core.clocktime import Clock, Fields
from agentkit.core.errors import AgentkitError
from agentkit.core.schedule import read_zone

LEAST_YEAR, MOST_YEAR = 1970, 2199
# How often systemd tries before it says never.
MOST_TRIES = 1000
# Where each field begins.
START = (0, 1, 1, 0, 0, 0)
DAY, HOUR, SECOND = 2, 3, 5
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SHORTHANDS = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    **dict.fromkeys(("yearly", "annually", "anually"), "*-01-01 00:00:00"),
    "quarterly": "*-01,04,07,10-01 00:00:00",
    **dict.fromkeys(("semiannually", "semi-annually", "biannually", "bi-annually"), "*-01,07-01 00:00:00"),
}
_DAY = re.compile("(?:" + "|".join(f"({day}|{day[:3]})" for day in DAYS) + r")(?=[-., ]|\Z)", re.IGNORECASE)


@dataclass(frozen=True)
class Calendar:
    """A calendar expression: lists of values a field (seconds in microseconds), weekdays from 0 (Monday), None all.

    `zone` is what it names (None: that of the machine); `summer` is set where it ends with the local zone's own
    abbreviation. `from_end` counts the days from the end of the month.
    """

    weekdays: frozenset[int] | None
    year: Values
    month: Values
    day: Values
    hour: Values
    minute: Values
    second_us: Values
    from_end: bool = False
    zone: str | None = None
    summer: bool | None = None


@dataclass(frozen=True)
class _Place:
    """Where the search stands; `meant` says whether the fields are summer time, None leaves that to the zone."""

    fields: Fields
    fraction_us: int
    meant: bool | None
    is_match: bool = False


def parse_calendar(text: str, tz: str | None = None) -> Calendar:
    """Return what a calendar expression says, as systemd.time(7) has it.

    `tz` is the machine's zone (None: /etc/localtime), whose abbreviations such as CEST may end an expression. Raises
    ValueError with one phrase where systemd refuses the expression.
    """
    text, zone, summer = _split_zone(text, tz)
    text = SHORTHANDS.get(text.lower(), text)
    if not text:
        raise ValueError("empty calendar expression")
    weekdays, rest = _read_weekdays(text)
    if rest.startswith("@"):
        return replace(_read_epoch(rest), weekdays=weekdays)
    (year, month, day), from_end, rest = _read_date(rest)
    hour, minute, second_us = _read_time(rest)
    return Calendar(
        weekdays,
        limit_values(year and tuple(_spell_year(value) for value in year), LEAST_YEAR, MOST_YEAR, "year"),
        limit_values(month, 1, 12, "month"),
        limit_values(day, 1, 31, "day", from_end=from_end),
        limit_values(hour, 0, 23, "hour"),
        limit_values(minute, 0, 59, "minute"),
        limit_values(second_us, 0, 60 * SECOND_US - 1, "second"),
        from_end and day is not None,
        zone,
        summer,
    )


def next_elapse(calendar: Calendar, after: float, tz: str | None = None) -> float | None:
    """Return the first instant later than `after` (both epoch seconds) that the expression names; None for never again.

    `tz` is the machine's zone (None: /etc/localtime), used where the expression names none. Raises AgentkitError
    (usage) for a zone that there is not.
    """
    # A day that is to come everywhere: no clock is asked for a year beyond what it can show.
    if not after < datetime(MOST_YEAR + 1, 1, 2, tzinfo=UTC).timestamp():
        return None
    instant, fraction_us = divmod(max(round(after * SECOND_US), -1) + 1, SECOND_US)
    clock = Clock(UTC if calendar.zone == "UTC" else read_zone(calendar.zone or tz))
    found = _search(calendar, clock, instant, fraction_us)
    settled = found and clock.settle(found.fields, found.meant)
    if not found or not settled or settled[0] < 0:
        return None
    return settled[0] + found.fraction_us / SECOND_US


def _split_zone(text: str, tz: str | None) -> tuple[str, str | None, bool | None]:
    """Return the text without the zone at its end, that zone, and which half of the year its abbreviation names."""
    head, blank, last = text.rpartition(" ")
    if not blank or not last.isascii():
        return text, None, None
    if last.upper() == "UTC":
        return head, "UTC", None
    if last.isalpha():
        clock = read_zone(tz)
        for summer, month in ((False, 1), (False, 7), (True, 1), (True, 7)):
            moment = datetime(2037, month, 1, tzinfo=UTC).astimezone(clock)
            if bool(moment.dst()) == summer and last.upper() == (moment.tzname() or "").upper():
                return head, None, summer
    if re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", last):
        try:
            read_zone(last)
        except AgentkitError:
            return text, None, None
        return head, last, None
    return text, None, None


def _read_weekdays(text: str) -> tuple[frozenset[int] | None, str]:
    """Return the days at the front, None for all, and what follows them."""
    days: set[int] = set()
    first: int | None = None
    at = 0
    while match := _DAY.match(text, at):
        assert match.lastindex is not None
        day = match.lastindex - 1
        if first is not None and first > day:
            raise ValueError(f"the range of weekdays goes backward at {match[0]!r}")
        days.update(range(day if first is None else first, day + 1))
        at = match.end()
        if at == len(text) or text[at] == " ":
            break
        mark = "," if text[at] == "," else "-" if text[at] == "-" else text[at : at + 2]
        if mark == "." or mark not in ("..", "-", ",") or (mark != "," and first is not None):
            raise ValueError(f"{text[at:]!r} after a weekday")
        first = None if mark == "," else day
        at += len(mark)
        if at == len(text) or text[at] == " ":
            if first is not None:
                raise ValueError("a range of weekdays without an end")
            break
    else:
        if at:
            raise ValueError(f"no weekday at {text[at:]!r}")
    return (frozenset(days) if days and len(days) < 7 else None), text[at:].lstrip(" ") if at else text


def _read_epoch(text: str) -> Calendar:
    match = re.fullmatch(r"@[ \t\n\v\f\r]*\+?([0-9]+)", text)
    if not match:
        raise ValueError(f"{text!r} is no count of seconds")
    if len(match[1].lstrip("0")) > 11:
        raise ValueError(f"{text!r} lies beyond the year {MOST_YEAR}")
    moment = datetime.fromtimestamp(int(match[1]), UTC)
    parts = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second * SECOND_US)
    year, month, day, hour, minute, second_us = ((Value(part),) for part in parts)
    whole = limit_values(year, LEAST_YEAR, MOST_YEAR, "year")
    return Calendar(None, whole, month, day, hour, minute, second_us, zone="UTC")


def _read_date(text: str) -> tuple[tuple[Values, Values, Values], bool, str]:
    """Return year, month and day, whether days count from the end, and what follows; all `*` where a time begins."""
    nothing: tuple[Values, Values, Values] = (None, None, None)
    if not text:
        return nothing, False, text
    values, at = read_values(text, 0, WHOLE)
    if text[at : at + 1] in ("", ":"):
        return nothing, False, text
    lists = [values]
    from_end = False
    while text[at : at + 1] in ("-", "~") and len(lists) < 3 and not from_end:
        from_end = text[at] == "~"
        values, at = read_values(text, at + 1, WHOLE)
        lists.append(values)
    if len(lists) < 2 or text[at : at + 1] not in ("", " "):
        raise ValueError(f"no date in {text!r}")
    year, month, day = [None, *lists][-3:]
    return (year, month, day), from_end, text[at:].lstrip(" ")


def _read_time(text: str) -> tuple[Values, Values, Values]:
    """Return hours, minutes and seconds (in microseconds)."""
    zero: Values = (Value(0),)
    if not text:
        return zero, zero, zero
    hour, at = read_values(text, 0, WHOLE)
    if text[at : at + 1] != ":":
        raise ValueError(f"no time in {text!r}")
    minute, at = read_values(text, at + 1, WHOLE)
    if at == len(text):
        return hour, minute, zero
    if text[at] != ":":
        raise ValueError(f"no time in {text!r}")
    second_us, at = read_values(text, at + 1, SECONDS)
    if at != len(text):
        raise ValueError(f"{text[at:]!r} after the time")
    return hour, minute, second_us if second_us is not None else (Value(0, None, SECOND_US),)


def _spell_year(value: Value) -> Value:
    return replace(value, start=_spell(value.start), stop=None if value.stop is None else _spell(value.stop))


def _spell(year: int) -> int:
    """Return a year of two digits in full: 70 to 99 are of the last century."""
    return year + 2000 if year < 70 else year + 1900 if year < 100 else year


def _search(calendar: Calendar, clock: Clock, instant: int, fraction_us: int) -> _Place | None:
    """Return the first place that matches, not before that instant; None after too many tries."""
    first, meant = clock.show(instant)
    place = _Place(first, fraction_us, meant)
    is_kept = False
    for _ in range(MOST_TRIES):
        settled = clock.settle(place.fields, place.meant)
        if settled is None:
            return None
        summer = settled[2] if is_kept else calendar.summer
        found = _step(calendar, clock, _Place(settled[1], place.fraction_us, summer))
        if found is None:
            return None
        place = found
        if not place.is_match:
            continue
        if (place.fields, place.fraction_us) >= (first, fraction_us):
            return place
        # A gap led backward, as in Dublin, where winter is the summer time of the data: an hour on, by the same time.
        day, hour, rest = place.fields[:HOUR], place.fields[HOUR], place.fields[HOUR + 1 :]
        place = replace(place, fields=(*day, hour + 1, *rest), is_match=False)
        is_kept = True
    return None


def _step(calendar: Calendar, clock: Clock, place: _Place) -> _Place | None:
    """Return the place to look at next, or the same if it matches; None when there is no such year.

    Works from the year down; what a field cannot be any more moves the one above it on.
    """
    lists = (calendar.year, calendar.month, calendar.day, calendar.hour, calendar.minute, calendar.second_us)
    for level, values in enumerate(lists):
        if level == SECOND:
            least = place.fields[SECOND] * SECOND_US + place.fraction_us
            second_us = find_value(values, least)
            found, fraction_us = (None, 0) if second_us is None else divmod(second_us, SECOND_US)
        else:
            is_from_end = level == DAY and calendar.from_end
            least = place.fields[level]
            found = find_value(_count_from_end(calendar, clock, place) if is_from_end else values, least)
            fraction_us = place.fraction_us if found == least else 0
        if found is None:
            return _move_on(place, level - 1) if level else None
        if found != place.fields[level]:
            place = replace(place, fields=(*place.fields[:level], found, *START[level + 1 :]))
        place = replace(place, fraction_us=fraction_us)
        settled = clock.settle(place.fields, place.meant) if place.fields[0] <= MOST_YEAR else None
        if settled is None or settled[1] < place.fields:
            return _move_on(place, level - 1) if level else None
        if settled[1] > place.fields:
            return _carry(place, level, settled) if level else None
        if level == DAY and calendar.weekdays is not None and date(*settled[1][:3]).weekday() not in calendar.weekdays:
            return _move_on(place, DAY)
    return replace(place, is_match=True)


def _move_on(place: _Place, level: int) -> _Place:
    fields = place.fields
    return replace(place, fields=(*fields[:level], fields[level] + 1, *START[level + 1 :]), fraction_us=0)


def _carry(place: _Place, level: int, settled: tuple[int, Fields, bool]) -> _Place:
    """Return where to look next when the clock shows something later: a gap's end, or the next turn of the level above.

    A turn that moves two levels is taken up where it ends, although systemd misses by that what lies before.
    """
    _, shown, summer = settled
    above = level - 1
    is_turn = shown[:above] == place.fields[:above] and shown[above] != place.fields[above]
    return replace(
        place, fields=(*shown[:level], START[level], *shown[level + 1 :]) if is_turn else shown, meant=summer
    )


def _count_from_end(calendar: Calendar, clock: Clock, place: _Place) -> Values:
    """Return the days of this month, for days that are counted from its end."""

    fields = place.fields

    def find_day(from_end: int) -> int | None:
        settled = clock.settle((fields[0], fields[1] + 1, 1 - from_end, *fields[3:]), place.meant)
        return settled[1][2] if settled and settled[1][1] == fields[1] else None

    values = []
    for value in calendar.day or ():
        start, stop = find_day(value.start), find_day(-1 if value.stop is None else value.stop)
        if stop is not None:
            start, stop = stop, start
        values.append(Value(-1 if start is None else start, stop, value.repeat))
    return tuple(values)
