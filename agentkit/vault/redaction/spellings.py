"""Which texts can a value have become: itself, coded, or turned round?

A spelling is the part of the text that the value alone decides. A code of less than eight bits a letter lets the
letters at both ends hold bits of the neighbours too; `before` and `behind` say which letters fit there.
RFC 4648 (base64, base32, base16); git's and btoa's base85.
"""

from binascii import b2a_base64, b2a_uu

BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
BASE32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_GIT85 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_ASCII85 = bytes(range(33, 118))
# Which letters of a text count as which of the spelling.
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_LOWER = bytes.maketrans(bytes(range(65, 91)), bytes(range(97, 123)))
_UPPER = bytes.maketrans(bytes(range(97, 123)), bytes(range(65, 91)))
_ROT13 = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", b"NOPQRSTUVWXYZABCDEFGHIJKLMnopqrstuvwxyzabcdefghijklm"
)
# Where a unit of escaped text can begin: see units.py.
STARTS = b"%\\&="
FEW_LETTERS = 4
# How the text between two letters of a spelling may look: see walk.py.
TEXT, CODE, DIGITS, LETTERS = 1, 2, 3, 4
_DOUBTFUL = {
    TEXT: frozenset(b"'\"\\%&="),
    CODE: frozenset(b""),
    DIGITS: frozenset(b"0"),
    LETTERS: frozenset(b" \t,;|_*.-'\""),
}


class Spelling:
    """One text that a value can have become, and what may lie around and between its letters."""

    __slots__ = ("before", "behind", "body", "covers_before", "gaps", "pads", "stops", "table")

    def __init__(
        self,
        body: bytes,
        gaps: int = TEXT,
        *,
        table: bytes | None = None,
        before: bytes = b"",
        behind: bytes = b"",
        pads: int = 0,
    ) -> None:
        self.body = body
        self.gaps = gaps
        self.table = table
        self.before = before
        # A letter that many others could stand for as well tells next to nothing of the value: it stays, so that not
        # every second letter at the end of a text has to be held back.
        self.covers_before = 0 < len(before) <= FEW_LETTERS
        self.behind = behind
        self.pads = pads
        # Letters that can also begin something longer: doubled quotes, `%25`, `&amp;`, `=3D`, `0x`.
        doubtful = _DOUBTFUL[gaps]
        is_free = doubtful.isdisjoint(body)
        self.stops = [] if is_free else [index for index, letter in enumerate(body) if letter in doubtful]


def spell_text(value: bytes) -> Spelling:
    """Return the value as it is; escapes are a matter of how it is read."""
    return Spelling(value)


def spell_base64(data: bytes, offset: int) -> Spelling:
    """Return the base64 of data that begins `offset` bytes (0 to 2) behind a multiple of three."""
    coded = b2a_base64(bytes(offset) + data + bytes(-(offset + len(data)) % 3), newline=False)
    return _cut(coded, BASE64, offset, len(data), table=_URL_SAFE, bits=6, pads=-(offset + len(data)) % 3)


def spell_base32(data: bytes, offset: int) -> Spelling:
    """Return the base32 of data that begins `offset` bytes (0 to 4) behind a multiple of five."""
    padded = bytes(offset) + data + bytes(-(offset + len(data)) % 5)
    number = int.from_bytes(padded, "big")
    digits = f"{number:0{len(padded) * 8}b}"
    coded = bytes([BASE32[int(digits[at : at + 5], 2)] for at in range(0, len(digits), 5)])
    pads = (0, 1, 3, 4, 6)[-(offset + len(data)) % 5]
    return _cut(coded, BASE32, offset, len(data), table=_UPPER, bits=5, pads=pads)


def spell_hex(data: bytes) -> Spelling:
    """Return the hexadecimal digits of data."""
    return Spelling(data.hex().encode(), DIGITS, table=_LOWER)


