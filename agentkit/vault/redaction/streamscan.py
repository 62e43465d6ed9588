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
        self._pieces = [piece for piece in literals.pieces if b"\0" not in piece]
        self._wide = [piece for piece in literals.pieces if b"\0" in piece]
        self._sizes = [len(piece) for piece in self._pieces]
        breaks = express_breaks(SHORT if literals.is_thorough else LONG)
        self._first_break = len(ESCAPED_LETTER)
        self._first_context = self._first_break + len(breaks)
        self._first_wide = self._first_context + len(contexts)
        expressions = [*ESCAPED_LETTER, *breaks, *[context.expression() for context in contexts]]
        expressions += [b"".join([b"\\x%02x" % byte for byte in piece]) for piece in self._wide]
        # The binding keeps no reference to the database of a stream, nor to the function that it calls.
        self._streams: list[tuple[hyperscan.Database, hyperscan.Stream, Note]] = []
        self._open(expressions, self._note_expression, is_literal=False)
        if self._pieces:
            self._open(self._pieces, self._note_piece, is_literal=True)
        self._hits: Hits = ([], [], [], [])
        self._seen = 0
        # What has to be added to a place in the stream to get the place in the text.
        self._offset = 0

    def scan(self, text: bytes, new: int) -> Hits:
        """Return what ends behind `new`.

        The first text is scanned from its beginning on, so that nothing lies unseen over the place where we begin.
        """
        first = new if self._seen else 0
        self._hits = ([], [], [], [])
        self._offset = first - self._seen
        fresh = text[first:]
        for _, stream, note in self._streams:
            stream.scan(fresh, match_event_handler=note, context=self)
        self._seen += len(fresh)
        return self._hits

    def _open(self, expressions: list[bytes], note: Note, *, is_literal: bool) -> None:
        database = hyperscan.Database(mode=hyperscan.HS_MODE_STREAM)
        database.compile(
            expressions=expressions,
            ids=list(range(len(expressions))),
            elements=len(expressions),
            flags=0,
            literal=is_literal,
        )
        stream = database.stream(match_event_handler=note, context=self)
        stream.__enter__()
        self._streams.append((database, stream, note))

    def _note_piece(self, number: int, _begin: int, end: int, _flags: int, _context: object) -> None:
        self._hits[0].append((self._pieces[number], end - self._sizes[number] + self._offset))

    def _note_expression(self, number: int, _begin: int, end: int, _flags: int, _context: object) -> None:
        end += self._offset
        if number < self._first_break:
            self._hits[1].append(end)
        elif number < self._first_context:
            self._hits[2].append(end)
        elif number < self._first_wide:
            self._hits[3].append((number - self._first_context, end))
        else:
            piece = self._wide[number - self._first_wide]
            self._hits[0].append((piece, end - len(piece)))
