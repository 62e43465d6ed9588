"""What of a text may reach a terminal, how wide is it there, and how do numbers become small bars?"""

import io
import sys
import unicodedata
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"
PLAIN_BARS = "_.-~=+*#"
# C0, DEL and C1; what turns the direction of text round (an old trick to make one word look like another); odd breaks.
UNSEEN = (*range(0x20), *range(0x7F, 0xA0), 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
VISIBLE = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in UNSEEN} | {
    10: "\\n",
    9: "\\t",
    13: "\\r",
}
VISIBLE_IN_BLOCKS = {code: shown for code, shown in VISIBLE.items() if code not in (9, 10)}


def print_odd_letters() -> None:
    """Let a file name with odd bytes, or a terminal without UTF-8, end no answer in the middle."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def make_visible(text: str) -> str:
    """Return the text on one line, each control character as a person would write it (`\\x1b`, `\\n`)."""
    return text.translate(VISIBLE)


def make_block_visible(text: str) -> str:
    """Return the text with its lines and tabs as they are, and every other control character visible."""
    return text.replace("\r\n", "\n").translate(VISIBLE_IN_BLOCKS)


def sparkline(values: Sequence[float | None], *, has_bars: bool = True) -> str:
    """Return one small bar a value, from the least to the greatest; a space where there is none."""
    bars = BARS if has_bars else PLAIN_BARS
    present = [value for value in values if value is not None]
    if not present:
        return " " * len(values)
    least, span = min(present), max(present) - min(present)
    # All alike is neither high nor low.
    steps = [
        None if v is None else (len(bars) // 2 if span <= 0 else round((v - least) / span * (len(bars) - 1)))
        for v in values
    ]
    return "".join(" " if step is None else bars[step] for step in steps)


def text_width(text: str) -> int:
    """Return the columns that a text takes on a terminal (Unicode annex 11: wide letters take two, marks none)."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )
