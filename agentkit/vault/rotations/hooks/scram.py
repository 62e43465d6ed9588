"""What does PostgreSQL keep of a password, so that the password itself never travels to it?

RFC 5802 and RFC 7677 (SCRAM-SHA-256), in the form of pg_authid.rolpassword. What is sent is what is kept, and so it is
also what a server with log_statement = 'all' writes into its log.
"""

import base64
import hashlib
import hmac

ITERATIONS = 4096  # PostgreSQL's own; a random password of 80 bits or more needs no further slowing down
SALT_BYTES = 16


def make_verifier(password: str, salt: bytes, iterations: int = ITERATIONS) -> str:
    """Return `SCRAM-SHA-256$ITERATIONS:SALT$STORED:SERVER` for a password of printable ASCII.

    Such a password is its own SASLprep (RFC 4013); ValueError for any other.
    """
    if not password.isascii() or not password.isprintable() or not password:
        raise ValueError("a password of printable ASCII is expected")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client = hmac.digest(salted, b"Client Key", "sha256")
    server = hmac.digest(salted, b"Server Key", "sha256")
    stored = hashlib.sha256(client).digest()
    return f"SCRAM-SHA-256${iterations}:{_encode(salt)}${_encode(stored)}:{_encode(server)}"


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
