"""Of which pieces is a word of shell text made: literal text, variables, substitutions?

The grammar is that of POSIX.1-2017, Shell Command Language, 2.2 and 2.6, with the expansions that bash adds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from agentkit.core.shellquotes import (
    find_ansi_end,
    find_backquote_end,
    find_brace_end,
    find_double_end,
    find_parenthesis_end,
)

LITERAL, VARIABLE, SUBSTITUTION, PROCESS, ARITHMETIC = "literal", "variable", "substitution", "process", "arithmetic"

PLAIN = re.compile(r"[A-Za-z0-9_./:=@%+,^\-]+\Z")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!\-]")
SPECIAL = re.compile(r"[\\'\"$`<>]")
SPECIAL_IN_DOUBLE = re.compile(r"[\\$`]")
# Before these a backslash in double quotes is none (POSIX.1-2017, Shell Command Language, 2.2.3).
ESCAPED_IN_DOUBLE = '$`"\\'
BACKQUOTED = re.compile(r"\\([$`\\])")
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


class _Reader:
    """Goes through one word."""

    def __init__(self, word: str) -> None:
        self.word = word

    def read(self, start: int, end: int, *, in_double: bool) -> list[Piece]:
        """Return the pieces of a part of the word."""
        word, at = self.word, start
        pieces: list[Piece] = []
        special = SPECIAL_IN_DOUBLE if in_double else SPECIAL
        text = ""
        while at < end:
            found = special.search(word, at, end)
            place = end if found is None else found.start()
            text += word[at:place]
            if found is None:
                break
            if word[place] == "\\" and (in_double or word[place + 1 : place + 2] == "\n"):
                text += _read_backslash(word[place + 1 : place + 2])
                at = place + 2
                continue
            more, at = self._read_special(place, end, in_double=in_double)
            if not more:
                # A sign that begins nothing is a letter.
                text += word[place:at]
                continue
            if text:
                pieces.append(Piece(LITERAL, text, in_double))
                text = ""
            pieces.extend(more)
        return [*pieces, Piece(LITERAL, text, in_double)] if text else pieces

    def _read_special(self, at: int, end: int, *, in_double: bool) -> tuple[list[Piece], int]:
        """Return the pieces that begin with a sign, and where they end."""
        word = self.word
        letter = word[at]
        if letter == "\\":
            return [Piece(LITERAL, word[at + 1 : at + 2], is_quoted=True)], at + 2
        if letter == "'":
            close = word.find("'", at + 1, end)
            close = end if close < 0 else close
            return [Piece(LITERAL, word[at + 1 : close], is_quoted=True, start=at + 1)], close + 1
        if letter == '"':
            close = find_double_end(word, at + 1, end)
            inner = self.read(at + 1, close, in_double=True)
            return inner or [Piece(LITERAL, "", is_quoted=True)], close + 1
        if letter == "`":
            close = find_backquote_end(word, at + 1, end)
            text = BACKQUOTED.sub(r"\1", word[at + 1 : close])
            return [Piece(SUBSTITUTION, text, in_double, at + 1)], close + 1
        if letter == "$" and at + 1 < end:
            piece, after = self._read_dollar(at, end, in_double=in_double)
            return [] if piece is None else [piece], after
        if letter in "<>" and word[at + 1 : at + 2] == "(":
            close = find_parenthesis_end(word, at + 2, end)
            return [Piece(PROCESS, word[at + 2 : close], in_double, at + 2)], close + 1
        return [], at + 1

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
            close = find_brace_end(word, at + 2, end, in_double=in_double)
            return _read_braced(word[at + 2 : close], in_double, at + 2), close + 1
        if following == "'" and not in_double:
            close = find_ansi_end(word, at + 2, end)
            return Piece(LITERAL, _read_ansi(word[at + 2 : close]), True, at + 2), close + 1
        if following == '"' and not in_double:
            close = find_double_end(word, at + 2, end)
            inner = self.read(at + 2, close, in_double=True)
            text = "".join(piece.text for piece in inner if piece.kind == LITERAL)
            return Piece(LITERAL, text, True, at + 2), close + 1
        found = NAME.match(word, at + 1, end)
        if found is None:
            return None, at + 1
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


def _read_backslash(following: str) -> str:
    """Return what a backslash in double quotes and the letter behind it stand for."""
    if following == "\n":
        return ""
    return following if following and following in ESCAPED_IN_DOUBLE else "\\" + following


def _read_ansi(text: str) -> str:
    pieces: list[str] = []
    letters = iter(text)
    for letter in letters:
        following = next(letters, "") if letter == "\\" else None
        pieces.append(letter if following is None else ANSI.get(following, following))
    return "".join(pieces)
