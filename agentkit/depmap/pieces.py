"""Of which pieces is a word of shell text made: literal text, variables, substitutions?

The grammar is that of POSIX.1-2017, Shell Command Language, 2.2 and 2.6, with the expansions that bash adds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

LITERAL, VARIABLE, SUBSTITUTION, PROCESS, ARITHMETIC = "literal", "variable", "substitution", "process", "arithmetic"

PLAIN = re.compile(r"[A-Za-z0-9_./:=@%+,^\-]+\Z")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!\-]")
SPECIAL_IN_DOUBLE = '$`"\\\n'
ANSI = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v", "0": ""}


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a word.

    `text` is the literal text, the name of the variable, or the text that a substitution runs; `start` where that
    text begins in the word, in characters. Of `${name[index]op}` there are `index` and `operator`, which holds all
    that follows the name. `is_indirect` tells of `${!name}`, `is_length` of `${#name}`.
    """

    kind: str
    text: str
    is_quoted: bool = False
    start: int = 0
    index: str | None = None
    operator: str = ""
    is_indirect: bool = False
    is_length: bool = False


@lru_cache(maxsize=4096)
def read_pieces(word: str) -> list[Piece]:
    """Return the pieces of one word as it is written; never raises: what is not closed ends with the word."""
    if PLAIN.match(word):
        return [Piece(LITERAL, word)]
    return _Reader(word).read(0, len(word), in_double=False)


def read_here_document(text: str) -> list[Piece]:
    """Return the pieces of a here-document whose end is not quoted: quotes are letters in it."""
    return _Reader(text).read(0, len(text), in_double=True)


def split_words(text: str) -> list[tuple[int, int]]:
    """Return where the words of a text begin and end, as a shell sets them apart by blanks."""
    words: list[tuple[int, int]] = []
    at, begin = 0, -1
    while at < len(text):
        if text[at].isspace():
            if begin >= 0:
                words.append((begin, at))
                begin = -1
            at += 1
            continue
        begin = at if begin < 0 else begin
        at = min(_skip(text, at, len(text), in_double=False), len(text))
    return words if begin < 0 else [*words, (begin, len(text))]


class _Reader:
    """Goes through one word; `at` is the next character."""

    def __init__(self, word: str) -> None:
        self.word = word

    def read(self, start: int, end: int, *, in_double: bool) -> list[Piece]:
        word, at = self.word, start
        pieces: list[Piece] = []
        text: list[str] = []

        def flush(*, is_quoted: bool) -> None:
            if text:
                pieces.append(Piece(LITERAL, "".join(text), is_quoted))
                text.clear()

        while at < end:
            letter = word[at]
            if letter == "\\":
                following = word[at + 1 : at + 2]
                if in_double and following not in SPECIAL_IN_DOUBLE:
                    text.append(letter)
                elif following == "\n":
                    following = ""
                elif not in_double:
                    flush(is_quoted=False)
                    pieces.append(Piece(LITERAL, following, is_quoted=True))
                    following = ""
                text.append(following)
                at += 2
            elif letter == "'" and not in_double:
                flush(is_quoted=False)
                close = word.find("'", at + 1)
                close = end if close < 0 else close
                pieces.append(Piece(LITERAL, word[at + 1 : close], is_quoted=True, start=at + 1))
                at = close + 1
            elif letter == '"' and not in_double:
                flush(is_quoted=False)
                close = find_double_end(word, at + 1, end)
                inner = self.read(at + 1, close, in_double=True)
                pieces.extend(inner or [Piece(LITERAL, "", is_quoted=True)])
                at = close + 1
            elif letter == "$" and at + 1 < end:
                piece, after = self._read_dollar(at, end, in_double=in_double)
                if piece is None:
                    text.append(letter)
                    at += 1
                    continue
                flush(is_quoted=in_double)
                pieces.append(piece)
                at = after
            elif letter == "`":
                flush(is_quoted=in_double)
                close = find_backquote_end(word, at + 1, end)
                inner_text = re.sub(r"\\([$`\\])", r"\1", word[at + 1 : close])
                pieces.append(Piece(SUBSTITUTION, inner_text, in_double, at + 1))
                at = close + 1
            elif letter in "<>" and not in_double and word[at + 1 : at + 2] == "(":
                flush(is_quoted=False)
                close = find_parenthesis_end(word, at + 2, end)
                pieces.append(Piece(PROCESS, word[at + 2 : close], in_double, at + 2))
                at = close + 1
            else:
                text.append(letter)
                at += 1
        flush(is_quoted=in_double)
        return pieces

    def _read_dollar(self, at: int, end: int, *, in_double: bool) -> tuple[Piece | None, int]:
        word = self.word
        following = word[at + 1]
        if word.startswith("$((", at):
            close = find_parenthesis_end(word, at + 2, end)
            return Piece(ARITHMETIC, word[at + 3 : close - 1], in_double, at + 3), close + 1
        if following == "[":
            close = word.find("]", at, end)
            close = end if close < 0 else close
            return Piece(ARITHMETIC, word[at + 2 : close], in_double, at + 2), close + 1
        if following == "(":
            close = find_parenthesis_end(word, at + 2, end)
            return Piece(SUBSTITUTION, word[at + 2 : close], in_double, at + 2), close + 1
        if following == "{":
            close = find_brace_end(word, at + 2, end)
            return _read_braced(word[at + 2 : close], in_double, at + 2), close + 1
        if following == "'" and not in_double:
            close = at + 2
            while close < end and word[close] != "'":
                close += 2 if word[close] == "\\" else 1
            return Piece(LITERAL, _read_ansi(word[at + 2 : close]), True, at + 2), close + 1
        if following == '"' and not in_double:
            close = find_double_end(word, at + 2, end)
            inner = self.read(at + 2, close, in_double=True)
            text = "".join(piece.text for piece in inner if piece.kind == LITERAL)
            return Piece(LITERAL, text, True, at + 2), close + 1
        found = NAME.match(word, at + 1, end)
        if found is None:
            return None, at
        name = found.group()
        name = name[0] if name[0].isdigit() else name
        return Piece(VARIABLE, name, in_double, at + 1), at + 1 + len(name)


