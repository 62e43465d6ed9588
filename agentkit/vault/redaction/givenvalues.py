"""Which values does a file of JSON Lines give, for who has no vault?

One `{"name": …, "value": …}` or `{"name": …, "value_b64": …}` a line. What is wrong with a line is told by its number,
never by what it says.
"""

import os
from binascii import a2b_base64

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.quickjson import read_object

MOST_BYTES = 64 * 1024 * 1024
LONGEST_NAME = 256


def read_given_values(path: str) -> "tuple[list[tuple[str, bytes]], list[tuple[int, str]]]":
    """Return the values, and (number, reason) of each line that gives none.

    Raises AgentkitError (69 where there is no such file, else 65) where the file cannot be read to its end.
    """
    try:
        raw = _read_all(path)
    except FileNotFoundError:
        raise AgentkitError(f"--values: there is no file {path}") from None
    except OSError as error:
        raise AgentkitError(f"--values: cannot read {path}: {error.strerror}", status=Exit.BAD_DATA) from None
    values = []
    bad = []
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            values.append(_read_line(line))
        except ValueError as error:
            bad.append((number, str(error)))
    return values, bad


def _read_all(path: str) -> bytes:
    kind, _, number = path.rpartition("/")
    if kind in ("/dev/fd", "/proc/self/fd") and number.isdigit():
        # By its path it cannot be opened any more: we are not dumpable, and so /proc/self is root's (proc(5)).
        descriptor = os.dup(int(number))
    else:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces = []
        size = 0
        while piece := os.read(descriptor, 1024 * 1024):
            pieces.append(piece)
            size += len(piece)
            if size > MOST_BYTES:
                raise AgentkitError(f"--values: {path} has more than {MOST_BYTES} bytes", status=Exit.BAD_DATA)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def _read_line(line: bytes) -> "tuple[str, bytes]":
    """Raises ValueError with a reason that says nothing of what the line holds."""
    try:
        given = read_object(line.decode(), "the line")
    except (AgentkitError, UnicodeDecodeError, SystemError):
        # SystemError: what the C scanner says of a text that ends too early, as long as nobody has imported `json`.
        raise ValueError("is no JSON object") from None
    name, value, coded = given.get("name"), given.get("value"), given.get("value_b64")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise ValueError(f'has no "name", a text of 1 to {LONGEST_NAME} visible letters')
    if isinstance(value, str) == isinstance(coded, str):
        raise ValueError('has not one text of "value" and "value_b64"')
    if isinstance(value, str):
        # JSON can write half of a letter, which UTF-8 cannot.
        return name, value.encode("utf-8", "surrogatepass")
    try:
        # Only what is in the alphabet; padding may be missing, as in URLs.
        bare = str(coded).translate({45: 43, 95: 47}).rstrip("=\r\n ")
        return name, a2b_base64((bare + "=" * (-len(bare) % 4)).encode("ascii"), strict_mode=True)
    except ValueError:
        raise ValueError('has a "value_b64" that is no base64') from None
