"""How is an answer written without anything that costs a start: records as JSON, lines in columns?

Imported by the hot verbs. The records are those of `core.lines`, the columns look as those of `core.screen` do where
there is no terminal; tests hold them against these.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence

from agentkit.core.times import format_instant
from agentkit.core.visible import make_visible, text_width

try:
    # What `json` itself escapes with; the package around it costs as much as the whole answer.
    from _json import encode_basestring
except ImportError:
    from json.encoder import encode_basestring

GAP = "  "
NARROWEST = 40
LEAST = 6


def write_text(text: str) -> None:
    """Write to stdout as UTF-8 whatever the locale says; lone surrogates become escapes, as in every record."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()


def quote(text: str) -> str:
    """Return a text as JSON, letters beyond ASCII as they are."""
    return encode_basestring(text)


def begin_record(kind: str, host: str) -> str:
    """Return how each record of this answer begins; the instant is that of the answer."""
    return f'{{"v": 1, "kind": "{kind}", "at": "{format_instant(time.time())}", "host": {quote(host)}, '


def quote_all(texts: Iterable[str]) -> str:
    """Return a JSON list of texts."""
    return f"[{', '.join(map(quote, texts))}]"


def or_null(value: str | int | None) -> str:
    """Return a JSON value."""
    return "null" if value is None else quote(value) if isinstance(value, str) else str(value)


def tell_place(file: str, line: int | None, function: str | None = None) -> str:
    """Return a place as a person reads it: `/usr/local/bin/backup:12 prune()`; without a line the file as a whole."""
    where = file if line is None else f"{file}:{line}"
    return f"{where} {function}()" if function else where


def shorten(name: str) -> str:
    """Return as much of a name as tells a person where the way goes: `backup.sh#prune`, `curl`, `nginx.service`."""
    kind, _, rest = name.partition(":")
    return rest if kind == "job" else rest.rpartition("/")[2] or rest


def draw_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return aligned lines under the names of the columns; on a terminal they go on in lines of their own."""
    shown = [[make_visible(cell) for cell in row] for row in [names, *rows]]
    widths = [max(text_width(row[index]) for row in shown) for index in range(len(names))]
    _narrow(widths, _find_width() - len(GAP) * (len(names) - 1))
    lines = []
    for row in shown:
        cells = [_fold(cell, width) for cell, width in zip(row, widths, strict=True)]
        for number in range(max(map(len, cells))):
            pieces = [cell[number] if number < len(cell) else "" for cell in cells]
            padded = (piece + " " * (width - text_width(piece)) for piece, width in zip(pieces, widths, strict=True))
            lines.append(GAP.join(padded).rstrip())
    return "\n".join([*lines, ""])


def _narrow(widths: list[int], room: int) -> None:
    """Make the columns fit: the last one first, which tells the most, then whichever is the widest."""
    widths[-1] = min(widths[-1], max(NARROWEST // 2, room - sum(widths[:-1])))
    while sum(widths) > room and max(widths) > LEAST:
        widths[widths.index(max(widths))] -= 1


def _fold(text: str, room: int) -> list[str]:
    """Return the lines of a cell: between words, and within one that is too long where a part of a path begins."""
    if text_width(text) <= room:
        return [text]
    pieces = [""]
    for word in text.split(" "):
        longer = f"{pieces[-1]} {word}" if pieces[-1] else word
        if text_width(longer) <= room:
            pieces[-1] = longer
            continue
        rest = word
        if not pieces[-1]:
            pieces.pop()
        while text_width(rest) > room:
            cut = next(count for count in range(len(rest), 0, -1) if count == 1 or text_width(rest[:count]) <= room)
            spot = max(rest.rfind("/", 1, cut), rest.rfind("#", 1, cut))
            cut = spot if spot > 0 else cut
            pieces.append(rest[:cut])
            rest = rest[cut:]
        pieces.append(rest)
    return pieces


def _find_width() -> int:
    """Return the columns of the terminal; a pipe has no end."""
    if not sys.stdout.isatty():
        return 1 << 30
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return max(NARROWEST, int(given))
    try:
        return max(NARROWEST, os.get_terminal_size(sys.stdout.fileno()).columns or 80)
    except (OSError, ValueError):
        return 80
