"""Which counts does a run speak of in its last lines, and where does it say 0?

A line's shape is the line with every number replaced. `exported 12 rows` and `exported 0 rows` have one shape, so a
job that printed this shape in each of its runs and never said 0 has told us that 0 is odd. Numbers that are 0 for
other reasons (clocks, dates, elapsed time, `0 errors`) never count as 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b

MOST_SHAPES = 16
MOST_LINES = 32
MOST_NUMBERS = 16
TAIL_CHARACTERS = 4096

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_TROUBLE = (
    r"(?:errors?|err|warnings?|warn|fail(?:ed|ures?|s)?|skip(?:ped|s)?|missing|denied|dropped|lost|conflicts?|invalid"
    r"|bad|broken|corrupt(?:ed)?|retr(?:y|ies)|timeouts?|deferred|rejected|orphan(?:ed|s)?|duplicates?|problems?"
    r"|issues?|vulnerabilit(?:y|ies))"
)
_TIME_UNIT = r"(?:[nmuµ]?s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|millis(?:econds)?)"
_ZERO = re.compile(
    r"(?<![\w.])(?<!\d[-:/,])0+(?:[.,]0+)*"  # no part of a word, a date, a clock or a decimal
    r"(?![\d]|[.,:\-]\d)"
    rf"(?!\s?{_TIME_UNIT}\b)"  # elapsed time is measured elsewhere
    r"(?![a-z]*\d|x[0-9a-f])"  # 0x1f, 0ab12
    rf"(?!\s+(?:[\w-]+\s+)?{_TROUBLE}\b)",  # `0 errors`, `0 files skipped` are good news
    re.IGNORECASE,
)
_BEFORE_ZERO = re.compile(
    rf"(?:\b{_TROUBLE}|\b(?:elapsed|took|duration|status|code|exit|rc|lag|offset|age|load|pid))(?:\W{{1,3}}|\s+in\s+)$",
    re.IGNORECASE,
)


def read_spoken(tail: str) -> dict[int, int]:
    """Return the shapes of the last lines, newest first: hash -> the set (as bits) of its numbers that say 0."""
    shapes: dict[int, int] = {}
    for line in _lines_with_numbers(tail):
        shape = _hash_shape(line)
        shapes[shape] = shapes.get(shape, 0) | _zeros(line)
    return shapes


def quote_zero(tail: str, shape: int) -> str:
    """Return the newest line of this shape that says 0, shortened for a message."""
    for line in _lines_with_numbers(tail):
        if _hash_shape(line) == shape and _zeros(line):
            return line.strip()[:120]
    return ""


def learn_spoken(
    memory: Mapping[int, tuple[int, int, int]], shapes: Mapping[int, int], window: int
) -> dict[int, tuple[int, int, int]]:
    """Return the memory after one more run: hash -> (runs in a row, numbers that said 0, runs since one said 0).

    A shape that is missing from one run is forgotten; a 0 is forgotten after `window` runs without one.
    """
    learnt: dict[int, tuple[int, int, int]] = {}
    known = [shape for shape in shapes if shape in memory]
    fresh = [shape for shape in shapes if shape not in memory]
    for shape in (known + fresh)[:MOST_SHAPES]:
        streak, zeros, since = memory.get(shape, (0, 0, 0))
        if shapes[shape]:
            zeros, since = zeros | shapes[shape], 0
        elif zeros:
            since += 1
            zeros = zeros if since < window else 0
        learnt[shape] = (min(streak + 1, window), zeros, since)
    return learnt


def _lines_with_numbers(tail: str) -> Iterable[str]:
    lines = tail[-TAIL_CHARACTERS:].splitlines()
    if len(tail) > TAIL_CHARACTERS:
        lines = lines[1:]
    # Most lines of most jobs hold no number: the cheapest look decides.
    return [line for line in reversed(lines[-MOST_LINES:]) if _NUMBER.search(line)]


def _hash_shape(line: str) -> int:
    shape = _NUMBER.sub("#", line).encode("utf-8", "replace")
    return int.from_bytes(blake2b(shape, digest_size=8).digest(), "little")


def _zeros(line: str) -> int:
    if "0" not in line:
        return 0
    zeros = 0
    for match in _ZERO.finditer(line):
        before = line[: match.start()]
        position = len(_NUMBER.findall(before))
        if position < MOST_NUMBERS and not _BEFORE_ZERO.search(before):
            zeros |= 1 << position
    return zeros
