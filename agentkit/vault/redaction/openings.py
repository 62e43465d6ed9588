"""From where on may the end of a text be the beginning of a value, whose piece has not come yet?

What this finds is held back; everything before it can go out.
"""

from _bisect import bisect_left
from _collections_abc import Callable

from agentkit.vault.redaction.literals import Literals
from agentkit.vault.redaction.spellings import CODE, STARTS, TEXT, Spelling
from agentkit.vault.redaction.triggers import is_long_line

# No beginning up to the end of its piece is longer than this, however it is escaped.
FARTHEST = 512
LONGEST_UNIT = 40
# What no value begins with after a letter of another kind: escapes, line breaks, quotes, colours.
_STOPS = frozenset(STARTS + b"\r\n'\"+\x08\x1b\xe2\xc2\xef`^")
_ESCAPES = frozenset(STARTS + b"\x08\x1b\xe2\xc2\xef")
FARTHEST_GAP = 96


def find_opening(text: bytes, literals: Literals, first: int) -> int:
    """Return the place of the first byte that may belong to a value still to come; the length where none does.

    Nothing before `first` does: what was told of a shorter text holds for a longer one.
    """
    size = len(text)
    near = literals.longest_head + 1
    is_plain = _STOPS.isdisjoint(text[max(0, size - near - LONGEST_UNIT) :])
    opening = _find_edge(text, literals)
    for at in range(max(0, first, size - (near if is_plain else FARTHEST)), size):
        letter = text[at]
        if letter in _STOPS or at + 1 == size or text[at + 1] in _STOPS or text[at : at + 2] in literals.first_pairs:
            found = _find_raw(text, at, literals)
            if found is None and not is_plain:
                found = _find_escaped(text, at, literals)
            if found is not None:
                return min(found, opening)
    return opening


def _find_edge(text: bytes, literals: Literals) -> int:
    """Return the place of a last letter that may hold the first bits of a coded value; else the length."""
    if text[-1] in literals.edges:
        return len(text) - 1
    # Most texts end with a line, or a word and blanks: that needs no closer look.
    end = text[-FARTHEST_GAP:].rstrip(b" \t>#*|")
    line = end.rstrip(b"\r\n")
    if line != end and not is_long_line(line):
        return len(text)
    if line == end and _ESCAPES.isdisjoint(end[-24:]) and end[-1:] not in (b"'", b'"'):
        return len(text)
    from agentkit.vault.redaction.starts import find_edge

    return find_edge(text, literals.edges)


def _find_raw(text: bytes, at: int, literals: Literals) -> int | None:
    """Return where that begins whose first letters stand raw from `at` to the end of the text."""
    rest = text[at:]
    if len(rest) > literals.longest_head:
        return None
    return _find_first(text, at, _beginning_with(literals.heads, rest), literals, None)


def _find_escaped(text: bytes, at: int, literals: Literals) -> int | None:
    """Return where that begins whose first letters stand from `at` to the end of the text, one of them escaped."""
    end = at
    while end - at <= literals.longest_head and end < len(text):
        part = text[at:end]
        heads = _beginning_with(literals.heads, part)
        if not heads:
            return None
        if text[end] in _STOPS:
            unfinished = None if part or text[at] not in STARTS else _find_unfinished(text, at, literals)
            if unfinished is not None:
                return unfinished
            found = _walk(text, at, _choose_heads(text, end, part, heads, literals), literals)
            if found is not None:
                return found
        end += 1
    return None


def _find_unfinished(text: bytes, at: int, literals: Literals) -> int | None:
    """Return where that begins which an escape may begin whose end has not come."""
    from agentkit.vault.redaction.units import is_open

    if not is_open(text, at):
        return None
    return min([at, *[place for place, letter in _find_letters(text, at) if letter in literals.edges]])


def _find_letters(text: bytes, at: int) -> "list[tuple[int, int]]":
    from agentkit.vault.redaction.starts import find_letters

    return find_letters(text, at)


def _choose_heads(text: bytes, end: int, part: bytes, heads: list[bytes], literals: Literals) -> list[bytes]:
    """Return those of the heads, which begin with a part, that can go on with the escape or gap at `end`."""
    letter = text[end : end + 1]
    following = [letter]
    if letter in (b"`", b"^"):
        following.append(text[end + 1 : end + 2])
        if end + 1 == len(text):
            return heads
    if letter in (b"+", b"\r"):
        following.append(b" " if letter == b"+" else b"\n")
    if letter in STARTS:
        from agentkit.vault.redaction.units import is_open, read_sign, read_unit

        if is_open(text, end):
            return heads
        unit = read_unit(text, end)
        following += [meant[:1] for meant in (unit[0] if unit else ())]
        following += [bytes((sign,)) for sign in b"\\&" if read_sign(text, end, sign)]
    if part and (b"" in following or _may_be_gap(text, end, len(part))):
        return heads
    return [head for one in {*following} for head in _beginning_with(literals.heads, part + one) if one]


def _may_be_gap(text: bytes, end: int, before: int) -> bool:
    from agentkit.vault.redaction.gaps import read_gap

    return read_gap(text, end, CODE, before, is_last=False) != []


def _walk(text: bytes, at: int, heads: list[bytes], literals: Literals) -> int | None:
    if not heads:
        return None
    from agentkit.vault.redaction.walk import Page, Walk

    page = Page(text, 0, is_last=False)
    # Most spellings of a value begin alike.
    known: dict[tuple[bytes, int, bytes | None], bool] = {}

    def is_open(spelling: Spelling) -> bool:
        if spelling.gaps not in (TEXT, CODE):
            return False
        alike = (spelling.body, spelling.gaps, spelling.table)
        if alike not in known:
            known[alike] = Walk(spelling, 0, at, at).go_on(page)
        return known[alike]

    return _find_first(text, at, heads, literals, is_open)


def _find_first(
    text: bytes, at: int, heads: list[bytes], literals: Literals, is_open: "Callable[[Spelling], bool] | None"
) -> int | None:
    """Return `at` if one of those begins there, or where a letter stands before it that may hold its first bits."""
    letters = None
    for head in heads:
        for found in literals.find_owners(head):
            # What has come to the end of its piece is found by that.
            spelling = literals.begin_spelling(*found)
            if is_open is not None and not is_open(spelling):
                continue
            if letters is None:
                letters = _find_letters(text, at)
            if spelling.before and not _has_before(letters, spelling):
                continue
            return min([at, *[place for place, letter in letters if letter in literals.edges]])
    return None


def _has_before(letters: "list[tuple[int, int]]", spelling: Spelling) -> bool:
    table = spelling.table
    return any((table[letter] if table else letter) in spelling.before for _, letter in letters)


def _beginning_with(heads: list[bytes], part: bytes) -> list[bytes]:
    first = bisect_left(heads, part)
    if first == len(heads) or not heads[first].startswith(part):
        return []
    return heads[first : bisect_left(heads, part + b"\xff" * 40, first)]
