"""Is what begins here a spelling of a value, and where does it end?

The text is read letter by letter against the spelling, each letter raw or as any escape, with gaps between them. All
readings are followed at once, and none again, so that the time is bounded by the lengths of spelling and text. What
the end of the text leaves open is taken up when more has come: how the text was cut changes nothing.
"""

from agentkit.vault.redaction.gaps import read_gap
from agentkit.vault.redaction.spellings import DIGITS, LETTERS, STARTS, TEXT, Spelling
from agentkit.vault.redaction.units import is_open, read_sign, read_unit

_GAP_STARTS = frozenset(b" \t\r\n\x08\x1b\xe2\xc2\xef'\":,;._|-*0\\[](){}%&")
_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_QUOTES = b"'\""
_CLOSED_QUOTE = {0x27: (b"'\\''", b"'\"'\"'"), 0x22: (b'"\\""', b'"\'"\'"')}
_BLANKS = b" \t>|"
_SIGNS = b"!\"#$%&'()*+,;<=>?@[\\]^`{|}~"
# What stands behind `%` for a letter, where no further layer can begin with it.
_PERCENT = [b"%02X" % byte if 0x20 < byte < 0x7F and byte not in b"%\\&" else b"none" for byte in range(256)]


class Page:
    """The text as far as it has come: its first byte is at `base`, and nothing more comes if `is_last`."""

    __slots__ = ("base", "is_last", "text")

    def __init__(self, text: bytes, base: int, *, is_last: bool) -> None:
        self.text = text
        self.base = base
        self.is_last = is_last


class Walk:
    """One reading of the text from `start`; places are counted from the beginning of the stream."""

    __slots__ = ("end", "owner", "rank", "seen", "spelling", "stands_alone", "start", "waiting")

    def __init__(
        self, spelling: Spelling, owner: int, start: int, place: int, *, rank: int = 0, stands_alone: bool = False
    ) -> None:
        self.spelling = spelling
        self.owner = owner
        # Of two values that cover the same, the one that stands there as it is comes before what is coded so.
        self.rank = rank
        # Where a letter before the spelling holds bits of it, the walk begins behind the start.
        self.start = start
        self.end = -1
        self.waiting = [(0, place)]
        self.seen: set[tuple[int, int]] = set()
        # A short value counts only where no letter of a longer word follows.
        self.stands_alone = stands_alone

    def go_on(self, page: Page) -> bool:
        """Read on as far as the text goes; return whether more could change the end."""
        text, base = page.text, page.base
        stack = self.waiting
        self.waiting = []
        body, stops, table, gaps = self.spelling.body, self.spelling.stops, self.spelling.table, self.spelling.gaps
        size, length = len(body), len(text)
        while stack:
            index, place = stack.pop()
            at = place - base
            while index < size:
                stop = _next_stop(stops, index, size) if stops else size
                if stop > index:
                    matched = _count_equal(body[index:stop], text, at, table)
                    index += matched
                    at += matched
                    if index == stop:
                        continue
                # The usual escape at once; where it can be more than that it is a stop of the spelling.
                if text[at : at + 1] == b"%" and index < stop and (gaps == TEXT or not stops):
                    if not stops and index == 0 and self._is_percent(text, at):
                        index = size
                        at += 3 * size
                        continue
                    if text[at + 1 : at + 3].upper() == _PERCENT[body[index]]:
                        index += 1
                        at += 3
                        continue
                if gaps == DIGITS and text[at : at + 1] == b"0" == body[index : index + 1] and not _is_x(text, at + 1):
                    # It stands for itself alone: no `0x` begins here.
                    index += 1
                    at += 1
                    continue
                if at >= length:
                    if not page.is_last:
                        self.waiting.append((index, at + base))
                    break
                if (index, at + base) not in self.seen:
                    if self._branch(page, index, at, stack):
                        self.waiting.append((index, at + base))
                    else:
                        self.seen.add((index, at + base))
                break
            else:
                self._finish(page, index, at, stack)
        return bool(self.waiting)

    def _is_percent(self, text: bytes, at: int) -> bool:
        """Tell whether the whole spelling stands there with each letter in percent."""
        body = self.spelling.body
        codes = text[at : at + 3 * len(body)]
        if len(codes) < 3 * len(body) or codes.count(b"%") != len(body) or codes[::3].strip(b"%"):
            return False
        return codes.upper() == b"".join([b"%%%02X" % letter for letter in body]) and _is_plain(body)

    def _branch(self, page: Page, index: int, at: int, stack: list[tuple[int, int]]) -> bool:
        """Put every way on from here on the stack; return whether the text ends before that can be told."""
        text, is_last = page.text, page.is_last
        spelling = self.spelling
        body, table, gaps = spelling.body, spelling.table, spelling.gaps
        wanted, letter = body[index], text[at]
        ends: list[tuple[int, int]] = []
        given = table[letter] if table else letter
        if given == wanted:
            ends.append((index + 1, at + 1))
        if letter in STARTS and gaps != DIGITS:
            if not is_last and is_open(text, at):
                return True
            self._read_unit(text, at, index, ends)
        if gaps in (TEXT, LETTERS):
            if wanted in b"\\%&" and letter in STARTS:
                ends += [(index + 1, end) for end in read_sign(text, at, wanted)]
            if wanted in _QUOTES:
                if not is_last and _is_open_quote(text, at):
                    return True
                _double_quotes(text, at, index, wanted, ends)
            if letter in b"`^" and wanted in _SIGNS:
                # The escape signs of PowerShell and of cmd.
                if at + 1 == len(text) and not is_last:
                    return True
                if text[at + 1 : at + 2] == body[index : index + 1]:
                    ends.append((index + 1, at + 2))
            if letter == 0x2B and wanted == 0x20:
                ends.append((index + 1, at + 1))
            if wanted == 0x0A and letter == 0x0D:
                if at + 1 == len(text) and not is_last:
                    return True
                if text[at + 1 : at + 2] == b"\n":
                    ends.append((index + 1, at + 2))
            if wanted == 0x0D and body[index + 1 : index + 2] == b"\n":
                ends.append((index + 1, at))
            if index and body[index - 1] == 0x0A and letter in _BLANKS:
                end = at + 1
                while end < len(text) and text[end] in _BLANKS and end - at < 40:
                    end += 1
                if end == len(text) and not is_last:
                    return True
                ends.append((index, end))
        # What stands for the letter that is wanted is no gap; but a digit 0 may begin `0x`.
        if index and letter in _GAP_STARTS and not (ends and letter in STARTS):
            gap_ends = read_gap(text, at, gaps, index, is_last=is_last)
            if gap_ends is None:
                return True
            ends += [(index, end) for end in gap_ends]
        stack += [(following, end + page.base) for following, end in ends]
        return False

    def _read_unit(self, text: bytes, at: int, index: int, ends: list[tuple[int, int]]) -> None:
        body, table = self.spelling.body, self.spelling.table
        unit = read_unit(text, at)
        if unit is None:
            return
        for meant in unit[0]:
            letters = meant.translate(table) if table else meant
            if not letters:
                if index:
                    ends.append((index, unit[1]))
            elif body.startswith(letters, index):
                ends.append((index + len(letters), unit[1]))
            elif letters == b"\r" and body[index] == 0x0A:
                ends.append((index, unit[1]))

    def _finish(self, page: Page, index: int, at: int, stack: list[tuple[int, int]]) -> None:
        """Take what belongs to the end: the last letter that holds bits of the value, and padding."""
        text, base = page.text, page.base
        spelling = self.spelling
        size = len(spelling.body)
        if spelling.behind and index == size:
            stack += self._take(page, index, at, spelling.behind)
            return
        taken = index - size - (1 if spelling.behind else 0)
        if self.stands_alone and at < len(text) and text[at] in _WORD:
            return
        if self.stands_alone and at == len(text) and not page.is_last:
            self.waiting.append((index, at + base))
            return
        self.end = max(self.end, at + base)
        if taken < spelling.pads:
            stack += self._take(page, index, at, b"=")

    def _take(self, page: Page, index: int, at: int, letters: bytes) -> list[tuple[int, int]]:
        """Return the ways on behind one letter of `letters`; what the text's end leaves open waits."""
        text, base, table = page.text, page.base, self.spelling.table
        if at == len(text):
            if not page.is_last:
                self.waiting.append((index, at + base))
            return []
        letter = text[at]
        if (table[letter] if table else letter) in letters:
            return [(index + 1, at + base + 1)]
        ways: list[tuple[int, int]] = []
        if letter in STARTS:
            if not page.is_last and is_open(text, at):
                self.waiting.append((index, at + base))
                return []
            unit = read_unit(text, at)
            for meant in unit[0] if unit else ():
                if len(meant) == 1 and (meant.translate(table) if table else meant) in letters:
                    ways = [(index + 1, unit[1] + base)] if unit else []
        if letters != b"=" and letter in _GAP_STARTS:
            gap_ends = read_gap(text, at, self.spelling.gaps, index, is_last=page.is_last)
            if gap_ends is None:
                self.waiting.append((index, at + base))
                return []
            ways += [(index, end + base) for end in gap_ends]
        return ways


