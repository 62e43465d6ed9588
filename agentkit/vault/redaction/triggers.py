r"""Where may a piece of a value be that does not stand there raw?

Where letters or digits are escaped, which no usual encoder does (`%70%61%73`, `\x70\x61`, `&#112;&#97;`, `\160\141`),
and where a long line of letters is broken. There the text is read unit by unit, and the pieces are looked for in what
it stands for.
"""

from _bisect import bisect_right
from _collections_abc import Callable, Iterator

from agentkit.vault.redaction.literals import Literals

_CODE = rb"(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])"
TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

# The same expressions for `re` and for hyperscan.
ESCAPED_LETTER = (
    rb"%(?:25){0,8}(?:" + _CODE + rb"|2[DdEe]|5[Ff]|7[Ee])",
    rb"\\(?:x|u00|[ux]\{0{0,4})" + _CODE,
    rb"\\U0{4,6}" + _CODE,
    rb"\\(?:0?(?:6[0-7]|7[01])|1[0-7][0-7])",
    rb"[&;6]#0{0,6}(?:4[89]|5[0-7]|6[5-9]|[78][0-9]|9[07-9]|1[01][0-9]|12[0-2])",
    rb"[&;6]#[xX]0{0,6}" + _CODE,
    rb"%(?:25){0,8}23(?:[46-9][0-9]|1[012][0-9]|[xX]" + _CODE + rb")",
    # Not escaped, but parted: by a change of colour, by what has no width, by being struck twice.
    rb"[A-Za-z0-9](?:\x1b\[[0-9;?]{0,16}[A-Za-z]){1,4}[A-Za-z0-9]",
    rb"[A-Za-z0-9](?:\xe2\x80\x8b|\xc2\xad|\xef\xbb\xbf)",
    rb"[A-Za-z0-9]\x08[A-Za-z0-9]",
)
_CODED = rb"[A-Za-z0-9+/_-]"
_ESCAPED_BREAK = rb"\\{1,8}[rn]|%(?:25){0,8}0[AaDd]"
_JOINED = rb"\"[ \t]{0,4}[+.]?[ \t]{0,4}\"|'[ \t]{0,4}[+.]?[ \t]{0,4}'"
_BREAK = rb"(?:(?:\r?\n|\r|(?:" + _ESCAPED_BREAK + rb"){1,2})[ \t>#*|]{0,40}|" + _JOINED + rb")"
# One expression each: together hyperscan reads them at a third of the speed.
_BREAK_SIGNS = (rb"[\r\n]", rb"\\{1,8}[rn]", rb"%(?:25){0,8}0[AaDd]")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-")
_CODED_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_FOLDED = bytes([97 if code in _CODED_LETTERS else 10 if code in b"\r\n\\%\"'" else 46 for code in range(256)])
# A line that was broken has so many letters before the break; where there are few values, shorter ones are looked at.
LONG, SHORT = 16, 4
# One of these is in each of them.
_BACKSLASHED = (b"\\x", b"\\u", b"\\U", b"\\0", b"\\1", b"\\6", b"\\7")
_SIGNS = (b"%", *_BACKSLASHED, b"#", b"\x1b", b"\x08", b"\xe2\x80\x8b", b"\xc2\xad", b"\xef\xbb\xbf")
LONGEST_TRIGGER = 80
# A break with its indentation, and a piece behind it.
LONGEST_BREAK = 96
# A piece of 9 letters, each of them escaped in three layers, is not longer.
REACH = 112
_patterns: list[Callable[[bytes, int], list[int]]] = []
_breaks: dict[int, Callable[[bytes, int, int], Iterator[tuple[int, int]]]] = {}


def find_escaped_letters(text: bytes, new: int) -> list[int]:
    """Return where escaped letters end, behind `new`."""
    first = max(0, new - LONGEST_TRIGGER)
    fresh = text[first:]
    if not any(sign in fresh for sign in _SIGNS):
        return []
    if not _patterns:
        import re

        pattern = re.compile(rb"|".join(ESCAPED_LETTER))
        _patterns.append(lambda text, first: [found.end() for found in pattern.finditer(text, first)])
    return [end for end in _patterns[0](text, first) if end > new]


def is_long_line(line: bytes) -> bool:
    """Tell whether a line ends with so many letters of a code that it may have been broken there."""
    return line[-LONG:].translate(_FOLDED) == b"a" * LONG


def express_breaks(least: int) -> list[bytes]:
    """Return the expressions for the first sign of a break behind so many letters."""
    # One each: together hyperscan reads them at a third of the speed.
    signs = [*_BREAK_SIGNS, *(_JOINED.split(b"|") if least == SHORT else ())]
    return [_CODED + b"{%d}" % least + sign for sign in signs]


