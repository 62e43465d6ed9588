"""What is left of a stream when every value in it is masked?

What comes out depends on the bytes alone, not on how they are cut into chunks or which engine looks for them: a value
is masked where one of its spellings begins, the first and longest of those that overlap; what a further one covers
beyond that is masked as well.
"""

from _collections_abc import Callable, Sequence

from agentkit.vault.redaction.contexts import Context, needs_context
from agentkit.vault.redaction.literals import RAW, Literals
from agentkit.vault.redaction.openings import FARTHEST, find_opening
from agentkit.vault.redaction.plainscan import Hits, PlainScan
from agentkit.vault.redaction.triggers import LONGEST_BREAK, REACH, read_around, read_broken

# What stays of the text that has gone out: the beginning of what overlaps it, and what a context looks back at.
KEPT = 1024
# So much is read before hyperscan is worth its beginning: this, and so much a piece.
STREAM_FROM = 262144
STREAM_FROM_PIECE = 20

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentkit.vault.redaction.walk import Walk


class Masker:
    """Masks values in the bytes that are fed to it; `counts` tells how often which name was masked."""

    def __init__(
        self,
        values: "Sequence[tuple[str, bytes]]",
        *,
        counts: "dict[str, int] | None" = None,
        engine: str = "auto",
    ) -> None:
        self.counts: dict[str, int] = {} if counts is None else counts
        self._names: list[str] = []
        self._engine = engine
        texts: dict[bytes, tuple[int, bytes, bool]] = {}
        self._contexts: list[Context] = []
        for owner, (name, value) in enumerate(values):
            self._names.append(name)
            self._add_value(owner, name, value, texts)
        self._literals = Literals(list(texts.values()))
        self._scan: Callable[[bytes, int], Hits] = PlainScan(self._literals, self._contexts).scan
        self._is_plain = True
        self._fed = 0
        # A line break before the first byte: a name stands at its beginning as it does on any line.
        self._text, self._base, self._done = b"\n", -1, 0
        self._opening = -1
        self._triggers: list[int] = []
        self._breaks: list[int] = []
        self._asked: list[tuple[int, int]] = []
        self._walks: list[Walk] = []
        self._known: set[tuple[int, int, int]] = set()
        # (start, -end, rank, owner): in this order the one that counts comes first.
        self._matches: list[tuple[int, int, int, int]] = []
        self._last_owner = -1

    def feed(self, chunk: bytes, *, more: bool = False) -> bytes:
        """Return what can go out now; `more` says that more is there already, so that nobody waits for the rest."""
        if not self._literals.values and not self._contexts:
            return chunk
        self._choose_engine(len(chunk))
        new = len(self._text)
        self._text += chunk
        self._look(new)
        self._walk_on(is_last=False)
        size = len(self._text)
        if more:
            self._opening = max(self._opening, self._base + size - FARTHEST)
        else:
            self._opening = self._base + find_opening(self._text, self._literals, self._opening - self._base)
        return self._release(min([self._opening, *[walk.start for walk in self._walks]]))

    def close(self) -> bytes:
        """Return the rest."""
        for index, end in self._asked:
            self._start_in_context(self._contexts[index], index, end, is_last=True)
        self._walk_on(is_last=True)
        return self._release(self._base + len(self._text))

    def _add_value(self, owner: int, name: str, value: bytes, texts: "dict[bytes, tuple[int, bytes, bool]]") -> None:
        trimmed = value.strip()
        if not trimmed:
            return
        if needs_context(trimmed):
            self._contexts.append(Context(owner, name, trimmed))
        for text in (value, trimmed):
            if not needs_context(text):
                texts.setdefault(text, (owner, text, False))
        if b"\n" in trimmed or b"\\n" in trimmed:
            from agentkit.vault.redaction.lines import find_secret_lines

            for line in find_secret_lines(trimmed):
                texts.setdefault(line, (owner, line, True))

    def _choose_engine(self, size: int) -> None:
        self._fed += size
        if not self._is_plain or self._engine == "plain":
            return
        if self._engine != "stream" and self._fed < STREAM_FROM + STREAM_FROM_PIECE * len(self._literals.pieces):
            return
        self._is_plain = False
        try:
            from agentkit.vault.redaction.streamscan import StreamScan
        except ImportError:
            if self._engine == "stream":
                raise
            return  # no wheel for this machine: the plain one finds the same
        self._scan = StreamScan(self._literals, self._contexts).scan

    def _look(self, new: int) -> None:
        """Start a walk wherever something may begin."""
        text, base = self._text, self._base
        hits, triggers, breaks, contexts = self._scan(text, new)
        self._start_walks(hits)
        if triggers or self._triggers:
            places = sorted({*triggers, *[place - base for place in self._triggers]})
            self._start_walks(read_around(text, new, places, self._literals))
            # What was near the end is looked at again when more has come.
            self._triggers = [place + base for place in places if place + REACH > len(text)]
        if breaks or self._breaks:
            places = sorted({*breaks, *[place - base for place in self._breaks]})
            self._start_walks(read_broken(text, places, self._literals))
            self._breaks = [place + base for place in places if place + LONGEST_BREAK > len(text)]
        asked = {*self._asked, *[(index, end + base) for index, end in contexts]}
        self._asked = []
        for index, end in sorted(asked):
            self._start_in_context(self._contexts[index], index, end)

    def _start_walks(self, found: "list[tuple[bytes, int]]") -> None:
        """Start a walk wherever something begins that one of the pieces, each at its place, may be part of."""
        if not found:
            return
        # What an ordinary text never needs is loaded when it is: the first byte should be out soon.
        from agentkit.vault.redaction.starts import find_starts
        from agentkit.vault.redaction.walk import Walk

        literals, text, base, known = self._literals, self._text, self._base, self._known
        for piece, place in found:
            for number, kind, index in literals.find_likely(piece, text, place):
                spelling = literals.spelling(number, kind)
                for start in find_starts(text, place, index, spelling):
                    key = (number, kind, start + base)
                    if key in known:
                        continue
                    known.add(key)
                    first = place if spelling.before else start
                    rank = 0 if kind == RAW else 1
                    owner = literals.values[number][0]
                    self._walks.append(Walk(spelling, owner, start + base, first + base, rank=rank))

    def _start_in_context(self, context: Context, index: int, end: int, *, is_last: bool = False) -> None:
        from agentkit.vault.redaction.walk import Walk

        at = end - self._base
        begin = context.find_begin(self._text, at)
        if not is_last and context.may_begin_later(self._text, begin):
            self._asked.append((index, end))
            return
        for kind, spelling in enumerate(context.spellings()):
            for start in {at, begin} if context.value[:1] in b"\"'=>" else {begin}:
                key = (-1 - index, kind, start + self._base)
                if start < len(self._text) and key not in self._known:
                    self._known.add(key)
                    place = start + self._base
                    self._walks.append(Walk(spelling, context.owner, place, place, stands_alone=True))

    def _walk_on(self, *, is_last: bool) -> None:
        if not self._walks:
            return
        from agentkit.vault.redaction.walk import Page

        still = []
        page = Page(self._text, self._base, is_last=is_last)
        for walk in self._walks:
            if walk.go_on(page):
                still.append(walk)
            elif walk.end > walk.start:
                self._matches.append((walk.start, -walk.end, walk.rank, walk.owner))
        self._walks = still

    def _release(self, frontier: int) -> bytes:
        """Return everything before the frontier, masked; what reaches over it stays, as far as it is not masked."""
        text, base, done = self._text, self._base, self._done
        # Nothing is copied but once, into what goes out.
        view = memoryview(text)
        out: list[bytes | memoryview] = []
        self._matches.sort()
        later = []
        for match in self._matches:
            start, end, owner = match[0], -match[1], match[3]
            if start >= frontier:
                later.append(match)
                continue
            if end <= done or (start < done and owner == self._last_owner):
                continue
            if start > done:
                out.append(view[done - base : start - base])
            name = self._names[owner]
            out.append(b"{{vault:%s}}" % name.encode())
            self.counts[name] = self.counts.get(name, 0) + 1
            self._last_owner = owner
            done = end
        self._matches = later
        if done < frontier:
            out.append(view[done - base : frontier - base])
            done = frontier
        self._done = done
        keep = min(frontier, done) - KEPT - base
        if keep > 0:
            self._text = text[keep:]
            self._base = base + keep
            if len(self._known) > 1024:
                self._known = {key for key in self._known if key[2] >= self._base}
        return b"".join(out)
