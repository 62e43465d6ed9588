"""Which short pieces, found raw in a text, say that a spelling of a value may be there?

A piece (4 to 8 bytes) is one that every usual escape leaves as it is, letters and digits; a value without such a
piece gives one for each escape.
"""

import re
from binascii import b2a_base64

from agentkit.vault.spellings import (
    BASE32,
    CODE,
    DIGITS,
    LETTERS,
    Spelling,
    spell_base32,
    spell_base64,
    spell_hex,
    spell_rare,
    spell_text,
)

LONGEST_PIECE = 8
# How far behind the beginning of a value its piece may lie: as many letters are held back until it is whole.
FARTHEST_PIECE = 24
# More values than these are looked for in the usual spellings only: a piece costs memory and time to begin.
MOST_RARE = 128
RAW, BASE64_0, HEX, BASE32_0, RARE_0 = 0, 1, 4, 5, 10
_RUN = re.compile(rb"[A-Za-z0-9]{4,}")
_NEAR_RUN = re.compile(rb"[A-Za-z0-9_.-]{4,}")
_TENS = [bytes((BASE32[pair >> 5], BASE32[pair & 31])) for pair in range(1024)]
# (owner, kind, index of the piece's first letter in the spelling)
Found = tuple[int, int, int]


class Literals:
    """The pieces of values, and the spellings that a piece may belong to.

    `owners[number]` is the index of the value's name; `pieces` tells for each piece what it may be part of; `heads`
    are the beginnings of spellings up to the end of their piece, sorted; `edges` are all letters that can hold the
    first bits of a coded value.
    """

    def __init__(self, values: "list[tuple[int, bytes, bool]]") -> None:
        self.values = values
        self.pieces: dict[bytes, list[Found]] = {}
        self.by_beginning: dict[bytes, list[bytes]] = {}
        self.edges = b""
        self._heads: list[tuple[bytes, int, int]] = []
        self._spellings: dict[tuple[int, int], Spelling] = {}
        self._rare: dict[int, list[Spelling]] = {}
        self._is_sorted = False
        self.first_pairs: set[bytes] = set()
        self.longest_head = 0
        edges: set[int] = set()
        coded = [number for number, (_, _, is_line) in enumerate(values) if not is_line]
        self._is_thorough = len(coded) <= MOST_RARE
        for number, (_, value, _) in enumerate(values):
            self._add_text(number, RAW, value)
        for number in coded:
            self._add_codes(number, values[number][1])
        for number in coded:
            value = values[number][1]
            # The first byte decides which letters can hold its first bits beside those of a neighbour.
            edges.add(value[0])
        self.edges = _find_edges(edges)
        self._add_rare(coded)
        for piece in self.pieces:
            self.by_beginning.setdefault(piece[:4], []).append(piece)

    def _add_rare(self, coded: "list[int]") -> None:
        if self._is_thorough:
            for number in coded:
                self._rare[number] = spell_rare(self.values[number][1])
                for at, spelling in enumerate(self._rare[number]):
                    self._add_spelling(number, RARE_0 + at, spelling)
                    self.edges += spelling.before

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

    def heads(self) -> "list[tuple[bytes, int, int]]":
        """Return (beginning, number, kind) of every spelling, sorted by beginning."""
        if not self._is_sorted:
            self._heads.sort()
            self.first_pairs = {head[:2] for head, _, _ in self._heads}
            self.longest_head = max([len(head) for head, _, _ in self._heads], default=0)
            self._is_sorted = True
        return self._heads

    def _add(self, piece: bytes, number: int, kind: int, index: int, head: bytes) -> None:
        self.pieces.setdefault(piece, []).append((number, kind, index))
        self._heads.append((head, number, kind))

    def _add_codes(self, number: int, value: bytes) -> None:
        begin = value[:8]
        whole = LONGEST_PIECE if len(value) > 6 else LONGEST_PIECE - 1
        for offset, (first, size) in enumerate(((0, LONGEST_PIECE), (2, whole), (3, whole))):
            piece = b2a_base64(bytes(offset) + begin + b"\0\0")[first : first + size]
            self._add(piece, number, BASE64_0 + offset, 0, piece)
            if b"+" in piece or b"/" in piece:
                piece = piece.replace(b"+", b"-").replace(b"/", b"_")
                self._add(piece, number, BASE64_0 + offset, 0, piece)
        self._add_digits(number, HEX, begin.hex())
        bits = int.from_bytes(begin[:6], "big")
        for offset, shift in enumerate((8, 6, 4, 7, 5)):
            forty = bits >> shift & 0xFFFFFFFFFF
            piece = _TENS[forty >> 30] + _TENS[forty >> 20 & 1023] + _TENS[forty >> 10 & 1023] + _TENS[forty & 1023]
            for written in (piece, piece.lower()):
                self._add(written, number, BASE32_0 + offset, 0, written)

    def _add_digits(self, number: int, kind: int, digits: str) -> None:
        pairs = [digits[at : at + 2] for at in range(0, len(digits), 2)]
        forms = {"".join(pairs[:4]), ":".join(pairs[:3]), " ".join(pairs[:3])}
        if self._is_thorough:
            forms |= {"-".join(pairs[:3]), ", 0x".join(pairs[:2]), ",0x".join(pairs[:2]), " 0x".join(pairs[:2])}
            forms.add(f"{digits[:4]} {digits[4:8]}")
        for written in forms | {form.upper().replace("X", "x") for form in forms}:
            piece = written[:LONGEST_PIECE].encode()
            self._add(piece, number, kind, 0, piece)

    def _add_text(self, number: int, kind: int, body: bytes) -> None:
        piece, index = _choose_piece(body)
        if piece:
            self._add(piece, number, kind, index, body[: index + len(piece)])
            return
        for form in _escape_all_ways(_first_letters(body)):
            self._add(form[:LONGEST_PIECE], number, kind, 0, form[:LONGEST_PIECE])

    def _add_spelling(self, number: int, kind: int, spelling: Spelling) -> None:
        body = spelling.body
        if spelling.gaps == CODE:
            for form in {body[:8], body[:8].translate(bytes.maketrans(b"+/", b"-_"))}:
                self._add(form, number, kind, 0, form)
        elif spelling.gaps == DIGITS:
            for form in _separate_digits(self.values[number][1], body):
                self._add(form, number, kind, 0, form)
        elif spelling.gaps == LETTERS:
            for sign in (b" ", b", ", b",", b"-", b"','", b"', '", b'","', b'", "', b"_", b".", b"  ", b"\n", b"\r\n"):
                form = sign.join([body[at : at + 1] for at in range(5)])[: LONGEST_PIECE + 1]
                self._add(form, number, kind, 0, form)
        else:
            self._add_text(number, kind, body)


