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


def draw_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return aligned lines under the names of the columns; on a terminal the last one goes on in lines of its own."""
    shown = [[make_visible(cell) for cell in row] for row in [names, *rows]]
    widths = [max(text_width(row[index]) for row in shown) for index in range(len(names) - 1)]
    indent = sum(widths) + len(GAP) * len(widths)
    room = _find_width() - indent
    lines = []
    for row in shown:
        head = "".join(cell + " " * (width - text_width(cell)) + GAP for cell, width in zip(row, widths, strict=False))
        pieces = [row[-1]] if room < NARROWEST // 2 else _fold(row[-1], room)
        lines.append((head + pieces[0]).rstrip())
        lines.extend(" " * indent + piece for piece in pieces[1:])
    return "\n".join([*lines, ""])


def _fold(text: str, room: int) -> list[str]:
    pieces = [""]
    for word in text.split(" "):
        longer = f"{pieces[-1]} {word}" if pieces[-1] else word
        if pieces[-1] and text_width(longer) > room:
            pieces.append(word)
        else:
            pieces[-1] = longer
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
