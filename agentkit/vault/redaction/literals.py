"""Which short pieces, found raw in a text, say that a spelling of a value may be there?

A piece (4 to 8 bytes) is one that every usual escape leaves as it is, letters and digits; a value without such a
piece gives one for each escape.
"""

from _collections_abc import Iterable
from binascii import b2a_base64

from agentkit.vault.redaction.spellings import (
    BASE32,
    BASE64,
    CODE,
    DIGITS,
    FEW_LETTERS,
    LETTERS,
    Spelling,
    spell_base32,
    spell_base64,
    spell_hex,
    spell_rare,
    spell_text,
)

SHORTEST_PIECE, LONGEST_PIECE = 4, 8
# How far behind the beginning of a value its piece may lie: as many letters are held back until it is whole.
FARTHEST_PIECE = 24
# More owners of a piece than these are looked at more closely.
FEW = 4
# More values than these are looked for in the usual spellings only: a piece costs memory and time to begin.
MOST_RARE = 128
RAW, BASE64_0, HEX, BASE32_0, RARE_0 = 0, 1, 4, 5, 10
_TENS = [bytes((BASE32[pair >> 5], BASE32[pair & 31])) for pair in range(1024)]
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
# How + and / stand where they have a meaning: the usual ways first.
_BASE64_ESCAPES = (
    (b"-", b"_"),
    (b"%2B", b"%2F"),
    (b"+", b"\\/"),
    (b"%2b", b"%2f"),
    (b"%252B", b"%252F"),
    (b"\\u002b", b"\\/"),
)
_BETWEEN_LETTERS = (
    b" ",
    b", ",
    b",",
    b"-",
    b"','",
    b"', '",
    b'","',
    b'", "',
    b"_",
    b".",
    b"  ",
    b"   ",
    b"\n",
    b"\r\n",
)
# (number of the value, kind, index of the piece's first letter in the spelling)
Found = tuple[int, int, int]


