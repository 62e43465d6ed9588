"""Where in a stream do pieces of values stand, found by hyperscan?

It reads gigabytes in a second and needs a tenth of one to begin, for a thousand values: worth it for long streams
only. It finds what plainscan.py finds.
"""

from _collections_abc import Callable

import hyperscan

from agentkit.vault.redaction.contexts import Context
from agentkit.vault.redaction.literals import Literals
from agentkit.vault.redaction.plainscan import Hits
from agentkit.vault.redaction.triggers import ESCAPED_LETTER, LONG, SHORT, express_breaks

Note = Callable[[int, int, int, int, object], None]


class StreamScan:
    """Finds pieces, escaped letters and names of short values in a stream."""

    def __init__(self, literals: Literals, contexts: list[Context]) -> None:
        # The binding takes a literal up to its first NUL; as an expression it is whole.
        # In order they are compiled in three quarters of the time.
        self._pieces = sorted(piece for piece in literals.pieces if b"\0" not in piece)
        self._wide = [piece for piece in literals.pieces if b"\0" in piece]
        breaks = express_breaks(SHORT if literals.is_thorough else LONG)
        self._first_break = len(ESCAPED_LETTER)
        self._first_context = self._first_break + len(breaks)
        self._first_wide = self._first_context + len(contexts)
        expressions = [*ESCAPED_LETTER, *breaks, *[context.expression() for context in contexts]]
        expressions += [b"".join([b"\\x%02x" % byte for byte in piece]) for piece in self._wide]
        # The binding keeps no reference to the database of a stream, nor to the function that it calls.
        self._streams: list[tuple[hyperscan.Database, hyperscan.Stream, Note]] = []
        # (number of the expression or piece, where it ends in the stream), of one text.
        self._expressions_seen = self._open(expressions, is_literal=False)
        self._pieces_seen = self._open(self._pieces, is_literal=True) if self._pieces else []
        self._seen = 0

    def scan(self, text: bytes, new: int) -> Hits:
        """Return what ends behind `new`.

        The first text is scanned from its beginning on, so that nothing lies unseen over the place where we begin.
        """
        first = new if self._seen else 0
        # What has to be added to a place in the stream to get the place in the text.
        offset = first - self._seen
        fresh = memoryview(text)[first:]
        for _, stream, note in self._streams:
            stream.scan(fresh, match_event_handler=note)  # type: ignore[type-var]  # it takes any buffer
        self._seen += len(fresh)
        hits: Hits = ([], [], [], [])
        for number, end in self._expressions_seen:
            if number < self._first_break:
                hits[1].append(end + offset)
            elif number < self._first_context:
                hits[2].append(end + offset)
            elif number < self._first_wide:
                hits[3].append((number - self._first_context, end + offset))
            else:
                piece = self._wide[number - self._first_wide]
                hits[0].append((piece, end + offset - len(piece)))
        for number, end in self._pieces_seen:
            piece = self._pieces[number]
            hits[0].append((piece, end + offset - len(piece)))
        self._expressions_seen.clear()
        self._pieces_seen.clear()
        return hits

    def _open(self, expressions: list[bytes], *, is_literal: bool) -> list[tuple[int, int]]:
        """Open a stream that is looked through for these; return the list that gets what is found."""
        seen: list[tuple[int, int]] = []

        # It is called for each sign of an escaped value, and does as little as it can.
        def note(number: int, _begin: int, end: int, _flags: int, _context: object) -> None:
            seen.append((number, end))

        database = hyperscan.Database(mode=hyperscan.HS_MODE_STREAM)
        database.compile(
            expressions=expressions,
            ids=list(range(len(expressions))),
            elements=len(expressions),
            flags=0,
            literal=is_literal,
        )
        stream = database.stream(match_event_handler=note)
        stream.__enter__()
        self._streams.append((database, stream, note))
        return seen
