"""What may a word become, with what is known at one point of a shell script?"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from agentkit.depmap.calls import HOLE
from agentkit.depmap.pieces import (
    ARITHMETIC,
    LITERAL,
    PLAIN,
    PROCESS,
    SUBSTITUTION,
    VARIABLE,
    Piece,
    read_here_document,
    read_pieces,
)
from agentkit.depmap.splitting import ACTIVE, PASSIVE, append, expand_braces, split
from agentkit.depmap.values import MOST, OWN, UNKNOWN, Fields, State, Value, merge

LONGEST = 4096
PATTERNS = tuple(ACTIVE.values())
LONGEST_TEXT = 65536
# A word with expansions that is longer is not taken apart; what it runs is gone through all the same.
LONGEST_WORD = 16_384
# Words within words within words, and the parts of one: what has more of them nobody wrote.
DEEPEST = 24
MOST_PIECES = 2_000


@dataclass(slots=True)
class Expander:
    """Expands words; what needs more than the state comes in as functions.

    `run(piece, start, state)` gives what a substitution may print, of a word that begins at byte `start`;
    `list_names(pattern)` the names that match a pattern of an absolute path; `note(name, has_default)` is told of
    each variable that is taken from the environment.
    """

    run: Callable[[Piece, int, State], tuple[str, ...]]
    list_names: Callable[[str], list[str]]
    note: Callable[[str, bool], None]
    depth: int = 0

    def expand(self, word: str, state: State, start: int = 0) -> Value:
        """Return what a word may become: alternatives of the fields that it splits into."""
        known = read_constant(word)
        if known is not None:
            return known
        if len(word) > LONGEST_WORD:
            return UNKNOWN
        pieces = read_pieces(word)
        if len(pieces) == 1:
            simple = _read_simple(pieces[0], state)
            if simple is not None and (pieces[0].is_quoted or simple == UNKNOWN or PLAIN.match(simple[0][0])):
                return simple
        if self.depth >= DEEPEST or len(pieces) > MOST_PIECES:
            return UNKNOWN
        self.depth += 1
        found = self._expand_pieces(pieces, state, start)
        self.depth -= 1
        return found

    def _expand_pieces(self, pieces: list[Piece], state: State, start: int) -> Value:
        result: list[list[str]] = [[""]]
        is_quoted = False
        for piece in pieces:
            is_quoted = is_quoted or (piece.is_quoted and (piece.kind != VARIABLE or piece.text != "@"))
            fragments = self._expand_piece(piece, state, start)
            result = [append(done, fragment) for done in result for fragment in fragments][: MOST + 1]
            if len(result) > MOST:
                result = [[HOLE]]
        return merge([self._finish(fields, is_quoted=is_quoted) for fields in result])

    def expand_text(self, word: str, state: State, start: int = 0) -> tuple[str, ...]:
        """Return what a word may become where it is not split, as in an assignment."""
        known = read_constant_text(word)
        if known is not None:
            return known
        if len(word) > LONGEST_WORD:
            return (HOLE,)
        pieces = read_pieces(word)
        if len(pieces) == 1:
            simple = _read_simple(pieces[0], state)
            if simple is not None:
                return simple[0]
        return self._join_texts(pieces, state, start)

    def expand_body(self, text: str, state: State, start: int = 0) -> tuple[str, ...]:
        """Return what the text of a here-document may become."""
        return (HOLE,) if len(text) > LONGEST_TEXT else self._join_texts(read_here_document(text), state, start)

    def _join_texts(self, pieces: list[Piece], state: State, start: int) -> tuple[str, ...]:
        if self.depth >= DEEPEST or len(pieces) > MOST_PIECES:
            return (HOLE,)
        self.depth += 1
        found = self._join_pieces(pieces, state, start)
        self.depth -= 1
        return found

    def _join_pieces(self, pieces: list[Piece], state: State, start: int) -> tuple[str, ...]:
        texts: list[str] = [""]
        for piece in pieces:
            fragments = {" ".join(fields) for fields in self._expand_piece(piece, state, start)}
            texts = [text + fragment for text in texts for fragment in sorted(fragments)]
            if len(texts) > MOST:
                return (HOLE,)
        return tuple(dict.fromkeys(text.translate(PASSIVE)[:LONGEST_TEXT] for text in texts))

    def _finish(self, fields: list[str], *, is_quoted: bool) -> Value:
        done: list[str] = []
        for each in fields:
            if any(active in each for active in PATTERNS) or not each.isascii():
                names = self._match(each)
                done.extend(names)
            else:
                done.append(each[:LONGEST])
        if done == [""] and not is_quoted:
            return ((),)
        return (tuple(done),)

    def _match(self, text: str) -> list[str]:
        literal = text.translate(PASSIVE)
        if literal == text or HOLE in text:
            return [literal[:LONGEST]]
        return self.list_names(literal) or [literal]

    def _expand_piece(self, piece: Piece, state: State, start: int) -> list[list[str]]:
        if piece.kind == LITERAL:
            if piece.is_quoted:
                return [[piece.text]]
            return [expand_braces(piece.text)]
        if piece.kind == SUBSTITUTION:
            texts = self.run(piece, start, state)
            return [[text] if piece.is_quoted else split(text) for text in texts]
        if piece.kind == PROCESS:
            self.run(piece, start, state)
            return [[HOLE]]
        if piece.kind == ARITHMETIC:
            self._run_inside(piece.text, state, start + piece.start)
            return [[HOLE]]
        return [
            list(fields) if piece.is_quoted else [part for text in fields for part in split(text)] or [""]
            for fields in self._expand_variable(piece, state, start)
        ]

    def _run_inside(self, text: str, state: State, start: int) -> None:
        if "$" in text or "`" in text:
            self.expand_text(text.replace('"', " ").replace("'", " "), state, start)

    def _expand_variable(self, piece: Piece, state: State, start: int) -> Value:
        name, operator = piece.text, piece.operator
        value = self._read(name, piece, state)
        if piece.index is not None and ("$" in piece.index or "`" in piece.index):
            # It ends before the bracket and the operator, with which the piece's `start` counts.
            self.expand_text(piece.index, state, start + piece.start - 1 - len(piece.index))
        if piece.is_length:
            return UNKNOWN
        if piece.is_indirect:
            if value is None or operator.startswith(("*", "@")):
                return UNKNOWN
            names = [text for fields in value for text in fields[:1]]
            return merge([state.variables.get(each, UNKNOWN) for each in names])
        sign = operator.lstrip(":")[:1]
        argument = operator.lstrip(":")[1:]
        if sign in ("-", "=", "?", "+"):
            return self._default(piece, sign, argument, value, state, start=start)
        if value is None:
            if not (name.isdigit() or name in "@*" or name in OWN):
                self.note(name, False)
            return UNKNOWN
        if not operator:
            return value
        if operator[0] in "#%":
            return _map(value, lambda text: self._strip(operator, text, state))
        if operator[0] == "/":
            return _map(value, lambda text: self._replace(operator, text, state))
        self._run_inside(operator, state, start + piece.start)
        return UNKNOWN

    def _default(
        self, piece: Piece, sign: str, argument: str, value: Value | None, state: State, *, start: int
    ) -> Value:
        offset = start + piece.start + len(piece.operator) - len(argument)
        name = piece.text
        given: Value = ()
        if sign != "?":
            given = tuple((text,) for text in self.expand_text(argument, state, offset))
        if value is None and not name.isdigit() and name not in ("@", "*"):
            self.note(name, sign != "?")
        if sign == "?":
            return UNKNOWN if value is None else value
        if sign == "+":
            return merge([given, (("",),)])
        if value is None or all(not "".join(fields) for fields in value):
            result = merge([given, UNKNOWN]) if name.isdigit() or name in ("@", "*") else given
        else:
            is_known = all(HOLE not in "".join(fields) for fields in value)
            result = value if is_known else merge([value, given])
        if sign == "=":
            state.variables[name] = result
        return result

    def _read(self, name: str, piece: Piece, state: State) -> Value | None:
        if name in ("@", "*"):
            return None if state.positional is None else (_join(state.positional, piece, name),)
        if name == "0":
            return UNKNOWN if state.name is None else ((state.name,),)
        if name.isdigit():
            if state.positional is None:
                return state.variables.get(name)
            place = int(name) - 1
            return ((state.positional[place] if place < len(state.positional) else "",),)
        if name == "BASH_SOURCE":
            return UNKNOWN if state.source is None else ((state.source,),)
        if name == "PWD":
            return UNKNOWN if state.folder is None else ((state.folder,),)
        held = state.variables.get(name)
        element = None if piece.index is None else state.variables.get(f"{name}[{piece.index}]")
        if element is not None:
            return element
        if held is None:
            return UNKNOWN if name in OWN else None
        if piece.index in ("@", "*"):
            return tuple(_join(fields, piece, piece.index) for fields in held)
        place = int(piece.index) if piece.index is not None and piece.index.isdigit() else 0
        if piece.index is not None and not piece.index.isdigit():
            return merge([tuple((text,) for fields in held for text in fields) or UNKNOWN])
        return tuple(fields[place : place + 1] or ("",) for fields in held)

    def _strip(self, operator: str, text: str, state: State) -> str:
        [pattern, *others] = self.expand_text(operator.lstrip("#%"), state)
        if HOLE in text + pattern or others:
            return HOLE
        is_longest = operator[:2] in ("##", "%%")
        places = range(len(text) + 1)
        if operator[0] == "#":
            for place in reversed(places) if is_longest else places:
                if _fits(text[:place], pattern):
                    return text[place:]
            return text
        for place in places if is_longest else reversed(places):
            if _fits(text[place:], pattern):
                return text[:place]
        return text

    def _replace(self, operator: str, text: str, state: State) -> str:
        is_all = operator.startswith("//")
        pattern, _, new = operator[1 + is_all :].partition("/")
        [old, *others] = self.expand_text(pattern, state)
        [put, *more] = self.expand_text(new, state)
        if HOLE in text + old + put or others or more or not old or any(sign in old for sign in "*?[#%"):
            return HOLE
        return text.replace(old, put, -1 if is_all else 1)


@lru_cache(maxsize=8192)
def read_constant(word: str) -> Value | None:
    """Return what a word becomes whatever is known; None where that depends."""
    if PLAIN.match(word):
        return ((word,),)
    if "$" in word or "`" in word or "<(" in word or ">(" in word or not word.isascii() or len(word) > LONGEST:
        return None
    pieces = read_pieces(word)
    fields = [""]
    for piece in pieces:
        fields = append(fields, [piece.text] if piece.is_quoted else expand_braces(piece.text))
    if any(active in each for each in fields for active in PATTERNS) or any(len(each) > LONGEST for each in fields):
        return None
    return (tuple(fields),)


@lru_cache(maxsize=8192)
def read_constant_text(word: str) -> tuple[str, ...] | None:
    """Return what a word becomes where it is not split, whatever is known; None where that depends."""
    if PLAIN.match(word):
        return (word,)
    if "$" in word or "`" in word or "<(" in word or ">(" in word or not word.isascii() or "{" in word:
        return None
    if len(word) > LONGEST_TEXT:
        return (HOLE,)
    return ("".join(piece.text for piece in read_pieces(word))[:LONGEST_TEXT],)


def _read_simple(piece: Piece, state: State) -> Value | None:
    """Return the value of a variable that is taken as it is and holds one short field; else None."""
    if piece.kind != VARIABLE or piece.operator or piece.index is not None or piece.is_indirect or piece.is_length:
        return None
    held = state.variables.get(piece.text)
    if held is None or len(held) > 1 or len(held[0]) != 1 or piece.text == "PWD" or len(held[0][0]) > LONGEST:
        return None
    return held


def _join(fields: Fields, piece: Piece, how: str) -> Fields:
    return (" ".join(fields),) if how == "*" and piece.is_quoted else fields


def _fits(text: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(text, pattern.replace("[^", "[!"))


def _map(value: Value, change: Callable[[str], str]) -> Value:
    return merge([tuple(tuple(change(text) for text in fields) for fields in value)])
