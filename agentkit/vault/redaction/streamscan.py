"""Where in a stream do pieces of values stand, found by hyperscan?

It reads gigabytes in a second and needs a tenth of one to begin, for a thousand values: worth it for long streams
only. It finds what plainscan.py finds.
"""

import hyperscan

from agentkit.vault.redaction.contexts import Context
from agentkit.vault.redaction.literals import Literals
from agentkit.vault.redaction.plainscan import Hits
from agentkit.vault.redaction.triggers import ESCAPED_LETTER, LONG, SHORT, express_breaks


class StreamScan:
    """Finds pieces, escaped letters and names of short values in a stream."""

    def __init__(self, literals: Literals, contexts: list[Context]) -> None:
        # In order they are compiled in three quarters of the time.
        self._pieces = sorted(literals.pieces)
        breaks = express_breaks(SHORT if literals.is_thorough else LONG)
        self._first_break = len(ESCAPED_LETTER)
        self._first_context = self._first_break + len(breaks)
        self._first_piece = self._first_context + len(contexts)
        # All in one are read in three quarters of the time that they take in two; one more costs next to nothing.
        expressions = [*ESCAPED_LETTER, *breaks, *[context.expression() for context in contexts]]
        expressions += [b"".join([b"\\x%02x" % byte for byte in piece]) for piece in self._pieces]
        # The binding keeps no reference to the database of a stream, nor to the function that it calls.
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_STREAM)
        self._database.compile(
            expressions=expressions, ids=list(range(len(expressions))), elements=len(expressions), flags=0
        )
        # (number of the expression, where it ends in the stream), of one text.
        found: list[tuple[int, int]] = []

        # It is called for each sign of an escaped value, and does as little as it can.
        def note(number: int, _begin: int, end: int, _flags: int, _context: object) -> None:
            found.append((number, end))

        self._found, self._note = found, note
        self._stream = self._database.stream(match_event_handler=note)
        self._stream.__enter__()
        self._seen = 0

    def scan(self, text: bytes, new: int) -> Hits:
        """Return what ends behind `new`.

        The first text is scanned from its beginning on, so that nothing lies unseen over the place where we begin.
        """
        first = new if self._seen else 0
        # What has to be added to a place in the stream to get the place in the text.
        offset = first - self._seen
        fresh = memoryview(text)[first:]
        self._stream.scan(fresh, match_event_handler=self._note)  # type: ignore[type-var]  # it takes any buffer
        self._seen += len(fresh)
        hits: Hits = ([], [], [], [])
        for number, end in self._found:
            if number < self._first_break:
                hits[1].append(end + offset)
            elif number < self._first_context:
                hits[2].append(end + offset)
            elif number < self._first_piece:
                hits[3].append((number - self._first_context, end + offset))
            else:
                piece = self._pieces[number - self._first_piece]
                hits[0].append((piece, end + offset - len(piece)))
        self._found.clear()
        return hits
