"""Which values may one field of a systemd calendar expression have?"""

import re
from dataclasses import dataclass

SECOND_US = 1_000_000
# As systemd 252 bounds a list and a number.
MOST_VALUES, MOST_NUMBER = 241, 2**31 - 1
_WHOLE, _DECIMAL = "([0-9]+)", r"([0-9]+(?:\.[0-9]+)?)"
WHOLE, SECONDS = (re.compile(rf"{n}(?:\.\.{n})?(?:/{n})?(?=[ ,\-~:]|\Z)") for n in (_WHOLE, _DECIMAL))


@dataclass(frozen=True)
class Value:
    """One value of a list: from `start` on, up to `stop` (None is the field's end), each `repeat` (0 is only once)."""

    start: int
    stop: int | None = None
    repeat: int = 0


# None is `*`.
Values = tuple[Value, ...] | None


def read_values(text: str, at: int, pattern: re.Pattern[str]) -> tuple[Values, int]:
    """Return the list of values that begins there, and where it ends."""
    if text[at : at + 1] == "*":
        return None, at + 1
    values: list[Value] = []
    while match := pattern.match(text, at):
        values.append(_read_value(match, is_seconds=pattern is SECONDS))
        at = match.end()
        if text[at : at + 1] != ",":
            break
        at += 1
    else:
        raise ValueError(f"no number at {text[at:]!r}")
    if len(values) > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES} values in a list")
    return tuple(values), at


def find_value(values: Values, least: int) -> int | None:
    """Return the first value of a list from `least` on; None when there is none."""
    if values is None:
        return least
    best: int | None = None
    for value in values:
        found = value.start
        if found < least:
            if not value.repeat:
                continue
            found += -((found - least) // value.repeat) * value.repeat
            if value.stop is not None and found > value.stop:
                continue
        best = found if best is None else min(best, found)
    return best


def limit_values(values: Values, least: int, most: int, what: str, *, from_end: bool = False) -> Values:
    """Return the values in order; raise ValueError where the field cannot have one of them, or a repetition of it."""
    if values is None:
        return None
    ordered = sorted(
        {_trim(value) for value in values},
        key=lambda value: (value.start, -1 if value.stop is None else value.stop, value.repeat),
    )
    for value in ordered:
        # No month lacks 28 days; systemd takes three more off for each further value.
        most -= 3 if from_end else 0
        for number in (value.start, value.stop):
            if number is not None and not least <= number <= most:
                raise ValueError(f"{what} {number} is out of range")
        if value.stop is not None and value.stop < value.start:
            raise ValueError(f"the range of the {what} goes backward")
        second = value.start - value.repeat if from_end else value.start + value.repeat
        if value.repeat > most - least or (value.stop is None and not least <= second <= most):
            raise ValueError(f"the {what} never repeats within its range")
    return tuple(ordered)


def _read_value(match: re.Match[str], *, is_seconds: bool) -> Value:
    start, stop, repeat = (
        None if part is None else _read_number(part, is_seconds=is_seconds) for part in match.groups()
    )
    assert start is not None
    if repeat == 0:
        raise ValueError("a repetition of 0")
    if repeat is None:
        repeat = 0 if stop is None else SECOND_US if is_seconds else 1
        if is_seconds and stop is not None and start + repeat > stop:
            raise ValueError(f"the range {match[0]!r} is shorter than a second")
    return Value(start, stop, repeat)


def _trim(value: Value) -> Value:
    """Return the value with the end that its repetitions reach; one that never repeats before its end has none."""
    start, stop, repeat = value.start, value.stop, value.repeat
    if stop is not None and stop > start:
        stop -= (stop - start) % repeat
    return Value(start) if stop == start else Value(start, stop, repeat)


def _read_number(text: str, *, is_seconds: bool) -> int:
    whole, _, fraction = text.partition(".")
    # The seventh digit rounds; those behind it say nothing.
    number = int(whole) * SECOND_US + (int(fraction[:7].ljust(7, "0")) + 5) // 10 if is_seconds else int(whole)
    if number > MOST_NUMBER:
        raise ValueError(f"{text} is out of range")
    return number
