"""What does a word of shell text say once its quotes are taken off?"""

from __future__ import annotations

import re

from agentkit.core.shellquotes import find_double_end, skip_one

QUOTES = re.compile(r"[\\'\"$`]")


def unquote(raw: str) -> str:
    """Return a word without its quotes; what only a running shell can know stays as it is written."""
    found = QUOTES.search(raw)
    if found is None:
        return raw
    pieces = [raw[: found.start()]]
    at, end = found.start(), len(raw)
    while at < end:
        letter = raw[at]
        if letter == "\\":
            pieces.append("" if raw[at + 1 : at + 2] == "\n" else raw[at + 1 : at + 2])
            at += 2
        elif letter == "'":
            close = raw.find("'", at + 1)
            close = end if close < 0 else close
            pieces.append(raw[at + 1 : close])
            at = close + 1
        elif letter == '"':
            close = find_double_end(raw, at + 1, end)
            pieces.append(_unquote_double(raw, at + 1, close))
            at = close + 1
        else:
            behind = skip_one(raw, at, end)
            if raw.startswith('$"', at):
                behind = find_double_end(raw, at + 2, end) + 1
            pieces.append(raw[at:behind])
            at = behind
    return "".join(pieces)


def _unquote_double(raw: str, at: int, end: int) -> str:
    pieces: list[str] = []
    while at < end:
        behind = min(skip_one(raw, at, end, in_double=True), end)
        piece = raw[at:behind]
        if piece[0] == "\\":
            piece = "" if piece[1:] == "\n" else piece[1:] if piece[1:] in ("$", "`", '"', "\\") else piece
        pieces.append(piece)
        at = behind
    return "".join(pieces)
