"""What is the SHA-256 of these bytes, at the price of no import?

`hashlib` loads OpenSSL, which costs a hot verb more than all of its own work; the interpreter has its own SHA-256.
"""

try:
    from _sha2 import sha256  # Python 3.12 and newer
except ImportError:
    from _sha256 import sha256

# From here on OpenSSL, which knows the processor's own instructions, has won back what loading it costs.
LARGE_BYTES = 1 << 20
BLOCK_BYTES = 64


def hash_bytes(data: bytes) -> str:
    """Return the SHA-256 in lower hex."""
    if len(data) >= LARGE_BYTES:
        import hashlib

        return hashlib.sha256(data).hexdigest()
    digest: str = sha256(data).hexdigest()
    return digest


def sign_bytes(key: bytes, data: bytes) -> bytes:
    """Return the HMAC-SHA256 (RFC 2104) of the data, 32 bytes."""
    if len(key) > BLOCK_BYTES:
        key = sha256(key).digest()
    padded = key.ljust(BLOCK_BYTES, b"\0")
    inner = sha256(bytes([byte ^ 0x36 for byte in padded]) + data).digest()
    signed: bytes = sha256(bytes([byte ^ 0x5C for byte in padded]) + inner).digest()
    return signed


def derive_key(secret: bytes, purpose: str) -> bytes:
    """Return 32 bytes for one purpose alone: HKDF-SHA256 (RFC 5869) without a salt, one block."""
    extracted = sign_bytes(b"\0" * 32, secret)
    return sign_bytes(extracted, purpose.encode() + b"\x01")


def is_equal(one: str, other: str) -> bool:
    """Compare two texts in a time that does not tell where they differ."""
    from _operator import _compare_digest

    return _compare_digest(one, other)
