"""What does a verb say beside its answer, and how does it say when, how many, and a long text on one line?"""

from __future__ import annotations

from agentkit.core.errors import tell
from agentkit.core.times import format_duration, format_instant, parse_instant
from agentkit.core.visible import make_visible


def warn(message: str) -> None:
    """Say something on stderr that is no failure."""
    tell(f"agentkit: warning: {make_visible(message)}\n")


def say_when(instant: float | None, now: float) -> str:
    """Return how far an instant is from now, `3m ago` or `in 2h`; a dash where there is none."""
    if instant is None:
        return "-"
    distance = format_duration(float(round(abs(instant - now)))).split()[0]
    return f"in {distance}" if instant > now else f"{distance} ago"


def say_count(count: int, noun: str) -> str:
    """Return `1 finding`, `2 findings`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def shorten(text: str, most: int) -> str:
    """Return the text on one line of at most so many letters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def read_instant(value: object) -> float | None:
    """Return the seconds since the epoch that a field of a record says; None where it says no instant."""
    try:
        return parse_instant(value) if isinstance(value, str) else None
    except ValueError:
        return None


def write_instant(instant: float | None) -> str | None:
    """Return an instant as records have it; None where there is none."""
    return None if instant is None else format_instant(instant)
