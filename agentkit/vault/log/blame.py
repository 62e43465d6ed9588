"""Which line of the audit log was changed, when one of them does not fit?

Each line vouches for others by their hashes: for the one before it, and one that sets fragments aside for these. So
a line was changed when one that is itself vouched for says so, or when nobody vouches for it.
"""

from __future__ import annotations

from agentkit.vault.log.rawline import BEGINNING, HEX, hash_line, read_record
from agentkit.vault.log.tampered import TamperedError
from agentkit.vault.log.witness import Witness

TORN = b'"op": "torn"'


class Claim:
    """Somebody's word on what the line at that index is: `by` is the index of a line, None for a witness outside.

    `shift` tells how many lines are missing before `by`, as that one counts them (fewer than 0: they are too many).
    """

    __slots__ = ("at", "by", "hash", "name", "shift")

    def __init__(self, at: int, hash_: str, by: int | None, name: str, shift: int) -> None:
        self.at = at
        self.hash = hash_
        self.by = by
        self.name = name
        self.shift = shift


def find_changed(lines: list[bytes], first: int, doubtful: int, witnesses: list[Witness]) -> TamperedError:
    """Return the trouble with the changed one of these raw lines, whose numbers begin with `first`.

    `doubtful` is the number of the first line that is no record in its place; it is named when no other one is.
    """
    hashes = [hash_line(line) for line in lines]
    claims = _hear_witnesses(hashes, first, witnesses) + _hear_lines(lines, hashes, first)
    vouched = {claim.at for claim in claims if hashes[claim.at] == claim.hash}
    orphans = [at for at in range(max(doubtful - first, 0), len(lines)) if at not in vouched]
    denials = [
        claim for claim in claims if hashes[claim.at] != claim.hash and (claim.by is None or claim.by in vouched)
    ]
    if denials:
        worst = min(denials, key=lambda claim: claim.at)
        number = first + worst.at
        if worst.shift > 0 and read_record(lines[worst.at]):
            return TamperedError(f"record {number + 1} is missing", number + 1)
        if worst.shift == 0 or not orphans or orphans[0] > worst.at:
            return TamperedError(f"record {number} is not the one that {worst.name} stands on", number)
    number = first + orphans[0] if orphans else doubtful
    return TamperedError(f"record {number} does not stand on the one before it", number)


def _hear_witnesses(hashes: list[str], first: int, witnesses: list[Witness]) -> list[Claim]:
    claims = []
    for witness in witnesses:
        at = witness.seq - first
        found = hashes.index(witness.hash) if witness.hash in hashes else at
        told = f"what {witness.name} says"
        claims += [
            Claim(place, witness.hash, None, told, at - found) for place in {at, found} if 0 <= place < len(hashes)
        ]
    return claims


def _hear_lines(lines: list[bytes], hashes: list[str], first: int) -> list[Claim]:
    claims = []
    for by, line in enumerate(lines):
        record = read_record(line) or {}
        number = record.get("seq")
        shift = number - first - by if isinstance(number, int) else 0
        told = f"record {first + by}"
        prev = line[len(BEGINNING) : len(BEGINNING) + 64].decode("latin-1")
        if line.startswith(BEGINNING) and len(prev) == 64 and HEX.issuperset(prev):
            claims.append(Claim(by - 1, prev, by, told, shift))
        fragments = record.get("fragments") if TORN in line else None
        if isinstance(fragments, list):
            claims += _hear_torn(hashes, by, [record.get("after"), *fragments], told, shift)
    return [claim for claim in claims if claim.at >= 0]


def _hear_torn(hashes: list[str], by: int, spoken: list[object], told: str, shift: int) -> list[Claim]:
    """Return what a record says that sets fragments aside: of the line before them, and of each of them."""
    claims = []
    for at, hash_ in reversed(list(zip(range(by - len(spoken), by), spoken, strict=True))):
        if isinstance(hash_, str) and at >= 0:
            claims.append(Claim(at, hash_, by, told, shift))
            if shift and hashes[at] != hash_:
                break  # lines are missing or too many there, and what lies before them is not the line that is meant
    return claims
