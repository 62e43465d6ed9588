"""Where does a spelling begin, one letter of which has been found?"""

from agentkit.vault.redaction.gaps import read_gap
from agentkit.vault.redaction.spellings import CODE, STARTS, TEXT, Spelling
from agentkit.vault.redaction.units import PERCENT, is_open, read_unit

# The last letter before a coded value, escaped, and a line break with its indentation.
FARTHEST_BEFORE = 64
FARTHEST_GAP = 48
FARTHEST_UNIT = 24
_GAP_STARTS = frozenset(b"\r\n\x1b\xe2\xc2\xef'\"\\%&")
_GAP_ENDS = frozenset(b"\n \t>#*|mK\x8b\xad\xbf'\"$rnAaDd;")
_STARTS = frozenset(STARTS)


def find_starts(text: bytes, at: int, index: int, spelling: Spelling) -> list[int]:
    """Return where a spelling may begin whose letter `index` stands at `at`."""
    if spelling.before:
        start = find_before(text, at, spelling)
        return [] if start is None else [start if spelling.covers_before else at]
    if spelling.gaps != TEXT:
        return [at]
    body = spelling.body
    first = body[0]
    is_raw = at >= index and text[at - index : at + 1] == body[: index + 1]
    if is_raw and (first >= 0x80 or body[:1].isalnum()):
        start = at - index
        # The letter may be the last sign of its own escape: `%36` ends with a 6.
        escaped = [place for place in range(max(0, start - FARTHEST_UNIT), start) if text[place] in _STARTS]
        return [start, *[place for place in escaped if _stands_for(text, place, start + 1, body[:1])]]
    likely = {first, *_STARTS}
    if first in b"'\"":
        likely.update(b"'\"")
    if first in b" \n":
        likely.update(b"+\r")
    # Each letter before this one takes at most 12 bytes, in two layers of escapes.
    places = [place for place in range(max(0, at - 12 * index - 32), at + 1) if text[place] in likely]
    return [place for place in places if text[place] not in _STARTS or _may_begin(text, place, body)]


def _stands_for(text: bytes, begin: int, end: int, letter: bytes) -> bool:
    unit = read_unit(text, begin)
    return unit is not None and unit[1] == end and letter in unit[0]


def _may_begin(text: bytes, place: int, body: bytes) -> bool:
    """Tell whether the escape at a place may stand for the first letter, or for itself."""
    if text[place] == body[0] or body[0] in STARTS:
        return True
    percent = text[place : place + 3] if text[place] == 0x25 else b""
    if percent in PERCENT:
        return PERCENT[percent] == body[0]
    if is_open(text, place):
        return True
    unit = read_unit(text, place)
    # A line break of one kind may stand for one of the other.
    return unit is not None and any(meant and (body.startswith(meant) or meant == b"\r") for meant in unit[0])


def find_before(text: bytes, at: int, spelling: Spelling) -> int | None:
    """Return where the letter stands that ends at `at`, gaps apart, and can hold the value's first bits."""
    table, before = spelling.table, spelling.before
    for place, letter in find_letters(text, at):
        if (table[letter] if table else letter) in before:
            return place
    return None


def find_letters(text: bytes, at: int) -> list[tuple[int, int]]:
    """Return (place, letter) of what may be the letter that ends at `at`, or before a gap that ends there."""
    ends = [at]
    if at and text[at - 1] in _GAP_ENDS:
        first = max(0, at - FARTHEST_GAP)
        ends += [end for end in range(at - 1, first, -1) if text[end] in _GAP_STARTS and at in _gap_ends(text, end)]
    found = []
    for end in ends:
        if end:
            found.append((end - 1, text[end - 1]))
        for place in range(end - 2, max(-1, end - FARTHEST_UNIT), -1):
            if text[place] in _STARTS:
                unit = read_unit(text, place)
                if unit and unit[1] == end:
                    found += [(place, meant[0]) for meant in unit[0] if len(meant) == 1]
    return found


def find_edge(text: bytes, edges: frozenset[int]) -> int:
    """Return the place of a last letter that may hold the first bits of a coded value; else the length."""
    size = len(text)
    for place in range(size - 1, max(-1, size - FARTHEST_BEFORE), -1):
        letter = text[place]
        end = None
        if letter in edges:
            end = place + 1
        elif letter in _STARTS:
            unit = read_unit(text, place)
            if unit and any(len(meant) == 1 and meant[0] in edges for meant in unit[0]):
                end = unit[1]
        if end == size or (end is not None and end < size and read_gap(text, end, CODE, 0, is_last=False) is None):
            return place
    return size


def _gap_ends(text: bytes, begin: int) -> list[int]:
    return read_gap(text, begin, CODE, 0, is_last=True) or []
