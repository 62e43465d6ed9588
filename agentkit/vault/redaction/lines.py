"""Which lines of a value of several lines are secrets of their own?

A key in PEM (RFC 7468) is printed with a prefix on each line, or only in part; its BEGIN and END lines are no secret.
"""

import re

LEAST_CODED = 8
LEAST_OTHER = 16
_CODED = re.compile(rb"[A-Za-z0-9+/_=-]+")


def find_secret_lines(value: bytes) -> list[bytes]:
    """Return the lines that must not be seen; none where the value is one line."""
    lines = re.split(rb"\r\n|\n|\r|\\n", value)
    if len(lines) < 2:
        return []
    is_armoured = b"-----BEGIN " in value
    return [line for line in map(bytes.strip, lines) if _is_secret(line, is_armoured)]


def _is_secret(line: bytes, is_armoured: bool) -> bool:
    if line.startswith(b"-----"):
        return False
    if _CODED.fullmatch(line):
        return len(line) >= (LEAST_CODED if is_armoured else LEAST_OTHER)
    # In other lines only what is one word and long: a file of settings has lines that stand in many a text.
    return len(line) >= LEAST_OTHER and b" " not in line and re.search(rb"[0-9]", line) is not None
