"""Do the declared patterns stand in that part of a long output which is not kept?

Imported only when patterns are declared. What is kept (the first MiB, the last 64 KiB) is searched at the end; what
passes in between is searched here as it comes, by whole lines.
"""

import re

from agentkit.heartbeat.bounded import TooLongError, within

LONGEST_REST_BYTES = 1 << 16
LONGEST_SEARCH_S = 5.0


class Search:
    """The patterns that were found in between; what could not be searched is in `given_up`."""

    def __init__(self, patterns: list[str]) -> None:
        self.found: set[str] = set()
        self.given_up: set[str] = set()
        self._patterns = {text: compile_pattern(text) for text in patterns}
        self._rests: dict[object, bytes] = {}

    def add(self, stream: object, head: bytearray, chunk: memoryview) -> None:
        """Search the next bytes of a stream; its head tells the start of the line that goes on here."""
        if stream not in self._rests:
            self._rests[stream] = bytes(head[-LONGEST_REST_BYTES:]).rpartition(b"\n")[2]
        text = self._rests[stream] + chunk
        end = text.rfind(b"\n") + 1
        if end == 0 and len(text) > LONGEST_REST_BYTES:
            end = len(text)  # a line without end is searched as it comes
        for pattern in self._patterns.keys() - self.found - self.given_up:
            try:
                if within(LONGEST_SEARCH_S, self._patterns[pattern].search, text, 0, end):
                    self.found.add(pattern)
            except TooLongError:
                self.given_up.add(pattern)
        self._rests[stream] = text[end:]


def compile_pattern(text: str) -> "re.Pattern[bytes]":
    """Return the pattern as it is meant for bytes; `^` and `$` are those of a line."""
    return re.compile(text.encode("utf-8", "surrogateescape"), re.MULTILINE)
