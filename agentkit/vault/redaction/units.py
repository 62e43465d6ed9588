r"""What may one unit of an escaped text stand for?

A unit is one escape, in as many layers as were put over it: `%41`, `%2541`, `\x41`, `\\\"`, `&amp;quot;`, `%5C%22`.
RFC 3986 (percent), RFC 8259 (JSON), RFC 2045 (quoted-printable), the HTML standard, the manuals of bash and Python.
"""

import re
from _collections_abc import Iterator

from agentkit.vault.redaction.gaps import PLAIN
from agentkit.vault.redaction.spellings import STARTS

# The signs that begin escapes are escaped themselves where layers lie over each other.
_HEX = rb"[0-9A-Fa-f]"
_PERCENT = rb"%(?:25){0,8}"
_BACKSLASH = rb"(?:\\|" + _PERCENT + rb"5[Cc]|&#0{0,4}92;|&#[xX]0{0,4}5[Cc];|&bsol;)"
_SEMICOLON = rb"(?:;|" + _PERCENT + rb"3[Bb])"
_HASH = rb"(?:#|" + _PERCENT + rb"23)"
_AGAIN = rb"(?:amp" + _SEMICOLON + rb"){0,8}"
_AMPERSAND = rb"(?:&|" + _PERCENT + rb"26)" + _AGAIN
_ENTITY = rb"(?:" + _HASH + rb"(?P<decimal>[0-9]{1,7})" + _SEMICOLON + rb"?|" + _HASH + rb"[xX]"
_ENTITY += (
    rb"(?P<hexadecimal>"
    + _HEX
    + rb"{1,6})"
    + _SEMICOLON
    + rb"?|(?P<name>[A-Za-z][A-Za-z0-9]{1,7})"
    + _SEMICOLON
    + rb")"
)


def _take_all(name: bytes, pattern: bytes) -> bytes:
    """Return what matches the pattern and gives nothing of it back, or long runs would be read again and again.

    `(?:…)+` with a further `+` says the same, and does not find it before Python 3.11.5 where the group has choices
    (python/cpython#106052).
    """
    return rb"(?=(?P<" + name + rb">" + pattern + rb"))(?P=" + name + rb")"


_UNIT = re.compile(
    rb"(?:"
    + (_take_all(b"signs", _BACKSLASH + rb"{1,16}") + rb"(?:")
    + (rb"(?:u0026" + _AGAIN + rb"|" + _AMPERSAND + rb")" + _ENTITY)
    + (
        rb"|u(?P<high>[dD][89abAB]"
        + _HEX
        + rb"{2})"
        + _take_all(b"more", _BACKSLASH + rb"{1,16}")
        + rb"u(?P<low>[dD][c-fC-F]"
        + _HEX
        + rb"{2})"
    )
    + (rb"|u(?P<four>" + _HEX + rb"{4})|U(?P<eight>" + _HEX + rb"{8})|[ux]\{(?P<braced>" + _HEX + rb"{1,6})\}")
    + (rb"|x(?P<two>" + _HEX + rb"{2})|(?P<octal>[0-7]{1,3})|(?P<joined>\r?\n[ \t]{0,40})|(?P<letter>[abefnrtvE])")
    + (rb"|" + _PERCENT + rb"(?P<percented>" + _HEX + rb"{2})|(?P<itself>[^0-9A-Za-z\\\r\n]))")
    + (
        rb"|"
        + _AMPERSAND
        + _ENTITY.replace(b"?P<", b"?P<bare_")
        + rb"|"
        + _PERCENT
        + rb"(?P<percent>"
        + _HEX
        + rb"{2})"
    )
    + (rb"|=(?P<quoted>" + _HEX + rb"{2})|(?P<soft>=\r?\n))"),
    re.DOTALL,
)
# The beginning of a unit whose end has not come yet; what matches to the end of the text may still become another.
_NAME_OPEN = (
    rb"(?:[A-Za-z][A-Za-z0-9]{0,7}|" + _HASH + rb"(?:[0-9]{0,7}|[xX]" + _HEX + rb"{0,6}))?(?:%(?:25){0,8}[23]?)?"
)
_OPEN = re.compile(
    (
        rb"(?:"
        + _take_all(b"signs", _BACKSLASH + rb"{0,16}")
        + rb"(?:%(?:25){0,8}"
        + _HEX
        + rb"?|(?:u0026|&|"
        + _PERCENT
        + rb"26)"
        + _AGAIN
    )
    + (_NAME_OPEN + rb"|[uU]" + _HEX + rb"{0,7}|[ux]\{" + _HEX + rb"{0,6}|x" + _HEX + rb"?")
    + (
        rb"|u[dD][89abAB]"
        + _HEX
        + rb"{2}"
        + _take_all(b"more", _BACKSLASH + rb"{0,16}")
        + rb"(?:%(?:25){0,8}5?|&[#A-Za-z0-9]{0,8}|u"
        + _HEX
    )
    + (rb"{0,3})?|[0-7]{1,2}|\r|\r?\n[ \t]{0,40})?|=" + _HEX + rb"?|=\r)\Z")
)
_ESCAPED_AMPERSAND = re.compile(_take_all(b"signs", _BACKSLASH + rb"{1,16}") + rb"(?:&|" + _PERCENT + rb"26)")
_START = re.compile(rb"[%\\&\x08\x1b\xe2\xc2\xef]")
_PLAIN = re.compile(PLAIN)
# Many bytes in a row, none of which can begin an escape of its own.
_PERCENTS = re.compile(rb"(?:%(?!25|5[Cc]|26)[2-7]" + _HEX + rb"){2,}")
_SINGLE = re.compile(rb"%(" + _HEX + rb"{2})|&#(?:([0-9]{1,7})|[xX](" + _HEX + rb"{1,6}));?")
_LAYER = re.compile(rb"%(?:25|5[Cc]|26)|&#(?:0{0,4}(?:37|38|92)|[xX]0{0,4}(?:2[56]|5[Cc]));?")
# What each of them stands for.
PERCENT = {
    b"%" + form(f"{byte:02x}").encode(): byte
    for byte in range(0x20, 0x80)
    for form in (str.lower, str.upper)
    if byte not in b"%\\&"
}
_LETTERS = {97: 7, 98: 8, 101: 27, 69: 27, 102: 12, 110: 10, 114: 13, 116: 9, 118: 11}
_NAMES = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'", b"AMP": b"&", b"LT": b"<", b"GT": b">"}
_SIGNS = {
    0x5C: re.compile(_BACKSLASH),
    0x26: re.compile(
        rb"(?:" + _AMPERSAND + rb"|" + _take_all(b"signs", _BACKSLASH + rb"{1,8}") + rb"u0026" + _AGAIN + rb")"
    ),
}
# Each layer of escaping doubles backslashes.
_DOUBLINGS = (1, 2, 4, 8)


