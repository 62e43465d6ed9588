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
# Each byte as the inner and as the outer hash of HMAC has it.
INNER = bytes([byte ^ 0x36 for byte in range(256)])
OUTER = bytes([byte ^ 0x5C for byte in range(256)])


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
    inner = sha256(padded.translate(INNER) + data).digest()
    signed: bytes = sha256(padded.translate(OUTER) + inner).digest()
    return signed


def derive_key(secret: bytes, purpose: str) -> bytes:
    """Return 32 bytes for one purpose alone: HKDF-SHA256 (RFC 5869) without a salt, one block."""
    extracted = sign_bytes(b"\0" * 32, secret)
    return sign_bytes(extracted, purpose.encode() + b"\x01")


def is_equal(one: str, other: str) -> bool:
    """Compare two texts in a time that does not tell where they differ."""
    from _operator import _compare_digest

    # As bytes: of texts it takes ASCII alone, and one of them comes from a file that anyone may have written.
    return _compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
