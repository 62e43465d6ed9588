"""Which shape has each field of a beat that has no column of its own?

What readers find in a run's detail they may use without a second look: a field of another shape does not come in. Keys
that nobody knows here pass through untouched: another version wrote them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from agentkit.core.evidence import read_number

DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
Shape = Callable[[object], bool]


def find_misshapen(fields: dict[str, object]) -> list[str]:
    """Return the names of the fields whose value has not the shape that theirs have."""
    return [name for name, value in fields.items() if (fits := SHAPES.get(name)) is not None and not fits(value)]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return read_number(value) is not None


def _is_amount(value: object) -> bool:
    number = read_number(value)
    return number is not None and number >= 0


def _is_count(value: object) -> bool:
    return _is_integer(value) and _is_amount(value)


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _may_miss(fits: Shape) -> Shape:
    return lambda value: value is None or fits(value)


def _list_of(fits: Shape) -> Shape:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _map_of(fits: Shape) -> Shape:
    return lambda value: isinstance(value, dict) and all(map(fits, value.values()))


def _with(**parts: Shape) -> Shape:
    def fits(value: object) -> bool:
        return isinstance(value, dict) and all(check(value.get(name)) for name, check in parts.items())

    return fits


SHAPES: dict[str, Shape] = {
    **dict.fromkeys(("cwd", "note", "program", "tail", "trouble", "undelivered", "why"), _is_text),
    **dict.fromkeys(("argv_digest", "output_sha256"), _is_digest),
    **dict.fromkeys(("background_s", "retry_after_s"), _is_amount),
    **dict.fromkeys(("page_faults", "written_bytes"), _is_count),
    **dict.fromkeys(("sent", "uid"), _is_integer),
    "counters": _map_of(_is_number),
    "effects": _list_of(_with(text=_is_text, held=lambda value: isinstance(value, bool), why=_may_miss(_is_text))),
    "error_words": _list_of(_is_text),
    "holder": _is_object,
    "left_behind": _list_of(_with(pid=_is_integer, argv0=_may_miss(_is_text))),
    "orphans": _list_of(_with(pid=_is_integer, status=_is_integer)),
    "unkillable": _list_of(_is_integer),
    "watched": _map_of(_with(bytes=_may_miss(_is_count), entries=_may_miss(_is_count), digest=_may_miss(_is_text))),
}
