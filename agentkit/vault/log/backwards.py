"""What are the raw lines of the log from the newest one back?"""

from __future__ import annotations

from collections.abc import Iterator

from agentkit.vault.log.segments import BLOCK_BYTES, Segment, read_part


def iterate_back(segments: list[Segment]) -> Iterator[bytes]:
    """Yield the whole lines, newest first, without newline; a line that is longer than a block is left out."""
    for segment in reversed(segments):
        end, tail = segment.size, b""
        is_last = True
        while end > 0:
            start = max(end - BLOCK_BYTES, 0)
            lines = (read_part(segment, start, end) + tail).split(b"\n")
            if is_last:
                lines.pop()  # what has no newline is not written yet, or never will be
                is_last = False
            tail = b""
            if start and lines:
                tail = lines.pop(0)[:BLOCK_BYTES] + b"\n"
            yield from reversed(lines)
            end = start
