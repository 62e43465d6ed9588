"""How long is a time span as systemd reads it?"""

import re

# systemd.time(7), PARSING TIME SPANS; a month is 30.44 days, a year 365.25. Microseconds, longest name first.
_UNITS = (
    (("usec", "us", "\N{MICRO SIGN}s", "\N{GREEK SMALL LETTER MU}s"), 1),
    (("msec", "ms"), 1000),
    (("seconds", "second", "sec", "s"), 1_000_000),
    (("minutes", "minute", "min", "m"), 60_000_000),
    (("months", "month", "M"), 2_629_800_000_000),
    (("hours", "hour", "hr", "h"), 3_600_000_000),
    (("days", "day", "d"), 86_400_000_000),
    (("weeks", "week", "w"), 604_800_000_000),
    (("years", "year", "y"), 31_557_600_000_000),
)
_LENGTHS_US = {name: length_us for names, length_us in _UNITS for name in names}
_NAMES = "|".join(sorted(_LENGTHS_US, key=lambda name: (-len(name), name)))
_PART = re.compile(
    rf"[ \t\n\r]*(?:\+(?=[0-9])|(?=\.?[0-9]))([0-9]*)(?:\.([0-9]+))?(?:[ \t\n\r]*({_NAMES})|(?=[ \t\n\r]|\Z))"
)
MOST_US = 2**64 - 1


def parse_time_span(text: str) -> float | None:
    """Return a span such as `1min 30s`, `1.5h` or `5` (seconds) in seconds; None for `infinity` (systemd.time(7)).

    Raises ValueError with one phrase where systemd does not accept it.
    """
    if text.strip(" \t\n\r") == "infinity":
        return None
    total_us = 0
    at = 0
    rest = text.rstrip(" \t\n\r")
    while at < len(rest) or not rest:
        match = _PART.match(rest, at)
        if not match:
            raise ValueError(f"{text!r} is no time span")
        length_us = _LENGTHS_US[match[3] or "s"]
        total_us += int(match[1] or "0") * length_us
        for digit in match[2] or "":
            length_us //= 10
            total_us += int(digit) * length_us
        if total_us >= MOST_US:
            raise ValueError(f"{text!r} is out of range")
        at = match.end()
    return total_us / 1_000_000
