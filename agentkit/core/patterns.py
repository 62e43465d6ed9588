"""Does a text fit a pattern of the configuration, in which `*` stands for any letters and all else for itself?

Not `fnmatch`: a pattern of many stars would take it for ever on a long text, and a name such as `job:a[1]` is a name.
"""

from __future__ import annotations


def fits_pattern(pattern: str, text: str) -> bool:
    """Tell whether the whole text fits; capitals count."""
    first, *others = pattern.split("*")
    if not others:
        return text == pattern
    *middle, last = others
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    place, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, place, end)
        if found < 0:
            return False
        place = found + len(piece)
    return True