class Literals:
    """The pieces of values, and the spellings that a piece may belong to.

    `values` are (index of the name, value, whether it is a line of another one).
    """

    def __init__(self, values: "list[tuple[int, bytes, bool]]") -> None:
        self.values = values
        self.pieces: dict[bytes, list[Found]] = {}
        self._far_heads: dict[bytes, list[Found]] = {}
        self._begins: set[bytes] = set()
        self._alike: dict[bytes, dict[bytes, list[Found]]] = {}
        self._beginnings: dict[Found, Spelling] = {}
        self._spellings: dict[tuple[int, int], Spelling] = {}
        self._rare: dict[int, list[Spelling]] = {}
        coded = [number for number, (_, _, is_line) in enumerate(values) if not is_line]
        self.is_thorough = len(coded) <= MOST_RARE
        for number, (_, value, _) in enumerate(values):
            self._add_text(number, RAW, value)
        if coded:
            self._add_codes(coded)
        edges = _find_edges({values[number][1][0] for number in coded})
        if self.is_thorough:
            for number in coded:
                self._rare[number] = spell_rare(values[number][1])
                for at, spelling in enumerate(self._rare[number]):
                    self._add_spelling(number, RARE_0 + at, spelling)
                    edges.update(spelling.before if spelling.covers_before else b"")
        # All letters that can hold the first bits of a coded value beside those of what stands before it.
        self.edges = frozenset(bytes(edges) + bytes(edges).translate(_URL_SAFE))
        self.sizes = sorted({len(piece) for piece in self.pieces}, reverse=True)
        # The beginnings of spellings up to the end of their piece.
        self.heads = sorted({*self.pieces, *self._far_heads})
        self.longest_head = max(map(len, self.heads), default=0)
        self.first_pairs = {head[:2] for head in self.heads}

    def find_owners(self, head: bytes) -> "list[Found]":
        """Return what begins with a head."""
        return [found for found in self.pieces.get(head, ()) if not found[2]] + self._far_heads.get(head, [])

    def find_pieces(self, text: bytes, places: "Iterable[int]") -> "list[tuple[bytes, int]]":
        """Return (piece, place) of the pieces that stand at some places."""
        if not self._begins:
            self._begins = {piece[:SHORTEST_PIECE] for piece in self.pieces}
        begins = self._begins
        likely = [place for place in places if text[place : place + SHORTEST_PIECE] in begins]
        return [found for place in likely for found in self._find_at(text, place)]

    def _find_at(self, text: bytes, place: int) -> "list[tuple[bytes, int]]":
        parts = [text[place : place + size] for size in self.sizes if place + size <= len(text)]
        return [(part, place) for part in parts if part in self.pieces]

    def find_likely(self, piece: bytes, text: bytes, place: int) -> "list[Found]":
        """Return what a piece at a place may be part of; of many that begin alike those that go on like the text."""
        owners = self.pieces[piece]
        following = text[place + len(piece) : place + len(piece) + 6]
        if len(owners) <= FEW or not text.startswith(piece, place):
            return owners
        # Letters and digits are neither gap nor escape; but `0x` may be.
        if len(following) < 6 or not following.isalnum() or b"x" in following.lower():
            return owners
        alike = self._alike.get(piece)
        if alike is None:
            alike = self._alike[piece] = self._sort_alike(piece, owners)
        # The digits of a code may be small or large.
        likely = list(alike.get(b"", ()))
        for written in {following, following.lower(), following.upper()}:
            likely += alike.get(written, ())
        return likely

    def _sort_alike(self, piece: bytes, owners: "list[Found]") -> "dict[bytes, list[Found]]":
        """Return the owners of a piece by the six letters that follow it; under nothing where others may follow."""
        sorted_owners: dict[bytes, list[Found]] = {}
        for found in owners:
            spelling = self.spelling(found[0], found[1])
            end = found[2] + len(piece)
            is_raw = (piece.translate(spelling.table) if spelling.table else piece) == spelling.body[found[2] : end]
            following = spelling.body[end : end + 6]
            sorted_owners.setdefault(following if is_raw and len(following) == 6 else b"", []).append(found)
        return sorted_owners

    def spelling(self, number: int, kind: int) -> Spelling:
        """Return a spelling of a value; made when it is first asked for."""
        if kind >= RARE_0:
            return self._rare[number][kind - RARE_0]
        found = self._spellings.get((number, kind))
        if found is None:
            value = self.values[number][1]
            if kind == RAW:
                found = spell_text(value)
            elif kind < HEX:
                found = spell_base64(value, kind - BASE64_0)
            elif kind == HEX:
                found = spell_hex(value)
            else:
                found = spell_base32(value, kind - BASE32_0)
            self._spellings[(number, kind)] = found
        return found

    def begin_spelling(self, number: int, kind: int, index: int) -> Spelling:
        """Return the beginning of a spelling, as far as its piece can reach that begins at `index`."""
        found = self._beginnings.get((number, kind, index))
        if found is None:
            whole = self.spelling(number, kind)
            body = whole.body[: index + LONGEST_PIECE + 1]
            found = Spelling(body, whole.gaps, table=whole.table, before=whole.before)
            self._beginnings[(number, kind, index)] = found
        return found

    def _add(self, piece: bytes, number: int, kind: int) -> None:
        found = self.pieces.get(piece)
        if found is None:
            self.pieces[piece] = [(number, kind, 0)]
        else:
            found.append((number, kind, 0))

    def _add_codes(self, numbers: "list[int]") -> None:
        """Add base64, hexadecimal and base32 of many values; each code is one call for all of them."""
        begins = [self.values[number][1][:9] for number in numbers]
        for offset, first in ((0, 0), (1, 2), (2, 3)):
            slots = [(bytes(offset) + begin)[:9].ljust(9, b"\0") for begin in begins]
            coded = b2a_base64(b"".join(slots), newline=False)
            # Of six bytes that do not begin a group of three, seven letters are whole.
            ends = [first + LONGEST_PIECE - (1 if offset and len(begin) == 6 else 0) for begin in begins]
            pieces = [coded[12 * at + first : 12 * at + end] for at, end in enumerate(ends)]
            self._add_all(pieces, numbers, BASE64_0 + offset)
            for piece, number in zip(pieces, numbers, strict=True):
                if b"+" in piece or b"/" in piece:
                    for written in _escape_base64(piece, is_thorough=self.is_thorough):
                        self._add(written, number, BASE64_0 + offset)
        self._add_hexadecimal(begins, numbers)
        for offset, shift in enumerate((8, 6, 4, 7, 5)):
            # 48 bits are enough for eight letters of five, from any of the first bits on.
            forties = [int.from_bytes(begin[:6], "big") >> shift for begin in begins]
            pieces = [
                _TENS[bits >> 30 & 1023] + _TENS[bits >> 20 & 1023] + _TENS[bits >> 10 & 1023] + _TENS[bits & 1023]
                for bits in forties
            ]
            self._add_all(pieces, numbers, BASE32_0 + offset)
            if self.is_thorough:
                self._add_all([piece.lower() for piece in pieces], numbers, BASE32_0 + offset)

    def _add_hexadecimal(self, begins: "list[bytes]", numbers: "list[int]") -> None:
        if self.is_thorough:
            for begin, number in zip(begins, numbers, strict=True):
                for piece in self._separate(begin.hex()):
                    self._add(piece, number, HEX)
            return
        small = b"".join([begin[:4] for begin in begins]).hex().encode()
        with_colons = b"".join([begin[:3] for begin in begins]).hex(":").encode()
        for digits, step, size in ((small, 8, 8), (with_colons, 9, 8), (with_colons.replace(b":", b" "), 9, 8)):
            pieces = [digits[at : at + size] for at in range(0, len(digits), step)]
            large = [piece.upper() for piece in pieces]
            self._add_all(pieces, numbers, HEX)
            other = [at for at, piece in enumerate(large) if piece != pieces[at]]
            self._add_all([large[at] for at in other], [numbers[at] for at in other], HEX)

    def _add_all(self, pieces: "list[bytes]", numbers: "list[int]", kind: int) -> None:
        known = self.pieces
        for piece, number in zip(pieces, numbers, strict=True):
            if piece in known:
                known[piece].append((number, kind, 0))
            else:
                known[piece] = [(number, kind, 0)]

    def _separate(self, digits: str) -> "set[bytes]":
        """Return how hexadecimal digits begin in either case, with what usually separates them."""
        pairs = [digits[at : at + 2] for at in range(0, 8, 2)]
        forms = {digits[:8], ":".join(pairs[:3]), " ".join(pairs[:3])}
        if self.is_thorough:
            # As `xxd` writes them, by two bytes, from either of them on; and as C does.
            forms |= {f"{digits[:4]} {digits[4:8]}", f"{digits[:2]} {digits[2:6]}", "-".join(pairs[:3])}
            forms |= {", 0x".join(pairs[:2]), ",0x".join(pairs[:2]), " 0x".join(pairs[:2])}
        found = {form.encode() for form in forms} | {form.upper().replace("X", "x").encode() for form in forms}
        return found | _mix_cases(digits[:6]) if self.is_thorough else found

    def _add_text(self, number: int, kind: int, body: bytes) -> None:
        piece, index = _choose_piece(body)
        if piece and index:
            self.pieces.setdefault(piece, []).append((number, kind, index))
            self._far_heads.setdefault(body[: index + len(piece)], []).append((number, kind, index))
        elif piece:
            self._add(piece, number, kind)
        else:
            from agentkit.vault.redaction.escapes import escape_all_ways

            for form in escape_all_ways(body):
                # A run of backslashes alone stands in many a text.
                size = max(LONGEST_PIECE, len(form) - len(form.lstrip(b"\\")) + 1)
                self._add(form[:size], number, kind)

    def _add_spelling(self, number: int, kind: int, spelling: Spelling) -> None:
        body = spelling.body
        if spelling.gaps == CODE:
            for form in {body[:8], *_escape_base64(body[:8], is_thorough=True)}:
                self._add(form, number, kind)
        elif spelling.gaps == DIGITS:
            if spelling.table:
                forms = self._separate(body[:16].decode())
            else:
                forms = _separate_numbers(self.values[number][1], body)
            for form in forms:
                self._add(form, number, kind)
        elif spelling.gaps == LETTERS:
            for sign in _BETWEEN_LETTERS:
                form = sign.join(_first_letters(body))[: LONGEST_PIECE + 1]
                self._add(form, number, kind)
        else:
            self._add_text(number, kind, body)


