"""What makes the same trouble the same finding tomorrow?

Imported by a hot verb: hashlib would load OpenSSL, and the interpreter has its own SHA-256.
"""

import json

try:
    from _sha2 import sha256  # Python 3.12 and newer
except ImportError:
    from _sha256 import sha256


def fingerprint(host: str, source: str, type_: str, subject: str, key: str = "") -> str:
    """Return the sha256 (hex) over the five, written as a JSON list: so no two lists of five read the same."""
    text = json.dumps([host, source, type_, subject, key], ensure_ascii=True, separators=(",", ":"))
    digest: str = sha256(text.encode()).hexdigest()
    return digest
