"""How are durations and instants written and read?

Durations are `90s`, `15m`, `6h`, `2d`, `1w`; instants are RFC 3339 in UTC with milliseconds and `Z`.
Inside, both are seconds as float (instants since the Unix epoch): the hot verbs cannot pay for datetime.
"""

import time

from agentkit.core.errors import AgentkitError, Exit

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "ms": 0.001}
LONGEST_S = 3650 * 86400.0


def parse_duration(text: str, what: str, *, zero: bool = False) -> float:
    """Return the seconds that a duration such as `90s`, `1.5h` or `2h30m` says.

    Raises AgentkitError (usage) naming `what` when the text is no duration, not positive (zero is allowed with
    `zero`) or above ten years.
    """
    total, number, unit = 0.0, "", ""
    pieces: list[tuple[str, str]] = []
    for letter in text.strip():
        if letter in "0123456789.":
            if unit:
                pieces.append((number, unit))
                number, unit = "", ""
            number += letter
        else:
            unit += letter
    pieces.append((number, unit))
    for number, unit in pieces:
        if not number or number.count(".") > 1 or number == "." or unit not in UNITS:
            if text.strip() == "0" and zero:
                return 0.0
            raise _bad(text, what, zero)
        total += float(number) * UNITS[unit]
    if total > LONGEST_S or (total <= 0 and not zero):
        raise _bad(text, what, zero)
    return total


def _bad(text: str, what: str, zero: bool) -> AgentkitError:
    bound = "0s or more" if zero else "more than 0s"
    return AgentkitError(
        f"{what}: {text!r} is no duration; expected {bound}, at most ten years",
        hint="write it as 90s, 15m, 6h, 2d, 1w or 1h30m",
        status=Exit.USAGE,
    )


def format_duration(seconds: float) -> str:
    """Return a duration as a person reads it: two units at most, `2h 5m`, `26h`, `0.4s`, `3ms`."""
    if seconds < 0:
        return "-" + format_duration(-seconds)
    if 0 < seconds < 0.1:
        return f"{max(round(seconds * 1000), 1)}ms"
    if seconds < 10:
        return f"{seconds:.1f}s" if seconds != int(seconds) else f"{int(seconds)}s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole}s"
    if whole < 7200 and whole != 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes}m {rest}s" if rest and minutes < 10 else f"{minutes}m"
    if whole < 2 * 86400:
        hours, rest = divmod(whole // 60, 60)
        return f"{hours}h {rest}m" if rest and hours < 10 else f"{hours}h"
    days, rest = divmod(whole // 3600, 24)
    return f"{days}d {rest}h" if rest and days < 10 else f"{days}d"


def format_instant(instant: float) -> str:
    """Return an instant (seconds since the epoch) as RFC 3339: `2026-11-22T03:00:00.000Z`."""
    milliseconds = round(instant * 1000)
    when = time.gmtime(milliseconds // 1000)
    return "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % (*when[:6], milliseconds % 1000)


def parse_instant(text: str) -> float:
    """Return the seconds since the epoch that an RFC 3339 text says; raises ValueError."""
    from datetime import datetime

    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    return instant.timestamp()