def is_open(text: bytes, place: int) -> bool:
    """Tell whether what begins at `place` reaches the end of the text and may be a longer unit than it looks."""
    return _OPEN.match(text, place) is not None


def read_unit(text: bytes, place: int) -> tuple[tuple[bytes, ...], int] | None:
    """Return what the unit at `place` may stand for and where it ends; None where there is none."""
    found = _UNIT.match(text, place)
    meant = found and _decode(found)
    if found and not meant:
        # No entity has that name: then it is an ampersand behind backslashes, and what follows is text.
        found = _ESCAPED_AMPERSAND.match(text, place)
        meant = (b"&",) if found else None
    return (meant, found.end()) if found and meant else None


def find_units(text: bytes, begin: int, end: int) -> Iterator[tuple[tuple[bytes, ...], int, int]]:
    """Yield (what it may stand for, begin, end) of the units in a part of a text, read from its beginning on.

    Of percent escapes in a row, each of three bytes, many are one.
    """
    # `=` is no escape beside letters: `x=41` is ordinary text, and no encoder writes a letter so.
    while start := _START.search(text, begin, end):
        begin = start.end()
        if text[start.start()] not in STARTS:
            gap = _PLAIN.match(text, start.start())
            if gap:
                begin = gap.end()
                yield (b"",), start.start(), begin
            continue
        many = _PERCENTS.match(text, start.start(), end)
        if many:
            begin = many.end()
            yield (bytes.fromhex(many.group().replace(b"%", b"").decode()),), start.start(), begin
            continue
        found = _UNIT.match(text, start.start())
        meant = found and _decode(found)
        if found and meant:
            yield meant, start.start(), found.end()
            begin = found.end()


def find_singles(text: bytes, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the percent escapes and numbered entities in a part of a text, each as its letter and nothing more.

    That is another reading where a backslash, an ampersand or a percent sign is escaped, which may begin a layer.
    """
    if _LAYER.search(text, begin, end):
        for found in _SINGLE.finditer(text, begin, end):
            percent, decimal, hexadecimal = found.groups()
            code = int(decimal) if decimal else int(percent or hexadecimal, 16)
            if percent:
                yield bytes((code,)), found.start(), found.end()
            elif code <= 0x10FFFF and not 0xD800 <= code < 0xE000:
                yield chr(code).encode(), found.start(), found.end()


def _decode(found: re.Match[bytes]) -> tuple[bytes, ...]:
    """Return what a unit may stand for; nothing where it is no letter."""
    kind = found.lastgroup or ""
    given = found.group(kind)
    kind = kind.removeprefix("bare_")
    if kind in ("percent", "percented", "two", "quoted"):
        return _byte_or_letter(int(given, 16))
    if kind == "octal":
        return _byte_or_letter(int(given, 8) & 0xFF)
    if kind == "itself":
        return (given,)
    if kind == "letter":
        return (bytes((_LETTERS[given[0]],)),)
    if kind in ("joined", "soft"):
        return (b"",)
    if kind == "name":
        named = _NAMES.get(given) or _look_up(given)
        return (named,) if named else ()
    if kind == "low":
        code = 0x10000 + (int(found.group("high"), 16) - 0xD800) * 0x400 + int(given, 16) - 0xDC00
    else:
        code = int(given, 10 if kind == "decimal" else 16)
    return () if code > 0x10FFFF or 0xD800 <= code < 0xE000 else (chr(code).encode(),)


def read_sign(text: bytes, place: int, sign: int) -> list[int]:
    r"""Return where a backslash, a percent sign or an ampersand may end that begins at `place`, in any layers."""
    ends: list[int] = []
    if sign == 0x25:
        end = place + 1
        while text[end : end + 2] == b"25" and len(ends) < 8:
            end += 2
            ends.append(end)
    elif sign == 0x26:
        found = _SIGNS[sign].match(text, place)
        if found and found.end() > place + 1:
            ends.append(found.end())
    else:
        end = place
        for count in range(1, _DOUBLINGS[-1] + 1):
            found = _SIGNS[sign].match(text, end)
            if found is None:
                break
            end = found.end()
            if count in _DOUBLINGS:
                ends.append(end)
    return ends


def _byte_or_letter(code: int) -> tuple[bytes, ...]:
    # Above ASCII it is a byte of UTF-8 (percent, bash) or a letter of Latin-1 (repr of Python).
    return (bytes((code,)),) if code < 0x80 else (bytes((code,)), chr(code).encode())


def _look_up(name: bytes) -> bytes | None:
    from html.entities import html5

    letters = html5.get(name.decode() + ";")
    return letters.encode() if letters else None
