"""Into which fields does a text split, and which words do its braces make?"""

from __future__ import annotations

import re

# Letters that match names, where they are not quoted: what stands in a field for an active one.
ACTIVE = {"*": "\ue000", "?": "\ue001", "[": "\ue002"}
PASSIVE = {ord(active): letter for letter, active in ACTIVE.items()}
TO_ACTIVE = {ord(letter): active for letter, active in ACTIVE.items()}
BRACES = re.compile(r"\{([^{}$`'\"\s]*)\}")
RANGE = re.compile(r"(-?[0-9]+)\.\.(-?[0-9]+)\Z")
MOST_WORDS = 64
MOST_BRACES = 6


def append(done: list[str], fragment: list[str]) -> list[str]:
    """Return the fields with a fragment's put behind them: its first one belongs to their last."""
    if not fragment:
        return done
    return [*done[:-1], done[-1] + fragment[0], *fragment[1:]]


def split(text: str) -> list[str]:
    """Return the fields of a value that is not quoted; its letters that match names become active."""
    parts = text.translate(TO_ACTIVE).split()
    if not parts:
        return [""]
    if text[0].isspace():
        parts.insert(0, "")
    if text[-1].isspace() and len(text) > 1:
        parts.append("")
    return [part for place, part in enumerate(parts) if part or place in (0, len(parts) - 1)]


def expand_braces(text: str) -> list[str]:
    """Return the words of `a{b,c}d` (bash); without such braces the text alone."""
    found = BRACES.search(text)
    if found is None or text.count("{") > MOST_BRACES:
        return [text.translate(TO_ACTIVE)]
    inner = found.group(1)
    span = RANGE.match(inner)
    if span:
        first, last = int(span.group(1)), int(span.group(2))
        if abs(last - first) >= MOST_WORDS:
            return [text.translate(TO_ACTIVE)]
        parts = [str(number) for number in range(first, last + 1)] or [str(n) for n in range(first, last - 1, -1)]
    elif "," in inner:
        parts = inner.split(",")
    else:
        head, tail = text[: found.end()], text[found.end() :]
        return [head.translate(TO_ACTIVE) + rest for rest in expand_braces(tail)]
    before, behind = text[: found.start()], text[found.end() :]
    words: list[str] = []
    for part in parts:
        words.extend(expand_braces(before + part + behind)[: MOST_WORDS - len(words)])
        if len(words) == MOST_WORDS:
            break
    return words