def _mix_cases(digits: str) -> "set[bytes]":
    """Return digits with each letter of them small and large."""
    mixed = {""}
    for digit in digits:
        mixed = {begun + one for begun in mixed for one in {digit, digit.upper()}}
    return {one.encode() for one in mixed}


def _escape_base64(piece: bytes, *, is_thorough: bool) -> "set[bytes]":
    """Return a piece as it stands in URLs and in JSON, where two of the letters of base64 are escaped."""
    ways = _BASE64_ESCAPES if is_thorough else _BASE64_ESCAPES[:3]
    return {piece.replace(b"+", plus).replace(b"/", slash)[: LONGEST_PIECE + 1] for plus, slash in ways}


def _separate_numbers(value: bytes, digits: bytes) -> "set[bytes]":
    """Return how the beginning looks with what usually separates numbers; `digits` tells which numbers they are."""
    forms = set()
    for shape in ("{:d}", "{:03o}", "{:o}", "{:08b}"):
        numbers = [shape.format(byte) for byte in value[:6]]
        if digits.startswith("".join(numbers).encode()):
            forms |= {
                sign.join(numbers).encode()[: LONGEST_PIECE + 1]
                for sign in (", ", ",", " ", "", ";", "-", ",\n", ",\n  ", ",\n    ")
            }
    return forms


