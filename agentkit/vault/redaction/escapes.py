"""How do the usual programs escape the beginning of a text that has no four letters or digits in a row?

Only for finding such a text: what it may look like as a whole is read by units.py.
"""

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def escape_all_ways(text: bytes) -> "set[bytes]":
    """Return the first letters of a text as each usual escape writes them, and as two of them over each other."""
    text = _first_letters(text)
    ways = [_percent, _percent_small, _percent_all, _json, _json_ascii, _json_all, _html, _decimal, _hexadecimal]
    ways += [
        _hexadecimal_large,
        _backslash,
        _bash,
        _bash_octal,
        _octal,
        _csv,
        _yaml,
        _shell,
        _quoted_printable,
        _python,
        _form,
    ]
    ways += [
        _quoted_printable_lines,
        _quoted_printable_blanks,
        _printf_q,
        _percent_but_slash,
        _percent_all_small,
        _bytes_all,
        _octal_all,
        _python_quoted,
    ]
    once = {text} | {way(text) for way in ways}
    twice = {way(form) for form in once for way in (_percent, _percent_small, _json, _html, _csv, _octal, _python)}
    thrice = {_json(_json(form)) for form in once} | {_percent(_percent(form)) for form in once}
    thrice |= {_json(_json(_json(form))) for form in once}
    return {form for form in once | twice | thrice if len(form) >= 4}


def _first_letters(text: bytes) -> bytes:
    """Return four bytes, and what more is needed for the letters of UTF-8 that they begin."""
    end = 4
    while end < min(len(text), 7) and text[end] & 0xC0 == 0x80:
        end += 1
    return text[:end]


def _letters(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _each(text: bytes, shape: str) -> bytes:
    """Return each byte in a shape, but plain letters."""
    return b"".join([bytes((byte,)) if byte in _PLAIN else shape.format(byte).encode() for byte in text])


def _each_letter(text: bytes, shape: str) -> bytes:
    """Return each letter in a shape, but plain ones."""
    shown = _letters(text)
    return "".join([one if one.isascii() and ord(one) in _PLAIN else shape.format(ord(one)) for one in shown]).encode()


def _percent(text: bytes) -> bytes:
    return _each(text, "%{:02X}")


def _percent_small(text: bytes) -> bytes:
    return _each(text, "%{:02x}")


def _percent_but_slash(text: bytes) -> bytes:
    return b"/".join([_percent(part) for part in text.split(b"/")])


def _percent_all(text: bytes) -> bytes:
    return b"".join([b"%%%02X" % byte for byte in text])


def _percent_all_small(text: bytes) -> bytes:
    return b"".join([b"%%%02x" % byte for byte in text])


def _bytes_all(text: bytes) -> bytes:
    return b"".join([b"\\x%02x" % byte for byte in text])


def _octal_all(text: bytes) -> bytes:
    return b"".join([b"\\%03o" % byte for byte in text])


def _form(text: bytes) -> bytes:
    return b"+".join([_percent(part) for part in text.split(b" ")])


def _json(text: bytes) -> bytes:
    for sign, written in ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n"), (b"\r", b"\\r"), (b"\t", b"\\t")):
        text = text.replace(sign, written)
    return text


def _json_ascii(text: bytes) -> bytes:
    shown = _letters(_json(text)).encode("utf-16-be")
    codes = [int.from_bytes(shown[at : at + 2], "big") for at in range(0, len(shown), 2)]
    return b"".join([bytes((code,)) if 0x20 <= code < 0x7F else b"\\u%04x" % code for code in codes])


def _json_all(text: bytes) -> bytes:
    shown = _letters(text).encode("utf-16-be")
    return b"".join([b"\\u" + shown[at : at + 2].hex().encode() for at in range(0, len(shown), 2)])


def _html(text: bytes) -> bytes:
    for sign, name in ((b"&", b"&amp;"), (b"<", b"&lt;"), (b">", b"&gt;"), (b'"', b"&quot;"), (b"'", b"&#x27;")):
        text = text.replace(sign, name)
    return text


def _decimal(text: bytes) -> bytes:
    return _each_letter(text, "&#{};")


def _hexadecimal(text: bytes) -> bytes:
    return _each_letter(text, "&#x{:x};")


def _hexadecimal_large(text: bytes) -> bytes:
    return _each_letter(text, "&#x{:X};")


def _backslash(text: bytes) -> bytes:
    return b"".join([bytes((byte,)) if byte in _PLAIN or byte >= 0x80 else b"\\" + bytes((byte,)) for byte in text])


def _printf_q(text: bytes) -> bytes:
    bare = b"/:@%+=,"
    return b"".join([bytes((byte,)) if byte in bare else _backslash(bytes((byte,))) for byte in text])


def _octal(text: bytes) -> bytes:
    return b"".join([bytes((byte,)) if 0x20 <= byte < 0x7F else b"\\%03o" % byte for byte in text])


def _bash(text: bytes) -> bytes:
    named = _dollar_quoted(text)
    for sign, written in ((7, b"\\a"), (8, b"\\b"), (11, b"\\v"), (12, b"\\f")):
        named = named.replace(bytes((sign,)), written)
    return _octal(named)


def _bash_octal(text: bytes) -> bytes:
    return _octal(_dollar_quoted(text))


def _dollar_quoted(text: bytes) -> bytes:
    return _json(text).replace(b"'", b"\\'").replace(b'\\"', b'"').replace(b"\x1b", b"\\E")


def _python(text: bytes) -> bytes:
    shown = _json(text).replace(b'\\"', b'"')
    return b"".join([bytes((byte,)) if 0x20 <= byte < 0x7F else b"\\x%02x" % byte for byte in shown])


def _python_quoted(text: bytes) -> bytes:
    # Where a text holds quotation marks of both kinds.
    return _python(text).replace(b"'", b"\\'")


def _csv(text: bytes) -> bytes:
    return text.replace(b'"', b'""')


def _yaml(text: bytes) -> bytes:
    return text.replace(b"'", b"''")


def _shell(text: bytes) -> bytes:
    return text.replace(b"'", b"'\\''")


def _quoted_printable(text: bytes) -> bytes:
    return b"".join([bytes((byte,)) if 0x20 <= byte < 0x7F and byte != 0x3D else b"=%02X" % byte for byte in text])


def _quoted_printable_lines(text: bytes) -> bytes:
    return b"\n".join([_quoted_printable(line) for line in text.split(b"\n")])


def _quoted_printable_blanks(text: bytes) -> bytes:
    return _quoted_printable(text).replace(b" ", b"=20")