def _separate_digits(value: bytes, digits: bytes) -> "set[bytes]":
    """Return how the beginning looks with what usually separates numbers; `digits` tells which numbers they are."""
    shape = "{:d}" if digits.startswith(b"".join([b"%d" % byte for byte in value[:4]])) else "{:03o}"
    if digits.startswith(b"".join([b"{:08b}".replace(b"{:08b}", f"{byte:08b}".encode()) for byte in value[:2]])):
        shape = "{:08b}"
    numbers = [shape.format(byte) for byte in value[:6]]
    return {sign.join(numbers).encode()[:9] for sign in (", ", ",", " ", "", ",\n", ";", "-")}


def _choose_piece(body: bytes) -> "tuple[bytes, int]":
    """Return the piece of a text that is least likely elsewhere, and where it lies; empty where there is none."""
    piece = body[:LONGEST_PIECE]
    if len(piece) == LONGEST_PIECE and piece.isalnum() and _rate(piece) >= 10:
        return piece, 0
    best, best_at, best_rate = b"", 0, 0.0
    for pattern in (_RUN, _NEAR_RUN):
        for run in pattern.finditer(body[: FARTHEST_PIECE + LONGEST_PIECE]):
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
    mixed = (piece.lower() != piece and piece.upper() != piece) + 2 * any(48 <= letter < 58 for letter in piece)
    return len(piece) + mixed + len(set(piece)) / 8


