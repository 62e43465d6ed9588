"""What does a checkpoint say of the log?

The form is C2SP tlog-checkpoint (https://c2sp.org/tlog-checkpoint): origin, number of raw lines and root of their
tree, then lines of our own. `head` is the hash of the last line, which the whole chain stands behind, and `at` the
segment and the offset behind that line: from there on new records are verified without reading the older ones.
"""

from __future__ import annotations

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.log.note import decode_base64, encode_base64
from agentkit.vault.log.rawline import HEX

HASH_BYTES = 32
# As many digits as audit/head has room for.
MOST_DIGITS = 15


class Checkpoint:
    """The log at one instant; `head`, `segment` and `offset` are None where another program left them out."""

    __slots__ = ("head", "offset", "origin", "root", "segment", "size")

    def __init__(
        self,
        origin: str,
        size: int,
        root: bytes,
        *,
        head: str | None = None,
        segment: int | None = None,
        offset: int | None = None,
    ) -> None:
        self.origin = origin
        self.size = size
        self.root = root
        self.head = head
        self.segment = segment
        self.offset = offset

    def text(self) -> str:
        """Return what is signed."""
        lines = [self.origin, str(self.size), encode_base64(self.root)]
        if self.head is not None:
            lines.append(f"head {self.head}")
        if self.segment is not None:
            lines.append(f"at {self.segment} {self.offset}")
        return "\n".join([*lines, ""])


def read_checkpoint(text: str, what: str) -> Checkpoint:
    """Return what a signed text says; raises AgentkitError (bad data) naming `what` where it is no checkpoint."""
    lines = text.split("\n")
    try:
        origin, size, root, *more, end = lines
    except ValueError:
        raise _refuse(what, "it has fewer than three lines") from None
    hash_ = decode_base64(root)
    if not origin or end or hash_ is None or len(hash_) != HASH_BYTES:
        raise _refuse(what, "its third line is no SHA-256 in base64")
    checkpoint = Checkpoint(origin, _read_number(size, what), hash_)
    for line in more:
        word, _, said = line.partition(" ")
        if word == "head":
            if len(said) != 64 or not HEX.issuperset(said):
                raise _refuse(what, "its head is no SHA-256 in hex")
            checkpoint.head = said
        elif word == "at":
            segment, _, offset = said.partition(" ")
            checkpoint.segment, checkpoint.offset = _read_number(segment, what), _read_number(offset, what)
    return checkpoint


def _read_number(text: str, what: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > MOST_DIGITS or text.startswith("0"):
        raise _refuse(what, f"{text!r} is no number above 0")
    return int(text)


def _refuse(what: str, why: str) -> AgentkitError:
    return AgentkitError(f"{what} is no checkpoint of a log: {why}", status=Exit.BAD_DATA)