def _next_stop(stops: list[int], index: int, size: int) -> int:
    low, high = 0, len(stops)
    while low < high:
        middle = (low + high) // 2
        if stops[middle] < index:
            low = middle + 1
        else:
            high = middle
    return stops[low] if low < len(stops) else size


def _count_equal(wanted: bytes, text: bytes, at: int, table: bytes | None) -> int:
    """Return how many of the wanted letters stand raw in the text at `at`."""
    # Most readings end within the first letters; what goes on is compared in pieces that grow.
    done, size = 0, 16
    while done < len(wanted):
        piece = wanted[done : done + size]
        given = text[at + done : at + done + len(piece)]
        if table:
            given = given.translate(table)
        if given == piece:
            done += len(piece)
            size *= 4
        elif len(piece) > 16:
            size = 16
        else:
            for one, other in zip(piece, given, strict=False):
                if one != other:
                    return done
                done += 1
            return done
    return done


def _is_x(text: bytes, at: int) -> bool:
    return text[at : at + 1] in (b"", b"x", b"X")


def _is_plain(body: bytes) -> bool:
    return body.isascii() and not any(sign in body for sign in (b"%", b"\\", b"&"))


def _is_open_quote(text: bytes, at: int) -> bool:
    rest = text[at : at + 12]
    return at + len(rest) == len(text) and len(rest) < 10 and not rest.strip(b"'\"\\")


def _double_quotes(text: bytes, at: int, index: int, wanted: int, ends: list[tuple[int, int]]) -> None:
    """Add the ends of a quote that is doubled (CSV, YAML, SQL), raw or escaped, or closed and opened again (shell)."""
    once = [end for following, end in ends if following == index + 1]
    ends += [(index + 1, 2 * end - at) for end in once if text.startswith(text[at:end], end)]
    ends += [(index + 1, at + len(form)) for form in _CLOSED_QUOTE[wanted] if text.startswith(form, at)]