def _find_edges(first_bytes: "set[int]") -> bytes:
    found: set[int] = set()
    for first in first_bytes:
        for offset in (1, 2):
            found.update(spell_base64(bytes((first,)) * 6, offset).before)
        for offset in (1, 2, 3, 4):
            before = spell_base32(bytes((first,)) * 6, offset).before
            found.update(before + before.lower())
    return bytes(found)


def _escape_all_ways(text: bytes) -> "set[bytes]":
    """Return the beginning of a text as each usual escape writes it, and as two of them over each other."""
    ways = [_percent, _percent_lower, _json, _json_ascii, _html, _html_decimal, _html_hexadecimal, _shell, _ansi_c]
    ways += [_doubled, _doubled_single, _quoted_printable, _byte_escapes, _octal, _shell_quotes, _percent_all]
    once = {text} | {way(text) for way in ways}
    twice = {way(form) for form in once for way in (_percent, _percent_lower, _json, _html, _doubled)}
    return {form for form in once | twice if len(form) >= 4}


def _each(text: bytes, shape: "str | None", escaped: "bytes | None" = None) -> bytes:
    return b"".join(
        [
            bytes((byte,))
            if (escaped is None and _is_plain(byte)) or (escaped is not None and byte not in escaped) or shape is None
            else shape.format(byte).encode()
            for byte in text
        ]
    )


def _is_plain(byte: int) -> bool:
    return 48 <= byte < 58 or 65 <= byte < 91 or 97 <= byte < 123 or byte in b"-._~"


def _percent(text: bytes) -> bytes:
    return _each(text, "%{:02X}")


def _percent_lower(text: bytes) -> bytes:
    return _each(text, "%{:02x}")


def _percent_all(text: bytes) -> bytes:
    return b"".join([b"%%%02X" % byte for byte in text])


def _json(text: bytes) -> bytes:
    for sign, written in ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n"), (b"\r", b"\\r"), (b"\t", b"\\t")):
        text = text.replace(sign, written)
    return text


def _first_letters(body: bytes) -> bytes:
    """Return four bytes and what more is needed for the letters of UTF-8 that they begin."""
    end = 4
    while end < len(body) and end < 7 and body[end] & 0xC0 == 0x80:
        end += 1
    return body[:end]


def _letters(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _json_ascii(text: bytes) -> bytes:
    shown = _letters(_json(text))
    return "".join([one if ord(one) < 0x80 else f"\\u{ord(one):04x}" for one in shown]).encode()


def _html(text: bytes) -> bytes:
    for sign, name in ((b"&", b"&amp;"), (b"<", b"&lt;"), (b">", b"&gt;"), (b'"', b"&quot;"), (b"'", b"&#x27;")):
        text = text.replace(sign, name)
    return text


def _html_decimal(text: bytes) -> bytes:
    return "".join([one if _is_plain(ord(one)) else f"&#{ord(one)};" for one in _letters(text)]).encode()


def _html_hexadecimal(text: bytes) -> bytes:
    return "".join([one if _is_plain(ord(one)) else f"&#x{ord(one):x};" for one in _letters(text)]).encode()


def _shell(text: bytes) -> bytes:
    return b"".join([bytes((byte,)) if _is_plain(byte) or byte >= 0x80 else b"\\" + bytes((byte,)) for byte in text])


def _ansi_c(text: bytes) -> bytes:
    return _octal(_json(text).replace(b"'", b"\\'"))


def _octal(text: bytes) -> bytes:
    return b"".join([bytes((byte,)) if 0x20 <= byte < 0x7F else b"\\%03o" % byte for byte in text])


def _byte_escapes(text: bytes) -> bytes:
    return b"".join([bytes((byte,)) if 0x20 <= byte < 0x7F else b"\\x%02x" % byte for byte in text])


def _doubled(text: bytes) -> bytes:
    return text.replace(b'"', b'""')


def _doubled_single(text: bytes) -> bytes:
    return text.replace(b"'", b"''")


def _shell_quotes(text: bytes) -> bytes:
    return text.replace(b"'", b"'\\''")


def _quoted_printable(text: bytes) -> bytes:
    return b"".join([bytes((byte,)) if 0x20 <= byte < 0x7F and byte != 0x3D else b"=%02X" % byte for byte in text])