def _cut(coded: bytes, letters: bytes, offset: int, size: int, *, table: bytes, bits: int, pads: int) -> Spelling:
    begin, end = offset * 8, (offset + size) * 8
    first, last = -(-begin // bits), end // bits
    before = behind = b""
    if begin % bits:
        own = bits - begin % bits
        code = letters.index(coded[first - 1]) & ((1 << own) - 1)
        before = bytes([letters[high << own | code] for high in range(1 << (bits - own))])
    if end % bits:
        free = bits - end % bits
        code = letters.index(coded[last]) >> free << free
        behind = bytes([letters[code | low] for low in range(1 << free)])
    return Spelling(coded[first:last], CODE, table=table, before=before, behind=behind, pads=pads)


def spell_rare(value: bytes) -> list[Spelling]:
    """Return the spellings that few programs write: codes in codes, UTF-16, turned round, number by number."""
    found = [spell_text(text) for text in _unique(value, [*_turn(value), *_widen(value), *_code_whole(value)])]
    inner = [b2a_base64(value, newline=False), value.hex().encode(), *_widen(value), *_escape(value)]
    inner += [spelling.body for spelling in (spell_base64(value, 1), spell_base64(value, 2))]
    for data in _unique(value, inner):
        found += [spell_base64(data, offset) for offset in range(3)]
        found.append(spell_hex(data))
    found += [spell_base32(inner[0], offset) for offset in range(5)]
    found += [_to_base32hex(spell_base32(value, offset)) for offset in range(5)]
    # `od -x` shows two bytes as one number, the second one first; a value may begin with either of them.
    found += [Spelling(_swap_pairs(value[first:]), DIGITS, table=_LOWER) for first in (0, 1)]
    for shape in ("{}", "{:08b}", "{:03o}", "{:o}"):
        found.append(Spelling("".join([shape.format(byte) for byte in value]).encode(), DIGITS))
    found.append(Spelling(value, LETTERS))
    return found


def _unique(value: bytes, texts: list[bytes]) -> list[bytes]:
    return [text for text in dict.fromkeys(texts) if text != value and len(text) >= 6]


def _turn(value: bytes) -> list[bytes]:
    texts = [value[::-1], value.translate(_ROT13), value.upper(), value.lower(), value.swapcase()]
    text = _read_text(value)
    if text is None or text.isascii():
        return texts
    from unicodedata import normalize

    texts += [text[::-1].encode(), text.upper().encode(), text.lower().encode(), text.swapcase().encode()]
    texts += [normalize(form, text).encode() for form in ("NFC", "NFD", "NFKC", "NFKD")]
    return [*texts, text.encode("latin-1", "ignore"), text.encode("utf-7")]


def _widen(value: bytes) -> list[bytes]:
    text = _read_text(value)
    return [] if text is None else [text.encode("utf-16-le"), text.encode("utf-16-be")]


def _read_text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _escape(value: bytes) -> list[bytes]:
    """Return a value as JSON and as URLs have it, for what is coded after that."""
    plain = b"".join([b"\\" + bytes((byte,)) if byte in b'"\\' else bytes((byte,)) for byte in value])
    escaped = plain.replace(b"\n", b"\\n").replace(b"\t", b"\\t").replace(b"\r", b"\\r")
    percent = b"".join([bytes((byte,)) if _is_unreserved(byte) else b"%%%02X" % byte for byte in value])
    text = _read_text(escaped)
    codes = [] if text is None else [int.from_bytes(pair, "big") for pair in _split_pairs(text.encode("utf-16-be"))]
    ascii_only = b"".join([bytes((code,)) if code < 0x80 else b"\\u%04x" % code for code in codes])
    return [escaped, percent, ascii_only]


def _is_unreserved(byte: int) -> bool:
    return 48 <= byte < 58 or 65 <= byte < 91 or 97 <= byte < 123 or byte in b"-._~"


def _split_pairs(data: bytes) -> list[bytes]:
    return [data[at : at + 2] for at in range(0, len(data) - 1, 2)]


def _swap_pairs(data: bytes) -> bytes:
    return b"".join([pair[::-1] for pair in _split_pairs(data)]).hex().encode()


def _to_base32hex(spelling: Spelling) -> Spelling:
    to_hex = bytes.maketrans(BASE32, b"0123456789ABCDEFGHIJKLMNOPQRSTUV")
    before, behind = spelling.before.translate(to_hex), spelling.behind.translate(to_hex)
    body = spelling.body.translate(to_hex)
    return Spelling(body, CODE, table=_UPPER, before=before, behind=behind, pads=spelling.pads)


def _code_whole(value: bytes) -> list[bytes]:
    """Return base85 in its two alphabets, and the first line of uuencode, from the beginning of a value on."""
    found = [_base85(data, letters) for data in (value, value[: len(value) // 4 * 4]) for letters in (_GIT85, _ASCII85)]
    return [*found, b2a_uu(value[:45]).rstrip(b"\n")[1:]]


def _base85(value: bytes, letters: bytes) -> bytes:
    coded = b""
    for at in range(0, len(value), 4):
        group = value[at : at + 4]
        number = int.from_bytes(group.ljust(4, b"\0"), "big")
        coded += bytes([letters[number // 85**power % 85] for power in (4, 3, 2, 1, 0)])[: len(group) + 1]
    return coded
