"""What does a beat look like on disk: who ran, as which process, and how is it written as JSON?

Imported by the hot verbs: JSON is written here by hand, because importing `json` costs as much as bare Python again.
"""

import os
import sys
import time

from agentkit.core.tree import process_start, read_boot_id, read_pid_namespace

TYPE_CHECKING = False  # the one of typing costs an import
# The C module alone: hashlib would load OpenSSL.
if TYPE_CHECKING:
    from hashlib import sha256 as sha256  # noqa: PLC0414  # others import it from here
elif sys.version_info >= (3, 12):
    from _sha2 import sha256
else:
    from _sha256 import sha256

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_run_id(now: float) -> str:
    """Return a ULID: 48 bits of milliseconds, 80 of chance, in Crockford's base32 (github.com/ulid/spec)."""
    number = int(now * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    letters = []
    for _ in range(26):
        letters.append(CROCKFORD[number & 31])
        number >>= 5
    return "".join(reversed(letters))


def describe_this_process() -> dict[str, object]:
    """Return what tells this process from any other that ever had its number: pid, start, boot, PID namespace."""
    pid = os.getpid()
    return {
        "pid": pid,
        "pid_start": process_start(pid),
        "boot": read_boot_id(),
        "pid_namespace": read_pid_namespace(),
    }


def since_boot() -> float:
    """Return the seconds since boot, sleep included: beside the wall clock it shows when that one was moved."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def encode(value: object) -> str:
    """Return a value of plain dicts, lists, strings, numbers, booleans and None as JSON (RFC 8259), pure ASCII."""
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        # JSON has no infinity: an open end of a range is null.
        return repr(round(value, 6)) if abs(value) < float("inf") else "null"
    if isinstance(value, dict):
        return "{" + ",".join([f"{_quote(str(k))}:{encode(v)}" for k, v in value.items()]) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([encode(item) for item in value]) + "]"
    raise TypeError(f"{type(value).__name__} is not written as JSON")


def _quote(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    from _json import encode_basestring_ascii  # the C half of json

    # A name that is no UTF-8 has lone surrogates in it, which JSON could carry and no reader could store.
    return str(encode_basestring_ascii(decode_text(text.encode("utf-8", "surrogateescape"))))


def decode_text(raw: bytes) -> str:
    """Return bytes as text that JSON can carry: what is no UTF-8 stays visible as `\\xNN`."""
    return raw.decode("utf-8", "backslashreplace")


def argv_digest(argv: list[str]) -> str:
    """Return the sha256 (hex) of a command line, its words joined by NUL: the words themselves may hold secrets."""
    return sha256(os.fsencode("\0".join(argv))).hexdigest()
