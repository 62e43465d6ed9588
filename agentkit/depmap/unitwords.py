"""Which words does a setting of a unit hold, quotes and escapes resolved?

By the rules of systemd.syntax(7), QUOTING, and systemd.service(5), COMMAND LINES.
"""

import re

from agentkit.core.unittext import BLANKS

_APART = re.compile(f"[{BLANKS}]+")
_SPECIAL = re.compile(r"""["'\\]""")
_PLAIN = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, '"': 34, "'": 39, "s": 32}
_ESCAPE = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})")


def split_words(value: str) -> list[str]:
    """Return all words of a value; raises ValueError where a quote is not closed."""
    if not _SPECIAL.search(value):
        return [word for word in _APART.split(value) if word]
    words: list[str] = []
    at = 0
    while (found := read_word(value, at)) is not None:
        word, at = found
        words.append(word)
    return words


def read_word(text: str, at: int) -> tuple[str, int] | None:
    """Return the word that begins at or behind this place, and where the next one begins; None where there is none.

    An escape that there is not stays as written, backslash and all. Raises ValueError where a quote is not closed.
    """
    while at < len(text) and text[at] in BLANKS:
        at += 1
    if at >= len(text):
        return None
    parts = bytearray()
    quote = ""
    while at < len(text):
        here = text[at]
        if here == "\\":
            added, at = _read_escape(text, at + 1, bool(quote))
            parts += added
            continue
        if quote:
            if here == quote:
                quote = ""
            else:
                parts += here.encode("utf-8", "surrogateescape")
        elif here in "\"'":
            quote = here
        elif here in BLANKS:
            break
        else:
            parts += here.encode("utf-8", "surrogateescape")
        at += 1
    if quote:
        raise ValueError(f"a {quote} is not closed")
    while at < len(text) and text[at] in BLANKS:
        at += 1
    return parts.decode("utf-8", "surrogateescape"), at


def _read_escape(text: str, at: int, is_quoted: bool) -> tuple[bytes, int]:
    """Return what the characters behind a backslash stand for, and the place behind them."""
    if at >= len(text):
        if is_quoted:
            raise ValueError("a quote is not closed")
        return b"\\", at
    here = text[at]
    if here in _PLAIN:
        return bytes((_PLAIN[here],)), at + 1
    if found := _ESCAPE.match(text, at):
        byte, short, long, octal = found.groups()
        code = int(byte or short or long or "0", 16) if octal is None else int(octal, 8)
        if code and (byte or octal):
            return bytes((code,)), found.end()
        if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000:
            return chr(code).encode(), found.end()
    return ("\\" + here).encode("utf-8", "surrogateescape"), at + 1
