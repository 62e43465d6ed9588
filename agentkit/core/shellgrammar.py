"""Which commands do the words and operators of a shell text make?

POSIX.1-2017, Shell Command Language, 2.9 and 2.10, with what bash adds. What no shell would take does not end the
reading: a word that closes nothing is passed over, and what is never closed ends with the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from agentkit.core.shellcompounds import COMPOUNDS, TO_PARENTHESIS, read_parenthesis
from agentkit.core.shelltokens import DEEPEST, END, OPERATOR, PLAIN, REDIRECT, WORD, Tokens
from agentkit.core.shelltree import (
    FUNCTION,
    LIST,
    NOT,
    PIPELINE,
    SEQUENCE,
    SIMPLE,
    Assignment,
    Command,
    Redirect,
    Shell,
    Word,
)

ASSIGNED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*+(?:\[(?:[^\]\[]|\[[^\]]*\])*+\])?\+?=")
TIMED_COMPOUND = re.compile(r"(?:[ \t]+-p)?[ \t]+(?=[({!]|(?:if|for|while|until|case|select|\[\[)\s)")
# What has more of them is no text for a shell.
MOST_ERRORS = 2_000
# Some editors write it in front of a text.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
CLOSERS = frozenset({"then", "do", "done", "elif", "else", "fi", "esac", "}"})
Stops = frozenset[str]
ALWAYS: Stops = frozenset()


def read_shell(text: str) -> Shell:
    """Return what a shell makes of a text; what it would not take is passed over, and `is_whole` is False."""
    return read_shell_bytes(text.encode(errors="surrogateescape"))


def read_shell_bytes(raw: bytes) -> Shell:
    """Return what a shell makes of a text, as read_shell does."""
    grammar = Grammar(raw.decode("latin-1"))
    tokens = grammar.tokens
    if raw.startswith(BYTE_ORDER_MARK):
        tokens.end = len(BYTE_ORDER_MARK)
    tokens.go_on()
    body = grammar.read_sequence(ALWAYS)
    tokens.take_put_off()
    body.start, body.end = 0, len(raw)
    is_whole = tokens.is_closed and not grammar.errors
    return Shell(raw, body, is_whole, tuple(grammar.errors), tokens.substitutions)


class Grammar:
    """Reads commands off the tokens; each `_read` begins at the first token of what it reads and ends behind it.

    `stops` are the words and signs that those around wait for: none of them is an error of those within.
    """

    def __init__(self, text: str) -> None:
        self.tokens = Tokens(text, 0, len(text), self._read_substituted)
        self.errors: list[tuple[int, int]] = []
        self.stops: list[Stops] = []

    def _lose(self) -> None:
        """Note that no shell takes the token at hand, and pass over it."""
        tokens = self.tokens
        self.errors.append((tokens.start, tokens.end))
        if len(self.errors) > MOST_ERRORS:
            tokens.end = tokens.size
        tokens.go_on()

    def expect(self, value: str) -> int:
        """Take a word or sign that has to be there; return where it ends."""
        tokens = self.tokens
        if tokens.value == value and tokens.kind in (PLAIN, WORD, OPERATOR):
            end = tokens.end
            tokens.go_on()
            return end
        self.errors.append((tokens.start, tokens.end))
        return tokens.start

    def skip_lines(self) -> None:
        """Take the ends of lines at hand."""
        tokens = self.tokens
        while tokens.kind == OPERATOR and tokens.value == "\n":
            tokens.go_on()

    def _read_substituted(self) -> Command:
        stops, self.stops = self.stops, []
        self.tokens.go_on()
        body = self.read_sequence(TO_PARENTHESIS)
        self.stops = stops
        return body

    def read_sequence(self, stop: Stops) -> Command:
        """Read commands until a word or sign of `stop` is at hand, or one that somebody around waits for."""
        tokens, stops = self.tokens, self.stops
        stops.append(stop)
        begin = tokens.start
        parts: list[Command] = []
        joints: list[str] = []
        while tokens.kind != END:
            value = tokens.value
            if tokens.kind == OPERATOR and value != "(":
                if value in ("\n", ";"):
                    tokens.go_on()
                    continue
                if value in stop or any(value in outer for outer in stops):
                    break
                self._lose()
                continue
            if value in CLOSERS and tokens.kind != REDIRECT:
                if value in stop or any(value in outer for outer in stops):
                    break
                self._lose()
                continue
            part = self._read_list()
            if part is None:
                continue
            parts.append(part)
            joints.append("&" if tokens.kind == OPERATOR and tokens.value == "&" else ";")
            if tokens.kind == OPERATOR and tokens.value in (";", "&", "\n"):
                tokens.go_on()
            elif part.kind != SIMPLE and self._begins_command():
                self.errors.append((tokens.start, tokens.end))
        stops.pop()
        end = parts[-1].end if parts else begin
        return Command(SEQUENCE, begin, end, parts=tuple(parts), joints=tuple(joints))

    def _begins_command(self) -> bool:
        """Tell whether the token at hand can only begin a command: `(a) b` is two without anything between them."""
        tokens = self.tokens
        if tokens.kind == OPERATOR:
            return tokens.value == "("
        return tokens.kind in (PLAIN, WORD) and tokens.value not in CLOSERS

    def _read_list(self) -> Command | None:
        tokens = self.tokens
        first = self._read_pipeline()
        if tokens.kind != OPERATOR or tokens.value not in ("&&", "||"):
            return first
        parts = [] if first is None else [first]
        joints: list[str] = []
        while tokens.kind == OPERATOR and tokens.value in ("&&", "||"):
            sign, place = tokens.value, (tokens.start, tokens.end)
            tokens.go_on()
            self.skip_lines()
            part = self._read_pipeline()
            if part is None or not parts:
                self.errors.append(place)
            if part is not None:
                joints.extend([sign] if parts else ())
                parts.append(part)
        return _join(LIST, parts, joints)

    def _read_pipeline(self) -> Command | None:
        tokens = self.tokens
        start, is_turned = tokens.start, False
        while tokens.value in ("!", "time") and tokens.kind in (PLAIN, WORD):
            if tokens.value == "time":
                timed = TIMED_COMPOUND.match(tokens.text, tokens.end, tokens.size)
                if timed is None:
                    break
                tokens.end = timed.end()
            else:
                is_turned = not is_turned
            tokens.go_on()
        first = self.read_command()
        whole = first
        if tokens.kind == OPERATOR and tokens.value in ("|", "|&"):
            parts = [] if first is None else [first]
            joints: list[str] = []
            while tokens.kind == OPERATOR and tokens.value in ("|", "|&"):
                sign, place = tokens.value, (tokens.start, tokens.end)
                tokens.go_on()
                self.skip_lines()
                part = self.read_command()
                if part is None or not parts:
                    self.errors.append(place)
                if part is not None:
                    joints.extend([sign] if parts else ())
                    parts.append(part)
            whole = _join(PIPELINE, parts, joints)
        if whole is not None and is_turned:
            # A ! turns the status of the whole pipe.
            return Command(NOT, start, whole.end, parts=(whole,), joints=(";",))
        return whole

    def read_command(self) -> Command | None:
        """Read a command with its redirections; None where none begins."""
        tokens = self.tokens
        kind, value = tokens.kind, tokens.value
        if kind == REDIRECT:
            return self.read_simple()
        if kind == OPERATOR:
            if value != "(":
                return None
            read: Callable[[Grammar], Command] = read_parenthesis
        elif kind == END:
            return None
        else:
            if value in CLOSERS:
                return None
            if value not in COMPOUNDS:
                return self.read_simple()
            read = COMPOUNDS[value]
        if tokens.depth >= DEEPEST:
            self._lose()
            return None
        tokens.depth += 1
        command = read(self)
        tokens.depth -= 1
        redirects: list[Redirect] = []
        while tokens.kind == REDIRECT:
            redirects.append(tokens.redirect())
        if redirects:
            command.redirects = (*command.redirects, *redirects)
            command.end = max(command.end, redirects[-1].end)
        return command

    def read_simple(self) -> Command:
        """Read assignments, words and redirections, or a function whose name is the only word."""
        tokens = self.tokens
        start = end = tokens.start
        words: list[Word] = []
        assignments: list[Assignment] = []
        redirects: list[Redirect] = []
        bodies: list[Command] = []
        is_plain = True
        while True:
            kind = tokens.kind
            if kind in (PLAIN, WORD):
                word = tokens.word()
                assigned = ASSIGNED.match(word.raw) if not words and "=" in word.raw else None
                if assigned is None:
                    words.append(word)
                    is_plain = is_plain and kind == PLAIN
                else:
                    place = assigned.end()
                    begin = word.start + place
                    assignments.append(Assignment(word.raw[: place - 1], word.raw[place:], begin, word.end))
                    bodies.extend(tokens.bodies if kind == WORD else ())
                end = word.end
                tokens.go_on()
            elif kind == REDIRECT:
                redirects.append(tokens.redirect())
                end = redirects[-1].end
            elif kind == OPERATOR and tokens.value == "(":
                is_alone = len(words) == 1 and not assignments and not redirects
                if is_alone and tokens.take_parentheses():
                    return self.read_body(start, words[0])
                self._lose()
            else:
                break
        return Command(
            SIMPLE,
            start,
            end,
            tuple(words),
            tuple(assignments),
            tuple(redirects),
            () if words else tuple(bodies),
            (),
            tuple([word.raw for word in words]) if is_plain and words else None,
        )

    def read_body(self, start: int, name: Word) -> Command:
        """Read the body of a function, which is any command."""
        self.skip_lines()
        self.tokens.depth += 1
        body = self.read_command() if self.tokens.depth < DEEPEST else None
        self.tokens.depth -= 1
        if body is None:
            self.errors.append((start, name.end))
        end = name.end if body is None else body.end
        return Command(FUNCTION, start, end, (name,), parts=() if body is None else (body,))


def _join(kind: str, parts: list[Command], joints: list[str]) -> Command | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    return Command(kind, parts[0].start, parts[-1].end, parts=tuple(parts), joints=tuple(joints))
