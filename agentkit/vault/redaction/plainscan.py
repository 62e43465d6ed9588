"""Where in a text do pieces of values stand, found with nothing but Python?

Four bytes are compared as one number, at each of the four places that a number can begin: the sets of Python do that
without a step of ours for each byte.
"""

from agentkit.vault.redaction.contexts import Context
from agentkit.vault.redaction.literals import Literals
from agentkit.vault.redaction.triggers import LONG, SHORT, find_broken_lines, find_escaped_letters

BLOCK = 16384
LONGEST_CONTEXT = 512
# Pieces and their places; ends of escaped letters; ends of broken lines; (number, end) of names of short values.
Hits = tuple[list[tuple[bytes, int]], list[int], list[int], list[tuple[int, int]]]


class PlainScan:
    """Finds pieces, escaped letters and names of short values as the text comes."""

    def __init__(self, literals: Literals, contexts: list[Context]) -> None:
        self._literals = literals
        begins = b"".join([piece[:4] for piece in literals.pieces])
        self._known = frozenset(memoryview(begins).cast("I"))
        self._contexts = [(context.make_finder(), index) for index, context in enumerate(contexts)]
        self._longest = max(literals.sizes, default=4)

    def scan(self, text: bytes, new: int) -> Hits:
        """Return what ends behind `new`."""
        return (
            self._find_pieces(text, new),
            find_escaped_letters(text, new),
            find_broken_lines(text, new, SHORT if self._literals.is_thorough else LONG),
            self._find_contexts(text, new),
        )

    def _find_pieces(self, text: bytes, new: int) -> list[tuple[bytes, int]]:
        places: list[int] = []
        view = memoryview(text)
        known = self._known
        for begin in range(max(0, new - self._longest + 1), len(text), BLOCK):
            end = min(begin + BLOCK, len(text) - 3)
            for at in range(begin, min(begin + 4, end)):
                part = view[at : at + (end - at + 3) // 4 * 4].cast("I")
                if not known.isdisjoint(part):
                    places += [at + 4 * index for index, number in enumerate(part) if number in known]
        found = self._literals.find_pieces(text, places) if places else []
        return [(piece, place) for piece, place in found if place + len(piece) > new]

    def _find_contexts(self, text: bytes, new: int) -> list[tuple[int, int]]:
        first = max(0, new - LONGEST_CONTEXT)
        return [(index, end) for find, index in self._contexts for end in find(text, first) if end > new]
