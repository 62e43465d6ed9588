"""How do programs write a value, and what exactly of that has to be masked?

Each encoding returns (what stands before, what the value covers, what stands behind): the middle must go, the rest
stay.
"""

import base64
import binascii
import html
import json
import quopri
import random
import shlex
import string
import textwrap
import urllib.parse
from collections.abc import Callable

Encoded = tuple[bytes, bytes, bytes]
Encoding = Callable[[bytes, random.Random], Encoded]
TOKEN = string.ascii_letters + string.digits


def _text(value: bytes) -> str:
    return value.decode()


def _is_text(value: bytes) -> bool:
    try:
        return all(letter.isprintable() or letter in "\n\t" for letter in value.decode())
    except UnicodeDecodeError:
        return False


def _whole(encode: Callable[[bytes], bytes]) -> Encoding:
    return lambda value, _: (b"", encode(value), b"")


def _in_quotes(encode: Callable[[str], str], layers: int = 1) -> Encoding:
    def run(value: bytes, _: random.Random) -> Encoded:
        written = _text(value)
        for _ in range(layers):
            written = encode(written)
        size = (2**layers) - 1
        return written[:size].encode(), written[size:-size].encode(), written[-size:].encode()

    return run


def _find_first(before: int, bits: int) -> int:
    """Return the first letter that is covered behind so many other bytes: one that few bits of these are in."""
    own = -before * 8 % bits
    return before * 8 // bits + (1 if own and bits - own > 2 else 0)


def _draw_others(chance: random.Random, size: int) -> bytes:
    """Return other bytes, none of which would escape the first byte of a value."""
    return "".join(chance.choices(TOKEN, k=chance.randrange(size))).encode()


