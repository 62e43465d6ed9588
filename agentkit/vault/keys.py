"""Which identities open this vault, and which keys follow from one?

Imported by the hot verbs; pyrage is imported where it is needed. No text of an identity ever gets into a message.
"""

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.digest import derive_key
from agentkit.vault.plainread import read_private

MOST_BYTES = 65536
ROW_PURPOSE = "agentkit vault row v1"
RECIPIENTS_PURPOSE = "agentkit vault recipients v1"
PREFIX = "AGE-SECRET-KEY-1"


def read_identities(path: str) -> "list[str]":
    """Return the age identities in the file, newest first: more than one while the identity is being rotated.

    Raises AgentkitError: unavailable where the file is missing, refused where it is open to others, a link or another
    user's, configuration where nothing in it is an X25519 identity.
    """
    try:
        raw = read_private(path, what="the identity", most_bytes=MOST_BYTES)
    except FileNotFoundError:
        raise AgentkitError(
            f"there is no identity at {path}", hint="agentkit vault init --recovery age1…", status=Exit.UNAVAILABLE
        ) from None
    found = []
    for line in raw.decode("ascii", "replace").splitlines():
        text = line.strip()
        if text.startswith(PREFIX):
            found.append(text)
        elif text and not text.startswith("#"):
            kind = "an identity of an unsupported kind" if text.startswith("AGE-") else "something that is no identity"
            raise AgentkitError(
                f"{path} holds {kind}; only X25519 identities ({PREFIX}…) are supported", status=Exit.CONFIGURATION
            )
    if not found:
        raise AgentkitError(f"{path} holds no identity ({PREFIX}…)", status=Exit.CONFIGURATION)
    return found


def derive_row_keys(identities: "list[str]") -> "list[bytes]":
    """Return the keys of rows, one an identity, in their order."""
    return [derive_key(text.encode(), ROW_PURPOSE) for text in identities]


def derive_recipients_keys(identities: "list[str]") -> "list[bytes]":
    """Return the keys of the list of recipients, one an identity, in their order."""
    return [derive_key(text.encode(), RECIPIENTS_PURPOSE) for text in identities]
