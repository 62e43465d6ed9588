"""From where on may the end of a text be the beginning of a value, whose piece has not come yet?

What this finds is held back; everything before it can go out.
"""

from bisect import bisect_left

from agentkit.vault.gaps import read_gap
from agentkit.vault.literals import Literals
from agentkit.vault.spellings import CODE, TEXT, Spelling
from agentkit.vault.units import STARTS, is_open, read_unit
from agentkit.vault.walk import Page, Walk

# No beginning up to the end of its piece is longer than this, however it is escaped.
FARTHEST = 512
_STOPS = frozenset(STARTS + b"\r\n'\"+\x1b\xe2\xc2\xef")


def find_opening(text: bytes, literals: Literals) -> int:
    """Return the place of the first byte that may belong to a value still to come; the length where none does."""
    heads = literals.heads()
    size = len(text)
    longest = literals.longest_head
    near = text[max(0, size - longest - 1) :]
    far = FARTHEST if any(letter in _STOPS for letter in near) else longest + 1
    for at in range(max(0, size - far), size):
        if text[at] not in _STOPS and text[at : at + 2] not in literals.first_pairs and not _is_lone(text, at):
            continue
        found = _opens(text, at, heads, literals)
        if found is not None:
            return min(found, _find_edge(text, literals))
    return _find_edge(text, literals)


def find_starts(text: bytes, at: int, index: int, spelling: Spelling) -> list[int]:
    """Return where a spelling may begin whose letter `index` stands at `at`."""
    body = spelling.body
    if spelling.before:
        start = _find_before(text, at, spelling)
        return [] if start is None else [start]
    if spelling.gaps != TEXT:
        return [at]
    first = body[0]
    is_raw = at >= index and text[at - index : at] == body[:index]
    if is_raw and text[at : at + 1] == body[index : index + 1] and (first >= 0x80 or chr(first).isalnum()):
        return [at - index]
    likely = frozenset((first, *STARTS, *(b"'\"" if first in b"'\"" else b""), *(b"+\r" if first in b" \n" else b"")))
    return [place for place in range(max(0, at - 12 * index - 32), at + 1) if text[place] in likely]


def _is_lone(text: bytes, at: int) -> bool:
    # One letter and then an escape, or nothing: there is no pair to look up.
    return at + 1 == len(text) or text[at + 1] in _STOPS


def _opens(text: bytes, at: int, heads: "list[tuple[bytes, int, int]]", literals: Literals) -> int | None:
    """Return where that begins which may begin at `at`, if something does."""
    rest = text[at : at + literals.longest_head + 1]
    if at + len(rest) == len(text):
        for _, number, kind in _beginning_with(heads, rest):
            starts = _starts(text, at, literals.spelling(number, kind))
            if starts is not None:
                return starts
    if text[at] in STARTS:
        if is_open(text, at):
            return at
        unit = read_unit(text, at)
        for meant in unit[0] if unit else ():
            if meant:
                found = _walk(text, at, _beginning_with(heads, meant[:1]), literals)
                if found is not None:
                    return found
    end = at + (0 if text[at] in b"+\r" else 1)
    while end - at <= literals.longest_head and end < len(text):
        part = text[at:end]
        if part and not any(True for _ in _beginning_with(heads, part)):
            return None
        if text[end] in _STOPS and _may_go_on(text, at, end):
            found = _walk(text, at, _beginning_with(heads, part or (b" " if text[at] == 0x2B else b"\n")), literals)
            if found is not None:
                return found
        end += 1
    return None


def _may_go_on(text: bytes, at: int, end: int) -> bool:
    if text[end] in STARTS or text[end] in b"+'\"" or end == at:
        return True
    return read_gap(text, end, CODE, end - at, is_last=False) != []


def _walk(text: bytes, at: int, heads: "list[tuple[bytes, int, int]]", literals: Literals) -> int | None:
    page = Page(text, 0, is_last=False)
    for _, number, kind in heads:
        spelling = literals.spelling(number, kind)
        if spelling.gaps not in (TEXT, CODE):
            continue
        if Walk(spelling, 0, at, at).go_on(page):
            starts = _starts(text, at, spelling)
            if starts is not None:
                return starts
    return None


def _starts(text: bytes, at: int, spelling: Spelling) -> int | None:
    return _find_before(text, at, spelling) if spelling.before else at


def _beginning_with(heads: "list[tuple[bytes, int, int]]", part: bytes) -> "list[tuple[bytes, int, int]]":
    first = bisect_left(heads, (part,))
    if first == len(heads) or not heads[first][0].startswith(part):
        return []
    last = bisect_left(heads, (part + b"\xff" * 8,), first)
    return heads[first:last]


def _find_before(text: bytes, at: int, spelling: Spelling) -> int | None:
    """Return where the letter stands that ends at `at`, gaps apart, and can hold the value's first bits."""
    for place in range(at - 1, max(-1, at - 64), -1):
        letter = text[place]
        end = None
        if (spelling.table[letter] if spelling.table else letter) in spelling.before:
            end = place + 1
        elif letter in STARTS:
            unit = read_unit(text, place)
            if unit and any(len(one) == 1 and one in spelling.before for one in unit[0]):
                end = unit[1]
        if end is not None and (end == at or _is_gap(text, end, at, spelling.gaps)):
            return place
    return None


def _is_gap(text: bytes, begin: int, end: int, kind: int) -> bool:
    return begin < end and end in (read_gap(text, begin, kind, 0, is_last=True) or [])


def _find_edge(text: bytes, literals: Literals) -> int:
    """Return the place of a last letter that may hold the first bits of a coded value; else the length."""
    size = len(text)
    for place in range(size - 1, max(-1, size - 64), -1):
        letter = text[place]
        end = None
        if letter in literals.edges:
            end = place + 1
        elif letter in STARTS:
            unit = read_unit(text, place)
            if unit and any(len(one) == 1 and one in literals.edges for one in unit[0]):
                end = unit[1]
        if end is not None and (end == size or read_gap(text, end, CODE, 0, is_last=False) is None):
            return place
        if (
            letter not in STARTS
            and size - place > 1
            and text[place + 1] not in b" \t>#*|\r\n\\%&0123456789abcdefABCDEFnrux;=+'\""
        ):
            break
    return size
