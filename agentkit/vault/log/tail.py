"""What lies behind the last record that we know of: records of a crashed machine, or the pieces of a torn one?

The head is written after each record and not synced, so after a power cut it may lag; and a write that was cut off
leaves bytes that are no line. Both are healed here, on the rare way.
"""

from __future__ import annotations

import os

from agentkit.core.errors import AgentkitError
from agentkit.vault.digest import hash_bytes
from agentkit.vault.log.chain import LONGEST_LINE_BYTES, Chain, Head, segment_path, tell_tampered
from agentkit.vault.quickjson import read_object

PREV = slice(10, 74)


def walk_tail(chain: Chain, rest: bytes) -> None:
    """Lead the chain to the real end of the log, over what the head did not know of."""
    head, fragments, unfinished, _ = _walk(chain.head, rest, [])
    audit, last_head = chain.audit, None
    while not unfinished and os.path.lexists(segment_path(audit, head.segment + 1)):
        raw = chain.enter_segment(head.segment + 1)
        before = head.hash
        head, fragments, unfinished, has_begun = _walk(Head(head.segment + 1, 0, head.seq, before, 0), raw, fragments)
        # A write that set pieces aside may itself have been cut off before the segment's own first record.
        last_head = None if has_begun else before
    chain.accept_tail(head, fragments, unfinished, last_head)


def _walk(head: Head, raw: bytes, fragments: list[str]) -> tuple[Head, list[str], bytes, bool]:
    """Return the last record, the pieces and the unfinished line behind it, and whether a segment's header is there."""
    pieces = list(fragments)
    has_begun = False
    lines = raw.split(b"\n")
    size = head.size
    if len(max(lines, key=len)) > LONGEST_LINE_BYTES:
        raise tell_tampered(f"behind record {head.seq} lies a line that is longer than any record")
    for line in lines[:-1]:
        size += len(line) + 1
        seq, prev = head.seq + len(pieces) + 1, pieces[-1] if pieces else head.hash
        record = _read_record(line, prev, seq)
        # After pieces only the record that sets them aside is one.
        if record is not None and (not pieces or (record["op"] == "torn" and record.get("fragments") == pieces)):
            head = Head(head.segment, size, seq, hash_bytes(line), size - len(line) - 1)
            has_begun = has_begun or record["op"] == "segment"
            pieces = []
        else:
            pieces.append(hash_bytes(line))
    return head, pieces, lines[-1], has_begun


def _read_record(line: bytes, prev: str, seq: int) -> dict[str, object] | None:
    if line[PREV] != prev.encode():
        return None
    try:
        record = read_object(line.decode("ascii"), "a record")
    except (AgentkitError, UnicodeDecodeError):
        return None
    return record if record.get("prev") == prev and record.get("seq") == seq and "op" in record else None
