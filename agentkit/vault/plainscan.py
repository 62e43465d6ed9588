"""Where in a text do pieces of values stand, found with nothing but Python?

Four bytes are compared as one number, at each of the four places that a number can begin: the sets of Python do that
without a step of ours for each byte.
"""

import re
import sys

from agentkit.vault.contexts import Context
from agentkit.vault.literals import Literals
from agentkit.vault.triggers import LONGEST_TRIGGER, compile_triggers

BLOCK = 16384
Hits = tuple[list[tuple[bytes, int]], list[int], list[tuple[int, int]]]


class PlainScan:
    """Finds pieces, escaped letters and names of short values as the text comes."""

    def __init__(self, literals: Literals, contexts: list[Context]) -> None:
        self._pieces = literals.by_beginning
        self._numbers = {int.from_bytes(begin, sys.byteorder): begin for begin in literals.by_beginning}
        self._known = frozenset(self._numbers)
        self._triggers: re.Pattern[bytes] | None = None
        self._contexts = [(context.compile(), index) for index, context in enumerate(contexts)]
        self._longest = max([len(piece) for piece in literals.pieces], default=4)

    def scan(self, text: bytes, new: int) -> Hits:
        """Return what ends behind `new`: pieces and their places, ends of escaped letters, ends of names' contexts."""
        return self._find_pieces(text, new), self._find_triggers(text, new), self._find_contexts(text, new)

    def _find_pieces(self, text: bytes, new: int) -> list[tuple[bytes, int]]:
        found: list[tuple[bytes, int]] = []
        first = max(0, new - self._longest + 1)
        view = memoryview(text)
        known, numbers, pieces = self._known, self._numbers, self._pieces
        for begin in range(first, len(text), BLOCK):
            for shift in range(4):
                at = begin + shift
                count = (min(BLOCK, len(text) - begin) + 3 - shift) // 4
                count = min(count, (len(text) - at) // 4)
                if count <= 0:
                    continue
                part = view[at : at + 4 * count].cast("I")
                if known.isdisjoint(part):
                    continue
                for index, number in enumerate(part):
                    if number in known:
                        place = at + 4 * index
                        found += [
                            (piece, place)
                            for piece in pieces[numbers[number]]
                            if place + len(piece) > new and text.startswith(piece, place)
                        ]
        return found

    def _find_triggers(self, text: bytes, new: int) -> list[int]:
        first = max(0, new - LONGEST_TRIGGER)
        if text.find(b"%", first) < 0 and text.find(b"\\", first) < 0 and text.find(b"#", first) < 0:
            return []
        if self._triggers is None:
            self._triggers = compile_triggers()
        return [found.end() for found in self._triggers.finditer(text, first) if found.end() > new]

    def _find_contexts(self, text: bytes, new: int) -> list[tuple[int, int]]:
        return [
            (index, found.end())
            for pattern, index in self._contexts
            for found in pattern.finditer(text, max(0, new - 256))
            if found.end() > new
        ]
