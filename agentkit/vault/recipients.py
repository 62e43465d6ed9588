"""For whom is everything sealed: this vault's identity, and the recovery key that lies offline?

The file is what `age -R` reads; its first line binds all others with an HMAC. Imported by the hot verbs.
"""

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.digest import is_equal, sign_bytes
from agentkit.vault.plainread import read_private

OPENING = "# agentkit vault recipients v1 mac="
MOST_BYTES = 65536


class Recipients:
    """The recipients of a vault; both are age recipients (`age1…`)."""

    __slots__ = ("identity", "recovery")

    def __init__(self, identity: str, recovery: str) -> None:
        self.identity = identity
        self.recovery = recovery


def read_recipients(path: str, keys: "list[bytes]") -> Recipients:
    """Return the recipients; raises AgentkitError (tampered) where none of the keys made this list."""
    try:
        raw = read_private(path, what="the list of recipients", most_bytes=MOST_BYTES)
    except FileNotFoundError:
        raise _tell_changed("is missing") from None
    first, _, body = raw.partition(b"\n")
    mac = first[len(OPENING) :].decode("ascii", "replace")
    if not any(is_equal(sign_bytes(key, body).hex(), mac) for key in keys):
        raise _tell_changed("was not written by this vault")
    found = [line for line in body.decode("ascii").splitlines() if not line.startswith("#")]
    if len(found) != 2:
        raise _tell_changed("holds other than the identity's and the recovery's")
    return Recipients(*found)


def write_recipients(recipients: Recipients, key: bytes) -> bytes:
    """Return the file as it is to lie on disk."""
    body = f"# the identity of this vault\n{recipients.identity}\n# recovery\n{recipients.recovery}\n".encode()
    return f"{OPENING}{sign_bytes(key, body).hex()}\n".encode() + body


def _tell_changed(what: str) -> AgentkitError:
    return AgentkitError(
        f"the list of recipients {what}; nothing was released", hint="agentkit vault check", status=Exit.TAMPERED
    )
