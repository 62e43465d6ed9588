"""Does the log hold: in itself, against audit/head, and against what anchors far away say of it?"""

from __future__ import annotations

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.log.checkpoints import Checkpoint
from agentkit.vault.log.merkle import hash_trees
from agentkit.vault.log.rawline import LONGEST_LINE_BYTES, hash_line, read_record
from agentkit.vault.log.segments import Segment, Snapshot, read_part, take_snapshot
from agentkit.vault.log.tampered import TamperedError
from agentkit.vault.log.verdict import Verdict
from agentkit.vault.log.verifying import Walk
from agentkit.vault.log.witness import Witness, read_head

# Where an anchor was found, and what it says.
Anchor = tuple[str, Checkpoint]


class Proof:
    """A verdict, and the log that it is about: the walk and the segments are None where something did not hold."""

    __slots__ = ("segments", "verdict", "walk")

    def __init__(self, verdict: Verdict, walk: Walk | None = None, segments: list[Segment] | None = None) -> None:
        self.verdict = verdict
        self.walk = walk
        self.segments = segments or []


def prove_log(audit: str, anchors: list[Anchor], *, new_only: bool = False) -> Proof:
    """Return whether the log in that folder holds; with `new_only` from where the newest anchor stands.

    Raises AgentkitError where that cannot be found out: unavailable where the log cannot be read, bad data where an
    anchor does not say enough.
    """
    try:
        snapshot = take_snapshot(audit)
        walk = _walk(snapshot, anchors, new_only=new_only)
        _demand_roots(snapshot.segments, anchors)
    except TamperedError as trouble:
        return Proof(Verdict(trouble))
    verdict = Verdict()
    verdict.records = walk.sure_seq
    verdict.unfinished_bytes = _measure_rest(snapshot.segments, walk)
    verdict.origin = walk.origin
    verdict.anchors = [(where, checkpoint.size) for where, checkpoint in anchors]
    verdict.vouched = max((checkpoint.size for _, checkpoint in anchors), default=None)
    verdict.read_from = verdict.vouched or 0 if new_only else 0
    verdict.remarks = list(_find_remarks(verdict, walk))
    return Proof(verdict, walk, snapshot.segments)


def read_origin(audit: str) -> str:
    """Return the name of the log, which its first record says; raises TamperedError where there is none."""
    return _read_origin(take_snapshot(audit).segments)


def _walk(snapshot: Snapshot, anchors: list[Anchor], *, new_only: bool) -> Walk:
    trouble, witnesses = None, [_to_witness(*anchor) for anchor in anchors if anchor[1].head is not None]
    try:
        head = read_head(snapshot.head)
        witnesses.append(head)
    except TamperedError as error:
        trouble = error  # a record that was changed is the greater news
    walk = Walk(witnesses)
    segments = snapshot.segments
    if new_only:
        segments = _start(walk, segments, anchors)
    walk.walk(segments)
    if trouble is not None:
        raise trouble
    if new_only:
        _demand_head(head, walk, snapshot.segments)
    walk.origin = walk.origin or _read_origin(snapshot.segments)
    for where, checkpoint in anchors:
        if checkpoint.origin != walk.origin:
            raise TamperedError(
                f"{where} is an anchor of {checkpoint.origin}, and this is {walk.origin}: another log stands here", 0
            )
    return walk


def _to_witness(where: str, checkpoint: Checkpoint) -> Witness:
    assert checkpoint.head is not None
    name = f"the anchor {where}"
    return Witness(name, checkpoint.size - 1, checkpoint.head, segment=checkpoint.segment, end=checkpoint.offset)


def _start(walk: Walk, segments: list[Segment], anchors: list[Anchor]) -> list[Segment]:
    """Put the walk behind the newest anchor and return the segments that are still to be walked."""
    where, newest = max(anchors, key=lambda anchor: anchor[1].size)
    if newest.head is None or newest.segment is None or newest.offset is None:
        raise AgentkitError(
            f"{where} does not say where in the log it stands",
            hint="verify the whole log, without --new-only",
            status=Exit.BAD_DATA,
        )
    if newest.segment > len(segments):
        raise TamperedError(f"the anchor {where} stands in segment {newest.segment}, which is missing", newest.size - 1)
    walk.start_at(segments[newest.segment - 1], newest.size, newest.head, newest.offset)
    return segments[newest.segment - 1 :]


def _demand_head(head: Witness, walk: Walk, segments: list[Segment]) -> None:
    """Hold a head against the log that lags behind the anchor: its record was not walked over."""
    if head.seq >= walk.first:
        return
    is_there = head.segment is not None and 0 < head.segment <= len(segments)
    line = read_part(segments[head.segment - 1], head.start or 0, head.end or 0) if is_there and head.segment else b""
    record = read_record(line.removesuffix(b"\n")) or {}
    if not line.endswith(b"\n") or head.hash != hash_line(line[:-1]) or record.get("seq") != head.seq:
        raise TamperedError(f"record {head.seq} is not the one that audit/head vouches for", head.seq)


def _read_origin(segments: list[Segment]) -> str:
    line = read_part(segments[0], 0, LONGEST_LINE_BYTES + 1).partition(b"\n")[0]
    origin = (read_record(line) or {}).get("origin")
    if not isinstance(origin, str):
        raise TamperedError("record 0 is not the beginning of a log", 0)
    return origin


def _demand_roots(segments: list[Segment], anchors: list[Anchor]) -> None:
    """Hold the anchors against the log that name no last record: their trees have to be made."""
    bare = [anchor for anchor in anchors if anchor[1].head is None]
    if not bare:
        return
    roots = hash_trees(segments, [checkpoint.size for _, checkpoint in bare])
    for where, checkpoint in bare:
        if checkpoint.size not in roots:
            raise TamperedError(f"the log is shorter than the {checkpoint.size} records that the anchor {where} saw")
        if roots[checkpoint.size] != checkpoint.root:
            last = checkpoint.size - 1
            raise TamperedError(f"the records up to {last} are not those that the anchor {where} saw", last)


def _measure_rest(segments: list[Segment], walk: Walk) -> int:
    """Return how many bytes lie behind the last line that is explained."""
    return sum(segment.size for segment in segments[walk.sure_segment - 1 :]) - walk.sure_offset


def _find_remarks(verdict: Verdict, walk: Walk) -> list[str]:
    remarks = []
    if verdict.read_from:
        remarks.append(f"older records were not read: 0 to {verdict.read_from - 1}")
    if walk.torn:
        remarks.append(f"{_times(walk.torn)} a record was cut off by a crash, and set aside")
    if walk.clock_went_back:
        remarks.append(f"{_times(walk.clock_went_back)} the clock went back between two records")
    if walk.boots > 1:
        remarks.append(f"the records are of {walk.boots} starts of the machine")
    if verdict.unfinished_bytes:
        remarks.append(
            f"the last {verdict.unfinished_bytes} bytes are no record: a crash cut one off, and the next sets it aside"
        )
    return remarks


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
