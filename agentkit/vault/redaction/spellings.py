"""Which texts can a value have become: itself, coded, or turned round?

A spelling is the part of the text that the value alone decides. A code of less than eight bits a letter lets the
letters at both ends hold bits of the neighbours too; `before` and `behind` say which letters fit there.
RFC 4648 (base64, base32, base16); git's and btoa's base85.
"""

from binascii import b2a_base64

BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
BASE32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
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
_DOUBTFUL = {TEXT: b"'\"\\%&=", CODE: b"", DIGITS: b"0", LETTERS: b" \t,;|_*.-'\""}


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
        self.stops = [index for index, letter in enumerate(body) if letter in doubtful] if doubtful else []


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
    found = [spell_text(text) for text in _turned(value)]
    inner = [b2a_base64(value, newline=False), value.hex().encode(), *_wide(value), *_escaped(value)]
    inner += [spelling.body for spelling in (spell_base64(value, 1), spell_base64(value, 2))]
    for data in inner:
        if data == value:
            continue
        found += [spell_base64(data, offset) for offset in range(3)]
        found.append(spell_hex(data))
    found += [spell_base32(inner[0], offset) for offset in range(5)]
    found.append(Spelling("".join(map(str, value)).encode(), DIGITS))
    found.append(Spelling("".join([f"{byte:08b}" for byte in value]).encode(), DIGITS))
    found.append(Spelling("".join([f"{byte:03o}" for byte in value]).encode(), DIGITS))
    found.append(Spelling(value, LETTERS))
    return found


def _turned(value: bytes) -> list[bytes]:
    return [
        text
        for text in (value[::-1], value.translate(_ROT13), value.upper(), value.lower(), *_wide(value), _base85(value))
        if text != value
    ]


def _wide(value: bytes) -> list[bytes]:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return []
    return [text.encode("utf-16-le"), text.encode("utf-16-be")]


def _escaped(value: bytes) -> list[bytes]:
    plain = b"".join([b"\\" + bytes((byte,)) if byte in b'"\\' else bytes((byte,)) for byte in value])
    escaped = plain.replace(b"\n", b"\\n").replace(b"\t", b"\\t").replace(b"\r", b"\\r")
    percent = b"".join([bytes((byte,)) if _is_unreserved(byte) else b"%%%02X" % byte for byte in value])
    return [text for text in (escaped, percent) if text != value]


def _is_unreserved(byte: int) -> bool:
    return 48 <= byte < 58 or 65 <= byte < 91 or 97 <= byte < 123 or byte in b"-._~"


def _base85(value: bytes) -> bytes:
    letters = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
    whole = b""
    for at in range(0, len(value) - 3, 4):
        number = int.from_bytes(value[at : at + 4], "big")
        whole += bytes([letters[number // 85**power % 85] for power in (4, 3, 2, 1, 0)])
    return whole