def find_broken_lines(text: bytes, new: int, least: int) -> list[int]:
    """Return where the first signs of breaks of lines end, behind `new` and behind so many letters."""
    # Most texts have none, and need no expression to see it.
    if b"a" * least + b"\n" not in text[max(0, new - LONGEST_TRIGGER - least) :].translate(_FOLDED):
        return []
    if not _breaks:
        _compile_breaks()
    return [end for _, end in _breaks[least](text, max(0, new - LONGEST_TRIGGER), len(text)) if end > new]


def read_broken(text: bytes, ends: list[int], literals: Literals) -> list[tuple[bytes, int]]:
    """Return (piece, place) for each piece that lies over a break; `ends` as from `find_broken_lines`."""
    if not _breaks:
        _compile_breaks()
    found: list[tuple[bytes, int]] = []
    size = max(literals.sizes, default=0)
    for end in ends:
        # A sign that is not escaped begins its break.
        begin = end - 1 if text[end - 1] in b"\r\n" else max(0, end - LONGEST_TRIGGER)
        for first, last in _breaks[0](text, begin, end + LONGEST_BREAK):
            if first < end <= last:
                before = text[max(0, first - size + 1) : first]
                joined = before + text[last : last + size]
                offset = first - len(before)
                found += [(piece, offset + at) for piece, at in literals.find_pieces(joined, range(len(before)))]
                break
    return found


def _compile_breaks() -> None:
    import re

    _breaks[0] = _make_spans(re.compile(rb"(?<=" + _CODED + rb"{4})" + _BREAK))
    for least, signs in ((LONG, b""), (SHORT, rb"|" + _JOINED)):
        behind = rb"(?<=" + _CODED + b"{%d})" % least
        _breaks[least] = _make_spans(re.compile(behind + rb"(?:[\r\n]|" + _ESCAPED_BREAK + signs + rb")"))


def _make_spans(pattern: "re.Pattern[bytes]") -> Callable[[bytes, int, int], Iterator[tuple[int, int]]]:
    return lambda text, first, last: (found.span() for found in pattern.finditer(text, first, last))


def read_around(text: bytes, new: int, places: list[int], literals: Literals) -> list[tuple[bytes, int]]:
    """Return (piece, place) for each piece that the text stands for within `REACH` of one of the places (sorted).

    Those that end before `new` may be missing.
    """
    found = []
    index = 0
    while index < len(places):
        begin = max(0, places[index] - REACH, new - REACH)
        end = places[index] + REACH
        while index < len(places) and places[index] <= end:
            end = places[index] + REACH
            index += 1
        found += _read_region(text, begin, min(end, len(text)), literals)
    return found


def _read_region(text: bytes, begin: int, end: int, literals: Literals) -> list[tuple[bytes, int]]:
    from agentkit.vault.redaction.units import find_singles, find_units

    units = list(find_units(text, begin, end))
    found = _read_units(text, begin, end, [(meant[0], first, last) for meant, first, last in units], literals)
    if any(len(meant) > 1 for meant, _, _ in units):
        # Above ASCII a number is a byte of UTF-8 or a letter of Latin-1.
        found += _read_units(text, begin, end, [(meant[-1], first, last) for meant, first, last in units], literals)
    singles = list(find_singles(text, begin, end))
    if singles:
        found += _read_units(text, begin, end, singles, literals)
    return found


def _read_units(
    text: bytes, begin: int, end: int, units: list[tuple[bytes, int, int]], literals: Literals
) -> list[tuple[bytes, int]]:
    parts: list[bytes] = []
    # What begins where: (index in what the text stands for, place in the text), for each unit and each raw part.
    indexes: list[int] = []
    places: list[int] = []
    steps: list[int] = []
    asked: list[int] = []
    asked_to = 0
    longest = max(literals.sizes, default=0)
    size, at = 0, begin
    for meant, first, last in units:
        if first > at:
            parts.append(text[at:first])
            indexes.append(size)
            places.append(at)
            steps.append(1)
            size += first - at
        parts.append(meant)
        indexes.append(size)
        places.append(first)
        steps.append(3 if len(meant) * 3 == last - first else 0)
        # Pieces without an escaped letter stand in the text themselves.
        marked = [index for index, letter in enumerate(meant, size) if letter in _UNRESERVED] if meant else [size - 1]
        for index in marked:
            reach = index - longest + 1
            asked += range(max(asked_to, reach), index + 1)
            asked_to = index + 1
        size += len(meant)
        at = last
    parts.append(text[at:end])
    indexes.append(size)
    places.append(at)
    steps.append(1)
    whole = b"".join(parts)
    found = []
    for piece, index in literals.find_pieces(whole, asked):
        nearest = bisect_right(indexes, index) - 1
        # Raw letters take one byte each, percent escapes in a row three.
        step = steps[nearest]
        found.append((piece, places[nearest] + (index - indexes[nearest]) * step))
    return found
