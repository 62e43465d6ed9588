"""Was this text signed with that key, and how is a text signed?

The form is the signed note of C2SP (https://c2sp.org/signed-note), which Go's sumdb/note reads and writes: a text, an
empty line, and a line for each signature. `cryptography` is imported here, where it is used, and nowhere else.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.log.rawline import sha256

ED25519 = b"\x01"
DASH = "\N{EM DASH} "
SIGNER = "PRIVATE+KEY+"
MOST_BYTES = 1_000_000
MOST_SIGNATURES = 100
KEY_HASH_BYTES = 4


class Key:
    """A key and the name that it signs for: its public half alone, or `seed` as well."""

    __slots__ = ("hash", "name", "public", "seed")

    def __init__(self, name: str, public: bytes, seed: bytes | None = None) -> None:
        self.name = name
        self.public = public
        self.seed = seed
        self.hash = sha256(name.encode() + b"\n" + ED25519 + public).digest()[:KEY_HASH_BYTES]

    def vkey(self) -> str:
        """Return the public half as Go's note.NewVerifier reads it."""
        return f"{self.name}+{self.hash.hex()}+{encode_base64(ED25519 + self.public)}"

    def skey(self) -> str:
        """Return the secret half as Go's note.NewSigner reads it."""
        assert self.seed is not None
        return f"{SIGNER}{self.name}+{self.hash.hex()}+{encode_base64(ED25519 + self.seed)}"


def make_key(name: str, seed: bytes) -> Key:
    """Return the key that a seed of 32 bytes makes (RFC 8032, section 5.1.5)."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Key(name, Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw(), seed)


def read_vkey(text: str, what: str) -> Key:
    """Return the key that a verifier key says; raises AgentkitError (tampered) naming `what` where it is none."""
    name, raw, hash_ = _split_key(text)
    if raw is not None:
        key = Key(name, raw)
        if key.hash.hex() == hash_:
            return key
    raise AgentkitError(f"{what} is no verifier key of a signed note", status=Exit.TAMPERED)


def read_skey(text: str, what: str) -> Key:
    """Return the key that a signer key says; raises AgentkitError (tampered) naming `what` where it is none."""
    if text.startswith(SIGNER):
        name, raw, hash_ = _split_key(text[len(SIGNER) :])
        if raw is not None:
            key = make_key(name, raw)
            if key.hash.hex() == hash_:
                return key
    raise AgentkitError(f"{what} is no signing key of a signed note", status=Exit.TAMPERED)


def sign_note(text: str, key: Key) -> str:
    """Return the note; the text ends with a newline."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    assert key.seed is not None
    signature = Ed25519PrivateKey.from_private_bytes(key.seed).sign(text.encode())
    return f"{text}\n{DASH}{key.name} {encode_base64(key.hash + signature)}\n"


def open_note(raw: bytes, key: Key, what: str) -> str:
    """Return the text that this key signed; signatures of others are passed over.

    Raises AgentkitError naming `what`: bad data where it is no note, tampered where the key has not signed it.
    """
    text, signatures = _read_note(raw, what)
    for name, signature in signatures:
        if name == key.name and signature[:KEY_HASH_BYTES] == key.hash:
            if _is_signed(text.encode(), signature[KEY_HASH_BYTES:], key.public):
                return text
            raise AgentkitError(f"{what}: its signature by {name} does not hold", status=Exit.TAMPERED)
    who = " and ".join(sorted({name for name, _ in signatures}))
    raise AgentkitError(
        f"{what} is signed by {who}, and not with the key {key.name}+{key.hash.hex()}",
        hint="it is the anchor of another log, or this log's key was changed",
        status=Exit.TAMPERED,
    )


def _read_note(raw: bytes, what: str) -> tuple[str, list[tuple[str, bytes]]]:
    try:
        whole = raw.decode() if len(raw) <= MOST_BYTES else ""
    except UnicodeDecodeError:
        whole = ""
    body, empty, lines = whole.rpartition("\n\n")
    signatures = [_read_signature(line) for line in lines.split("\n")[:-1]]
    found = [signature for signature in signatures if signature is not None]
    is_note = (
        bool(empty and found)
        and len(found) == len(signatures) <= MOST_SIGNATURES
        and lines.endswith("\n")
        and all(letter >= " " or letter == "\n" for letter in whole)
    )
    if not is_note:
        raise AgentkitError(
            f"{what} is no signed note; expected what `agentkit vault audit checkpoint` prints", status=Exit.BAD_DATA
        )
    return body + "\n", found


def _read_signature(line: str) -> tuple[str, bytes] | None:
    name, blank, encoded = line.removeprefix(DASH).partition(" ")
    signature = decode_base64(encoded)
    if not line.startswith(DASH) or not blank or not _is_name(name) or not signature:
        return None
    return (name, signature) if len(signature) > KEY_HASH_BYTES else None


def _split_key(text: str) -> tuple[str, bytes | None, str]:
    name, _, rest = text.partition("+")
    hash_, _, encoded = rest.partition("+")
    raw = decode_base64(encoded)
    fits = raw is not None and len(raw) == 33 and raw[:1] == ED25519 and _is_name(name)
    return name, raw[1:] if raw is not None and fits else None, hash_


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(letter.isspace() for letter in name)


def _is_signed(text: bytes, signature: bytes, public: bytes) -> bool:
    try:
        # The binding itself: what the public module imports around it costs more than 10,000 records.
        from cryptography.hazmat.bindings._rust import openssl

        key = openssl.ed25519.from_public_bytes(public)
    except (ImportError, AttributeError):
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        key = Ed25519PublicKey.from_public_bytes(public)
    except ValueError:
        return False
    try:
        key.verify(signature, text)
    except Exception as error:
        # Its name is imported where it is needed: importing it costs more than the signature.
        from cryptography.exceptions import InvalidSignature

        if not isinstance(error, InvalidSignature):
            raise
        return False
    return True


def encode_base64(raw: bytes) -> str:
    """Return standard base64 with its padding (RFC 4648, section 4)."""
    return b2a_base64(raw, newline=False).decode()


def decode_base64(text: str) -> bytes | None:
    """Return the bytes; None for anything but the one way to write them."""
    try:
        raw = a2b_base64(text, strict_mode=True)
    except (Base64Error, ValueError):
        return None
    return raw if encode_base64(raw) == text else None