def _read_braced(text: str, is_quoted: bool, start: int) -> Piece:
    rest, is_length, is_indirect = text, False, False
    if rest.startswith("#") and len(rest) > 1 and NAME.match(rest, 1):
        is_length, rest = True, rest[1:]
    elif rest.startswith("!") and len(rest) > 1:
        is_indirect, rest = True, rest[1:]
    found = NAME.match(rest)
    if found is None:
        return Piece(VARIABLE, "", is_quoted, start, operator=rest)
    name, rest = found.group(), rest[found.end() :]
    index = None
    if rest.startswith("["):
        close = rest.find("]")
        close = len(rest) if close < 0 else close
        index, rest = rest[1:close], rest[close + 1 :]
    return Piece(VARIABLE, name, is_quoted, start + len(text) - len(rest), index, rest, is_indirect, is_length)


def find_double_end(word: str, at: int, end: int) -> int:
    """Return where a double quoted text ends that begins at `at`: the index of its quote, or `end`."""
    while at < end:
        letter = word[at]
        if letter == '"':
            return at
        at = _skip(word, at, end, in_double=True)
    return end


def find_backquote_end(word: str, at: int, end: int) -> int:
    """Return the index of the backquote that closes, or `end`."""
    while at < end and word[at] != "`":
        at += 2 if word[at] == "\\" else 1
    return min(at, end)


def find_parenthesis_end(word: str, at: int, end: int) -> int:
    """Return the index of the parenthesis that closes what was opened before `at`, or `end`."""
    depth = 1
    in_case = 0
    while at < end:
        letter = word[at]
        if letter == "#" and (at == 0 or word[at - 1] in " \t\n;(|&"):
            line_end = word.find("\n", at)
            at = end if line_end < 0 else line_end
            continue
        if letter == "(":
            depth += 1
        elif letter == ")":
            # The pattern of a case ends with one that nobody opened.
            if in_case and depth == 1 and not _closes_case(word, at, end):
                at += 1
                continue
            depth -= 1
            if depth == 0:
                return at
        elif letter in "ce" and (at == 0 or word[at - 1] in " \t\n;(|&"):
            if re.match(r"case\s", word[at : at + 5]):
                in_case += 1
            elif re.match(r"esac(?![A-Za-z0-9_])", word[at : at + 5]):
                in_case = max(0, in_case - 1)
        at = _skip(word, at, end, in_double=False)
    return end


def _closes_case(word: str, at: int, end: int) -> bool:
    return re.search(r"(?<![A-Za-z0-9_])esac(?![A-Za-z0-9_])", word[at:end]) is None


def find_brace_end(word: str, at: int, end: int) -> int:
    """Return the index of the brace that closes `${`, or `end`."""
    while at < end:
        if word[at] == "}":
            return at
        at = _skip(word, at, end, in_double=False)
    return end


def _skip(word: str, at: int, end: int, *, in_double: bool) -> int:
    """Return the index behind what begins at `at`: a quoted text, a substitution or one letter."""
    letter = word[at]
    if letter == "\\":
        return at + 2
    if letter == "'" and not in_double:
        close = word.find("'", at + 1, end)
        return end if close < 0 else close + 1
    if letter == '"' and not in_double:
        return find_double_end(word, at + 1, end) + 1
    if letter == "`":
        return find_backquote_end(word, at + 1, end) + 1
    if letter == "$" and word[at + 1 : at + 2] == "(":
        return find_parenthesis_end(word, at + 2, end) + 1
    if letter == "$" and word[at + 1 : at + 2] == "{":
        return find_brace_end(word, at + 2, end) + 1
    return at + 1


def _read_ansi(text: str) -> str:
    pieces: list[str] = []
    letters = iter(text)
    for letter in letters:
        following = next(letters, "") if letter == "\\" else None
        pieces.append(letter if following is None else ANSI.get(following, following))
    return "".join(pieces)
