"""Where are letters and digits escaped, which no usual encoder does, so that no piece of a value stands there raw?

`%70%61%73`, `\\x70\\x61`, `&#112;&#97;`, `\\160\\141`: around each such place the text is read unit by unit, and the
pieces are looked for in what it stands for.
"""

import re

from agentkit.vault.literals import LONGEST_PIECE, Literals
from agentkit.vault.units import STARTS, read_unit

_CODE = rb"(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])"
# The same expressions for `re` and for hyperscan.
ESCAPED_LETTER = (
    rb"%(?:25){0,8}" + _CODE,
    rb"\\[ux]\{?0{0,4}" + _CODE,
    rb"\\U0{4,6}" + _CODE,
    rb"\\(?:0?(?:6[0-7]|7[01])|1[0-7][0-7])",
    rb"#0{0,4}(?:4[89]|5[0-7]|6[5-9]|[78][0-9]|9[07-9]|1[01][0-9]|12[0-2])",
    rb"#[xX]0{0,4}" + _CODE,
    rb"%(?:25){0,8}23(?:[46-9][0-9]|1[012][0-9]|[xX]" + _CODE + rb")",
)
# A piece of 8 letters, each of them escaped in three layers, is not longer.
REACH = 160


def read_around(text: bytes, places: list[int], literals: Literals) -> list[tuple[bytes, int]]:
    """Return (piece, place) for each piece that the text stands for within `REACH` of one of the places (sorted)."""
    found = []
    index = 0
    while index < len(places):
        begin = max(0, places[index] - REACH)
        end = places[index] + REACH
        while index < len(places) and places[index] <= end:
            end = places[index] + REACH
            index += 1
        found += _read_region(text, begin, min(end, len(text)), literals)
    return found


def _read_region(text: bytes, begin: int, end: int, literals: Literals) -> list[tuple[bytes, int]]:
    letters = bytearray()
    places = []
    at = begin
    while at < end:
        unit = read_unit(text, at) if text[at] in STARTS else None
        # `=` is no escape beside letters: `x=41` is ordinary text, and no encoder writes a letter so.
        if unit is None or text[at] == 0x3D:
            letters.append(text[at])
            places.append(at)
            at += 1
            continue
        for letter in unit[0][-1]:
            letters.append(letter)
            places.append(at)
        at = unit[1]
    whole = bytes(letters)
    return [
        (piece, places[at])
        for at in range(len(whole) - 3)
        for piece in literals.by_beginning.get(whole[at : at + 4], ())
        if whole.startswith(piece, at)
    ]


def compile_triggers() -> re.Pattern[bytes]:
    """Return one pattern for all of them."""
    return re.compile(rb"|".join(ESCAPED_LETTER))


LONGEST_TRIGGER = 32
assert LONGEST_PIECE * 12 < REACH
