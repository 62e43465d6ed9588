"""How is a value sealed in an age file and taken out again, and what is a key of age?

Format: age-encryption.org/v1 (C2SP). The header is looked at before anything is opened: a stanza for a passphrase can
ask for minutes of work. This is the only door to pyrage, whose own messages may hold a part of a key: none gets out.
Imported by the hot verbs.
"""

import pyrage

from agentkit.core.errors import AgentkitError, Exit

VERSION_LINE = b"age-encryption.org/v1\n"
HEADER_END = b"\n---"
LONGEST_HEADER = 65536
# Two recipients and a stanza that means nothing; of a thousand, each would cost a multiplication on the curve.
MOST_STANZAS = 16
# The largest value that is taken; sealed, it is somewhat larger.
MOST_BYTES = 64 * 1024 * 1024


def open_sealed(ciphertext: bytes, identities: "list[str]", what: str) -> bytes:
    """Return the value in an age file; raises AgentkitError (tampered) where these identities do not open it."""
    check_header(ciphertext, what)
    keys = _read_keys(identities)
    try:
        value: bytes = pyrage.decrypt(ciphertext, keys)
    except (pyrage.DecryptError, OSError):
        raise AgentkitError(
            f"{what}: the identity does not open it", hint="agentkit vault check", status=Exit.TAMPERED
        ) from None
    return value


def check_header(ciphertext: bytes, what: str) -> None:
    """Raise AgentkitError where the header is none, or names anything but X25519 (and grease, which means nothing)."""
    end = ciphertext.find(HEADER_END, 0, LONGEST_HEADER)
    if not ciphertext.startswith(VERSION_LINE) or end < 0:
        raise AgentkitError(f"{what}: this is no age file", hint="agentkit vault check", status=Exit.TAMPERED)
    stanzas = [line for line in ciphertext[:end].split(b"\n") if line.startswith(b"-> ")]
    if len(stanzas) > MOST_STANZAS:
        raise AgentkitError(
            f"{what}: sealed for {len(stanzas)} recipients, which this vault never does", status=Exit.TAMPERED
        )
    for line in stanzas:
        kind = line.split(b" ")[1]
        if kind == b"scrypt":
            raise AgentkitError(f"{what}: sealed with a passphrase, which this vault never does", status=Exit.TAMPERED)
        if kind != b"X25519" and not kind.endswith(b"-grease"):
            named = kind[:40].decode("ascii", "replace")
            raise AgentkitError(f"{what}: sealed for a recipient of an unsupported kind, {named}", status=Exit.TAMPERED)


def seal_value(value: bytes, recipients: "list[str]") -> bytes:
    """Return the value sealed for these age recipients (`age1…`)."""
    sealed: bytes = pyrage.encrypt(value, [pyrage.x25519.Recipient.from_str(text) for text in recipients])
    return sealed


def make_identity() -> "tuple[str, str]":
    """Return a new identity (`AGE-SECRET-KEY-1…`) and its recipient (`age1…`)."""
    key = pyrage.x25519.Identity.generate()
    return str(key), str(key.to_public())


def find_recipient(identity: str) -> str:
    """Return the recipient of an identity; raises AgentkitError (configuration) where it is damaged."""
    return str(_read_keys([identity])[0].to_public())


def is_recipient(text: str) -> bool:
    """Tell whether one can seal for this text."""
    try:
        pyrage.x25519.Recipient.from_str(text)
    except (pyrage.RecipientError, ValueError):
        return False
    return True


def demand_identities(identities: "list[str]") -> None:
    """Raise AgentkitError (configuration) where one of them is damaged."""
    _read_keys(identities)


def _read_keys(identities: "list[str]") -> "list[pyrage.x25519.Identity]":
    try:
        return [pyrage.x25519.Identity.from_str(text) for text in identities]
    except (pyrage.IdentityError, ValueError):
        raise AgentkitError("the identity is damaged: it is no X25519 key", status=Exit.CONFIGURATION) from None