def _first_letters(body: bytes) -> "list[bytes]":
    try:
        return [letter.encode() for letter in body.decode()[:5]]
    except UnicodeDecodeError:
        return [body[at : at + 1] for at in range(5)]


def _choose_piece(body: bytes) -> "tuple[bytes, int]":
    """Return the piece of a text that is least likely elsewhere, and where it lies; empty where there is none."""
    for at in range(0, min(len(body) - LONGEST_PIECE, FARTHEST_PIECE) + 1, 2):
        piece = body[at : at + LONGEST_PIECE]
        if piece.isalnum() and not piece.isalpha() and not piece.isdigit():
            return piece, at
    import re

    best, best_at, best_rate = b"", 0, 0.0
    for pattern in (rb"[A-Za-z0-9]{4,}", rb"[A-Za-z0-9_.-]{4,}"):
        for run in re.finditer(pattern, body[: FARTHEST_PIECE + LONGEST_PIECE]):
            last = max(run.start(), min(run.end() - LONGEST_PIECE, FARTHEST_PIECE))
            for at in range(run.start(), last + 1):
                candidate = body[at : min(run.end(), at + LONGEST_PIECE)]
                rate = _rate(candidate) - at / 8
                if rate > best_rate:
                    best, best_at, best_rate = candidate, at, rate
        if best:
            break
    return best, best_at


def _rate(piece: bytes) -> float:
    mixed = (piece.lower() != piece and piece.upper() != piece) + 2 * (not piece.isalpha())
    return len(piece) + mixed + len(set(piece)) / 8


def _find_edges(firsts: "set[int]") -> "set[int]":
    """Return the letters of base64 and base32 that can hold the first bits of these bytes."""
    found: set[int] = set()
    for first in firsts:
        for letters, bits, owns in ((BASE64, 6, (4, 2)), (BASE32, 5, (2, 4, 1, 3))):
            for own in owns:
                known = first >> (8 - own)
                if 1 << (bits - own) <= FEW_LETTERS:
                    found.update([letters[high << own | known] for high in range(1 << (bits - own))])
    return found | {letter | 0x20 for letter in found if letter in BASE32 and letter > 0x40}
