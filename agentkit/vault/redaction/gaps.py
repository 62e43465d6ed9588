"""What may lie between two letters of a spelling without being part of the value?

Line breaks of whatever wrapped it, with the indentation, quote or comment sign of the next line; colours of a
terminal; quotes that close and open again; between digits also whatever separates numbers.
"""

import re

from agentkit.vault.redaction.spellings import CODE, DIGITS, LETTERS, TEXT

# Fewer letters of a value before a line break are no reason to hold back the end of each line that ends so.
LEAST_BEFORE_BREAK = 4
# A line of code is wrapped at no less than this many letters.
LEAST_LINE = 16
_LINE = re.compile(rb"[A-Za-z0-9+/_-]{16}\Z")
_BREAK = rb"\r?\n[ \t>#*|]{0,40}"
# Colours, letters without width, and a letter struck twice, as a terminal shows bold ones.
PLAIN = rb"\x1b\[[0-9;?]{0,16}[A-Za-z]|\xe2\x80\x8b|\xc2\xad|\xef\xbb\xbf|\x08[^\r\n]"
_PLAIN_OPEN = rb"\x1b(?:\[[0-9;?]{0,16})?|\xe2\x80?|\xc2|\xef\xbb?|\x08"
_JOINED = rb"'\$'|([\"'])[ \t]{0,40}[+.]?[ \t]{0,40}(?:\\?\r?\n[ \t]{0,40}[+.]?[ \t]{0,40})?\1"
_JOINED_OPEN = rb"'\$?|([\"'])[ \t]{0,40}[+.]?[ \t]{0,40}(?:\\?\r?\n?[ \t]{0,40}[+.]?[ \t]{0,40})?"
_ESCAPED_BREAK = rb"(?:\\{1,8}[rn]|%(?:25){0,8}0[AaDd]|&#(?:10|13|x[aAdD]);)[ \t]{0,40}"
_ESCAPED_BREAK_OPEN = rb"\\{1,8}|%(?:25){0,8}0?|&#?(?:1[03]?|x[aAdD]?)?"
_SIGNS = rb"[ \t:,;._|-]{1,8}|0[xX]|\\{1,8}x|['\"]{1,2}|[\[\](){}]"
# `xxd` and `hexdump -C`: the letters beside the digits, and the address before the next ones.
_DUMP = rb"[ \t]{1,8}[^\r\n]{1,20}\r?\n[0-9A-Fa-f]{4,16}:?[ \t]{1,4}"
_DUMP_OPEN = rb"[ \t]{1,8}[^\r\n]{1,20}(?:\r?\n[0-9A-Fa-f]{0,16}:?[ \t]{0,4})?"
# `od`: the address alone.
_ADDRESS = rb"\r?\n[0-9A-Fa-f]{7,16}[ \t]{1,4}"
_ADDRESS_OPEN = rb"\r?\n[0-9A-Fa-f]{0,16}[ \t]{0,4}"
_SPACED = rb"['\"][ \t,;]{0,4}(?:\r?\n[ \t]{0,40})?['\"]"
_SPACED_OPEN = rb"[ \t,;|_*.-]{1,3}|['\"][ \t,;]{0,4}(?:\r?\n?[ \t]{0,40})?"


_BREAKS = {
    TEXT: _BREAK,
    CODE: _BREAK + rb"|" + _ESCAPED_BREAK,
    DIGITS: _BREAK + rb"|" + _ESCAPED_BREAK,
    LETTERS: _BREAK,
}
_OTHERS = {
    TEXT: (PLAIN + rb"|" + _JOINED,),
    CODE: (PLAIN + rb"|" + _JOINED,),
    # A blank between two numbers begins a line's end of a dump as well: both are tried.
    DIGITS: (PLAIN + rb"|" + _SIGNS, _DUMP, _ADDRESS),
    # A sign between two letters may be a letter of the value: each number of them is tried.
    LETTERS: (PLAIN + rb"|" + _SPACED, _ADDRESS, rb"\r?\n", *[rb"[ \t,;|_*.-]{%d}" % size for size in (1, 2, 3)]),
}
_OPENINGS = {
    TEXT: _PLAIN_OPEN + rb"|" + _JOINED_OPEN,
    CODE: _PLAIN_OPEN + rb"|" + _JOINED_OPEN + rb"|" + _ESCAPED_BREAK_OPEN + rb"|" + _ESCAPED_BREAK,
    DIGITS: _DUMP_OPEN
    + rb"|"
    + _ADDRESS_OPEN
    + rb"|"
    + _PLAIN_OPEN
    + rb"|"
    + _SIGNS
    + rb"|0|"
    + _ESCAPED_BREAK_OPEN
    + rb"|"
    + _ESCAPED_BREAK,
    LETTERS: _PLAIN_OPEN + rb"|" + _ADDRESS_OPEN + rb"|" + _SPACED_OPEN,
}
_compiled: dict[int, tuple[re.Pattern[bytes], re.Pattern[bytes], list[re.Pattern[bytes]]]] = {}


def read_gap(text: bytes, place: int, kind: int, before: int, *, is_last: bool) -> list[int] | None:
    """Return where a gap at `place` may end; None where the text ends before that is known, unless it `is_last`.

    `before` is how many letters of the spelling lie before it.
    """
    if kind not in _compiled:
        breaks = re.compile(_BREAKS[kind])
        opening = re.compile(rb"(?:" + _BREAK + rb"|\r|" + _OPENINGS[kind] + rb")\Z")
        _compiled[kind] = opening, breaks, [re.compile(other) for other in _OTHERS[kind]]
    opening, breaks, others = _compiled[kind]
    # Between numbers and between single letters a break is a sign as any other.
    may_break = before >= LEAST_BEFORE_BREAK or kind in (DIGITS, LETTERS)
    if not may_break and text[place] in b"\r\n\\%&":
        # `MIME` and PEM wrap long lines; a short word at the end of a line is no reason to wait for the next.
        if kind == TEXT or not _LINE.search(text, max(0, place - LEAST_LINE), place):
            return []
        may_break = True
    if not is_last and opening.match(text, place):
        return None
    found = [breaks.match(text, place) if may_break else None, *[other.match(text, place) for other in others]]
    return [match.end() for match in found if match]
