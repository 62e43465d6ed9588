"""What is a raw line of the audit log: which hash has it, and which record is it?"""

from __future__ import annotations

try:
    # Importing hashlib costs more than loading OpenSSL.
    from _hashlib import openssl_sha256 as sha256
except ImportError:
    from hashlib import sha256

from agentkit.core.errors import AgentkitError
from agentkit.vault.quickjson import read_object

__all__ = ["BEGINNING", "HEX", "LONGEST_LINE_BYTES", "ZEROS", "hash_line", "read_record", "sha256"]

# Without its newline.
LONGEST_LINE_BYTES = 8192
BEGINNING = b'{"prev": "'
ZEROS = "0" * 64
HEX = frozenset("0123456789abcdef")


def hash_line(line: bytes) -> str:
    """Return the SHA-256 of a raw line in lower hex."""
    return sha256(line).hexdigest()


def read_record(line: bytes) -> dict[str, object] | None:
    """Return the record that a raw line is, None where it is none."""
    try:
        return read_object(line.decode("ascii"), "a record")
    except (AgentkitError, UnicodeDecodeError):
        return None