def _base64(value: bytes, chance: random.Random, letters: bytes = b"+/") -> Encoded:
    """Return it behind 0 to 5 other bytes and before as many."""
    before, behind = _draw_others(chance, 6), _draw_others(chance, 6)
    coded = base64.b64encode(before + value + behind, letters)
    first = _find_first(len(before), 6)
    last = len(coded) if not behind else -(-(len(before) + len(value)) * 8 // 6)
    return coded[:first], coded[first:last], coded[last:]


def _base32(value: bytes, chance: random.Random) -> Encoded:
    before, behind = _draw_others(chance, 8), _draw_others(chance, 8)
    coded = base64.b32encode(before + value + behind)
    first = _find_first(len(before), 5)
    last = len(coded) if not behind else -(-(len(before) + len(value)) * 8 // 5)
    return coded[:first], coded[first:last], coded[last:]


def _wrapped(value: bytes, chance: random.Random) -> Encoded:
    """Return base64 of more than the value in lines, as `base64`, MIME and YAML write it."""
    before, behind = chance.randbytes(chance.randrange(200)), chance.randbytes(chance.randrange(6, 200))
    coded = base64.b64encode(before + value + behind)
    first, last = _find_first(len(before), 6), -(-(len(before) + len(value)) * 8 // 6)
    width, indent = chance.randrange(16, 100), chance.choice(("", "  ", "\t", "    "))
    end = chance.choice(("\n", "\r\n")) + indent
    lines = textwrap.wrap(coded.decode(), width)
    marks, seen = [], 0
    text = ""
    for line in lines:
        if text:
            text += end
        marks += [len(text) + mark - seen for mark in (first, last) if seen <= mark < seen + len(line)]
        text += line
        seen += len(line)
    begin, stop = marks
    # Where the value's last letter ends a line, the break belongs to what follows.
    covered = text[begin:stop].rstrip()
    return text[:begin].encode(), covered.encode(), text[begin + len(covered) :].encode()


def _mixed_percent(value: bytes, chance: random.Random) -> Encoded:
    written = b""
    shape = chance.choice((b"%%%02X", b"%%%02x"))
    for byte in value:
        letter = bytes((byte,))
        written += letter if letter.isalnum() and chance.random() < 0.6 else shape % byte
    return b"", written, b""


def _json_all(value: bytes) -> bytes:
    wide = _text(value).encode("utf-16-be").hex()
    return "".join([f"\\u{wide[at : at + 4]}" for at in range(0, len(wide), 4)]).encode()


def _csv(value: bytes) -> bytes:
    return value.replace(b'"', b'""')


def _bash_ansi(value: bytes) -> bytes:
    named = {10: b"\\n", 9: b"\\t", 13: b"\\r", 39: b"\\'", 92: b"\\\\", 27: b"\\E"}
    return b"".join([named.get(byte) or (bytes((byte,)) if 32 <= byte < 127 else b"\\%03o" % byte) for byte in value])


def _bash_quoted(value: bytes) -> bytes:
    """Return what `printf %q` writes of a text without control characters."""
    return b"".join(
        [bytes((b,)) if bytes((b,)).isalnum() or b in b"-_./:@%+=," or b > 127 else b"\\" + bytes((b,)) for b in value]
    )


ANY: dict[str, Encoding] = {
    "raw": _whole(lambda value: value),
    "base64": _base64,
    "base64 of URLs": lambda value, chance: _base64(value, chance, b"-_"),
    "base64 without padding": lambda value, _: (b"", base64.b64encode(value).rstrip(b"="), b""),
    "base64 in lines": _wrapped,
    "hex": _whole(lambda value: value.hex().encode()),
    "HEX": _whole(lambda value: value.hex().upper().encode()),
    "hex with colons": _whole(lambda value: value.hex(":").encode()),
    "hex with blanks": _whole(lambda value: value.hex(" ").upper().encode()),
    "hex escapes": _whole(lambda value: b"".join([b"\\x%02x" % byte for byte in value])),
    "base32": _base32,
    "every byte in percent": _whole(lambda value: b"".join([b"%%%02X" % byte for byte in value])),
    "every byte in percent, small": _whole(lambda value: b"".join([b"%%%02x" % byte for byte in value])),
    "percent": _whole(lambda value: urllib.parse.quote_from_bytes(value, safe="").encode()),
    "percent but the slash": _whole(lambda value: urllib.parse.quote_from_bytes(value).encode()),
    "double percent": _whole(
        lambda value: urllib.parse.quote(urllib.parse.quote_from_bytes(value, safe=""), safe="").encode()
    ),
    "percent of base64": _whole(lambda value: urllib.parse.quote(base64.b64encode(value), safe="").encode()),
    "mixed percent": _mixed_percent,
    "form": _whole(lambda value: urllib.parse.quote_plus(value).encode()),
    "bash $''": _whole(_bash_ansi),
    "octal escapes": _whole(lambda value: b"".join([b"\\%03o" % byte for byte in value])),
    "repr of bytes": lambda value, _: (b"b'", repr(value + b'"')[2:-2].encode(), b"\"'"),
}
TEXT: dict[str, Encoding] = {
    "JSON": _in_quotes(json.dumps),
    "JSON, letters as they are": _in_quotes(lambda text: json.dumps(text, ensure_ascii=False)),
    "JSON with \\/": _in_quotes(lambda text: json.dumps(text).replace("/", "\\/")),
    "JSON in JSON": lambda value, _: _json_in_json(value, 2),
    "JSON in JSON in JSON": lambda value, _: _json_in_json(value, 3),
    "JSON, every letter": _whole(_json_all),
    "percent of JSON": _whole(lambda value: urllib.parse.quote(json.dumps(_text(value))[1:-1], safe="").encode()),
    "CSV": _whole(_csv),
    "YAML": _whole(lambda value: value.replace(b"'", b"''")),
    "repr": lambda value, _: (b"'", repr(_text(value) + '"')[1:-2].encode(), b"\"'"),
    "shell": lambda value, _: (b"'", shlex.quote(_text(value) + " ")[1:-2].encode(), b" '"),
    "HTML": _whole(lambda value: html.escape(_text(value)).encode()),
    "HTML in HTML": _whole(lambda value: html.escape(html.escape(_text(value))).encode()),
    "decimal entities": _whole(lambda value: "".join([f"&#{ord(one)};" for one in _text(value)]).encode()),
    "hexadecimal entities": _whole(lambda value: "".join([f"&#x{ord(one):X};" for one in _text(value)]).encode()),
    "JSON of HTML": _whole(lambda value: json.dumps(html.escape(_text(value)))[1:-1].encode()),
    "CRLF": _whole(lambda value: value.replace(b"\n", b"\r\n")),
}
LINE: dict[str, Encoding] = {
    "printf %q": _whole(_bash_quoted),
    "quoted-printable": _whole(lambda value: quopri.encodestring(value, quotetabs=False)),
}
# Looked for where there are not more than a hundred values or so.
RARE: dict[str, Encoding] = {
    "base64 of base64": _whole(lambda value: base64.b64encode(base64.b64encode(value))),
    "hex of base64": _whole(lambda value: binascii.hexlify(base64.b64encode(value))),
    "base64 of hex": _whole(lambda value: base64.b64encode(value.hex().encode())),
    "numbers": _whole(lambda value: ", ".join(map(str, value)).encode()),
    "bits": _whole(lambda value: " ".join([f"{byte:08b}" for byte in value]).encode()),
    "hex in C": lambda value, _: (b"0x", ", 0x".join([f"{byte:02x}" for byte in value]).encode(), b""),
    "base85": _whole(lambda value: base64.b85encode(value[: len(value) // 4 * 4])),
    "small base32": _whole(lambda value: base64.b32encode(value).lower()),
    "base32hex": _whole(base64.b32hexencode),
    "ascii85": _whole(base64.a85encode),
    "numbers by line": _whole(lambda value: ",\n  ".join(map(str, value)).encode()),
    "small and large hex": lambda value, chance: (b"", _mix_hex(value, chance), b""),
}
RARE_TEXT: dict[str, Encoding] = {
    "UTF-16": _whole(lambda value: _text(value).encode("utf-16-le")),
    "braced escapes": _whole(lambda value: "".join([f"\\u{{{ord(one):x}}}" for one in _text(value)]).encode()),
    "eight digits": _whole(lambda value: "".join([f"\\U{ord(one):08x}" for one in _text(value)]).encode()),
    "entities with zeros": _whole(lambda value: "".join([f"&#{ord(one):07};" for one in _text(value)]).encode()),
    "percent, three times": _whole(lambda value: _percent_often(value, 3)),
    "backwards": _whole(lambda value: _text(value)[::-1].encode()),
    "base64 of UTF-16": _whole(lambda value: base64.b64encode(_text(value).encode("utf-16-le"))),
}


def _mix_hex(value: bytes, chance: random.Random) -> bytes:
    return "".join([chance.choice((digit, digit.upper())) for digit in value.hex()]).encode()


def _percent_often(value: bytes, times: int) -> bytes:
    text = _text(value)
    for _ in range(times):
        text = urllib.parse.quote(text, safe="")
    return text.encode()


def _json_in_json(value: bytes, layers: int) -> Encoded:
    written = _text(value)
    for _ in range(layers):
        written = json.dumps(written)
    head = ""
    for _ in range(layers):
        head = json.dumps(head)
    size = len(head) // 2
    return written[:size].encode(), written[size:-size].encode(), written[-size:].encode()


def find_encodings(value: bytes, *, rare: bool) -> dict[str, Encoding]:
    """Return the encodings that there are of a value."""
    found = dict(ANY)
    if rare:
        found |= RARE
    if _is_text(value):
        found |= TEXT
        if b"\n" not in value and b"\t" not in value:
            found |= LINE
        if rare:
            found |= RARE_TEXT
    return found


def draw_value(chance: random.Random) -> bytes:
    """Return a value as people and machines make them; it ends with a letter or a digit."""
    kind = chance.randrange(8)
    size = chance.randrange(8, 48)
    end = chance.choice(TOKEN)
    if kind <= 1:
        return ("".join(chance.choices(TOKEN, k=size)) + end).encode()
    if kind == 2:
        return ("".join(chance.choices("0123456789abcdef", k=size)) + "a").encode()
    if kind == 3:
        return (
            chance.choice(("ghp_", "sk-live-", "postgres://app:")) + "".join(chance.choices(TOKEN, k=size))
        ).encode()
    if kind == 4:
        signs = string.punctuation + " "
        return (chance.choice(TOKEN) + "".join(chance.choices(TOKEN * 2 + signs, k=size)) + end).encode()
    if kind == 5:
        return (chance.choice(TOKEN) + "".join(chance.choices(TOKEN + "äöüßéñжйшю漢字😀€", k=size)) + end).encode()
    if kind == 6:
        lines = ["".join(chance.choices(TOKEN + "+/", k=64)) for _ in range(chance.randrange(2, 6))]
        return "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----"]).encode()
    return chance.randbytes(size) + end.encode()
