"""Who vouches for which record: audit/head, or an anchor far away?"""

from __future__ import annotations

from agentkit.vault.log.rawline import HEX
from agentkit.vault.log.tampered import TamperedError

# SEGMENT BYTES SEQ HASH LINESTART, as docs/audit-log.md says.
HEAD_WIDTHS = (6, 15, 15, 64, 15)


class Witness:
    """What a record has to be: its hash, and where its line begins and ends (None where that is not said)."""

    __slots__ = ("end", "hash", "name", "segment", "seq", "start")

    def __init__(
        self,
        name: str,
        seq: int,
        hash_: str,
        *,
        segment: int | None = None,
        end: int | None = None,
        start: int | None = None,
    ) -> None:
        self.name = name
        self.seq = seq
        self.hash = hash_
        self.segment = segment
        self.end = end
        self.start = start

    def fits_place(self, segment: int, start: int, end: int) -> bool:
        """Tell whether the line lies where the witness says."""
        return self.segment in (None, segment) and self.end in (None, end) and self.start in (None, start)


def read_head(raw: bytes | None) -> Witness:
    """Return what audit/head says; raises TamperedError where it is missing or says nothing."""
    if raw is None:
        raise TamperedError("audit/head is missing")
    parts = raw.decode("latin-1").removesuffix("\n").split(" ")
    numbers = [part for at, part in enumerate(parts) if at != 3]
    if (
        not raw.endswith(b"\n")
        or tuple(map(len, parts)) != HEAD_WIDTHS
        or not HEX.issuperset(parts[3])
        or not all(number.isascii() and number.isdecimal() for number in numbers)
    ):
        raise TamperedError("audit/head cannot be read")
    segment, end, seq, start = map(int, numbers)
    return Witness("audit/head", seq, parts[3], segment=segment, end=end, start=start)
