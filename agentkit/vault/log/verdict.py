"""What has become of the log: verified, not verified, or tampered with?"""

from __future__ import annotations

from agentkit.core.errors import Exit
from agentkit.vault.log.tampered import TamperedError

VERIFIED, NEWER, PARTIAL, UNANCHORED, TAMPERED = "verified", "newer", "partial", "unanchored", "tampered"
STATUSES = {VERIFIED: Exit.OK, TAMPERED: Exit.TAMPERED}


class Verdict:
    """The answer of one verification.

    `records` counts raw lines, `read_from` is the first that was read, `vouched` how many the newest anchor vouches
    for (None without one), `trouble` what does not hold.
    """

    __slots__ = ("anchors", "origin", "read_from", "records", "remarks", "trouble", "unfinished_bytes", "vouched")

    def __init__(self, trouble: TamperedError | None = None) -> None:
        self.trouble = trouble
        self.records = self.read_from = self.unfinished_bytes = 0
        self.vouched: int | None = None
        self.origin: str | None = None
        self.anchors: list[tuple[str, int]] = []
        self.remarks: list[str] = []

    @property
    def outcome(self) -> str:
        """Return one of the words; it is the first one only where an anchor vouches for all that was read, and all was.

        `partial` is what is known when older records were not read.
        """
        if self.trouble is not None:
            return TAMPERED
        if self.vouched is None:
            return UNANCHORED
        if self.read_from:
            return PARTIAL
        return NEWER if self.newer or self.unfinished_bytes else VERIFIED

    @property
    def newer(self) -> int | None:
        """Return how many records are newer than the newest anchor; None where there is none."""
        return None if self.vouched is None else self.records - self.vouched

    @property
    def status(self) -> int:
        """Return the exit status."""
        return STATUSES.get(self.outcome, Exit.FINDINGS)

    def tell(self) -> str:
        """Return the answer in one line."""
        if self.trouble is not None:
            record = self.trouble.record
            return f"tampered{'' if record is None else f' at record {record}'}: {self.trouble.what}"
        read = self.records - self.read_from
        if self.vouched is None:
            return f"not verified: {_count(read)} in one chain, and no anchor from outside vouches for any of them"
        if self.outcome == PARTIAL:
            return f"not verified from the beginning: {_count(read)} in one chain since the anchor, which holds"
        if self.outcome == VERIFIED:
            return f"verified: {_count(self.records)}, and the anchor vouches for the last of them"
        news = _count(self.newer) if self.newer else f"{self.unfinished_bytes} bytes of a record"
        is_one = self.newer == 1
        return f"not verified to the end: {news} {'is' if is_one else 'are'} newer than the anchor, which holds"

    def to_record(self) -> dict[str, object]:
        """Return what the record of kind `audit` says besides what all records say."""
        return {
            "outcome": self.outcome,
            "origin": self.origin,
            "records": self.records,
            "read_from": self.read_from,
            "newer": self.newer,
            "unfinished_bytes": self.unfinished_bytes,
            "record": None if self.trouble is None else self.trouble.record,
            "what": None if self.trouble is None else self.trouble.what,
            "anchors": [{"anchor": where, "records": size} for where, size in self.anchors],
            "remarks": self.remarks,
        }


def _count(number: int | None) -> str:
    return "1 record" if number == 1 else f"{number or 0} records"
