"""Which words and operators does a shell text hold, one by one?

POSIX.1-2017, Shell Command Language, 2.3 (token recognition) and 2.7.4 (here-documents), with what bash adds. Offsets
are bytes of the text: it is taken as Latin-1, in which each letter is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from agentkit.core.shellquotes import find_backquote_end, find_brace_end, find_parenthesis_end, skip_one
from agentkit.core.shelltext import unquote
from agentkit.core.shelltree import Command, Redirect, Word

END, PLAIN, WORD, OPERATOR, REDIRECT = 0, 1, 2, 3, 4

# One match a token: blanks and comments, then a word whose letters stand for themselves, a word that is nothing but
# letters, quoted texts and simple variables, an operator, or a redirection. Behind any other word comes none of these.
# Groups with a choice that can fail halfway give back (`+`, not `++`): before 3.11.5 they take what failed
# (python/cpython#106052).
TOKEN = re.compile(
    r"""(?:[ \t\r\f\v]|\\\n|\#[^\n]*+)*+
    (?:
        ([A-Za-z0-9_./:=@%+,^-]++(?=[\s;&|)]|\Z))
      | ((?:
            [^\s;&|<>()$`"'\\]
          | '[^']*+'
          | "(?:[^"\\$`]|\\[\s\S]|\$(?:[A-Za-z_]\w*+|[0-9@*\#?!$-]|\{\w++\}))*"
          | \\[^\n]
          | \$(?:[A-Za-z_]\w*+|[0-9@*\#?!$-]|\{\w++\})
        )+(?=[\s;&|)]|\Z))
      | (\n|;;&|;&|;;|;|&&|&(?!>)|\|\||\|&|\||\(|\))
      | ((?:[0-9]++|\{\w++\})?(?:<<<|<<-|<<|<>|<&|<(?!\()|>>|>&|>\||>(?!\()|&>>|&>))
    )?+""",
    re.ASCII | re.VERBOSE,
)
RUN = re.compile(r"[^\s;&|<>()$`\"'\\]++", re.ASCII)
TEST_RUN = re.compile(r"[^\s$`\"'\\]++", re.ASCII)
DOUBLE_RUN = re.compile(r"[^\"\\$`]++")
BLANKS = re.compile(r"(?:\s|\\\n)*+", re.ASCII)
HERE_BLANKS = re.compile(r"(?:[ \t]|\\\n)*+")
CLOSING = re.compile(r"[ \t]*+\)")
NAMES_BEFORE_GLOB = "?*+@!"
TEST_ENDS = (*"\n \t;&|)", "")
ARRAY_BLANKS = re.compile(r"(?:\s|\\\n|\#[^\n]*+)*+", re.ASCII)
BRACE_RUN = re.compile(r"[^}\"'\\$`]++")
QUOTED_END = re.compile(r"[\"'\\]")
# An expression in (( )) is short; what is longer are two groups.
LONGEST_EXPRESSION = 4096
# What is nested deeper is passed over: Python's own stack is not to be tried.
DEEPEST = 60
# So many bytes are passed over to be read later.
MOST_LEFT = 4_000_000
MOST_SUBSTITUTIONS = 50_000
# Reading a substitution takes as much of it as two groups do.
STEP = 2


class Tokens:
    """Goes through a text; `kind`, `value`, `start` and `end` are those of the token at hand.

    `read_body()` reads the commands of a substitution, to the `)` or the end that closes it, and returns them; `bodies`
    are those of the word at hand, `substitutions` all of them by their first byte; those that are nested too deep
    are `put_off`. `depth` tells how deep in them the token is, `is_closed` that all that was opened in words is closed.
    """

    def __init__(self, text: str, at: int, size: int, read_body: Callable[[], Command]) -> None:
        self.text = text
        self.size = size
        self.kind = END
        self.value = ""
        self.start = at
        self.end = at
        self.depth = 0
        self.is_closed = True
        self.put_off: list[tuple[int, int]] = []
        self._left = 0
        self.bodies: list[Command] = []
        self.substitutions: dict[int, Command] = {}
        self._read_body = read_body
        self._is_ascii = text.isascii()
        # Here-documents whose body begins at the next end of a line: where it goes, its end, and whether tabs count.
        self._pending: list[tuple[Redirect, str, bool]] = []

    def go_on(self) -> None:
        """Take the next token; at the end of the text END, for ever."""
        found = TOKEN.match(self.text, self.end, self.size)
        assert found is not None
        kind = found.lastindex
        if kind is None:
            at = found.end()
            if at >= self.size:
                self.kind, self.value, self.start, self.end = END, "", at, at
                return
            self.bodies = []
            end = self._skip_word(at)
            if end == at:
                # A sign that begins nothing: `\` as the last letter, `<` before a parenthesis that is none.
                end = at + 1
            self.kind, self.start, self.end = WORD, at, end
            self.value = self.text[at:end]
            return
        self.kind = kind
        self.value = found[kind]
        self.start, self.end = found.span(kind)
        if kind == WORD:
            self.bodies = []
        elif kind == OPERATOR and self._pending and self.value == "\n":
            self.end = self._take_bodies(self.end)

    def spell(self, start: int, end: int) -> str:
        """Return a part of the text as it is written."""
        text = self.text[start:end]
        return text if self._is_ascii else text.encode("latin-1").decode(errors="surrogateescape")

    def word(self) -> Word:
        """Return the word at hand."""
        value = self.value if self._is_ascii else self.spell(self.start, self.end)
        return Word(value, self.start, self.end)

    def redirect(self) -> Redirect:
        """Return the redirection whose operator is at hand, and take the token behind it."""
        value, start, end = self.value, self.start, self.end
        operator = value.lstrip("0123456789")
        digits = value[: len(value) - len(operator)]
        if operator[0] == "{":
            operator = operator[operator.index("}") + 1 :]
        descriptor = int(digits) if digits and len(digits) < 6 else None
        if operator in ("<<", "<<-"):
            return self._read_here(operator, descriptor, start)
        self.go_on()
        if self.kind not in (PLAIN, WORD):
            return Redirect(descriptor, operator, "", start, end)
        word = self.word()
        target = word.raw if self.kind == PLAIN else unquote(word.raw)
        self.go_on()
        return Redirect(descriptor, operator, target, start, word.end, (word.start, word.end))

    def _read_here(self, operator: str, descriptor: int | None, start: int) -> Redirect:
        at = blanks_end = _end(HERE_BLANKS, self.text, self.end, self.size)
        while at < self.size and (behind := self._skip_plain(at)) > at:
            at = behind
        word = self.spell(blanks_end, at)
        is_quoted = QUOTED_END.search(word) is not None
        redirect = Redirect(descriptor, "<<", "", start, at, is_quoted=is_quoted)
        if at > blanks_end:
            end = unquote(word).encode(errors="surrogateescape").decode("latin-1")
            self._pending.append((redirect, end, operator == "<<-"))
        self.end = at
        self.go_on()
        return redirect

    def _skip_plain(self, at: int) -> int:
        """Return the end of a part of the word that ends a here-document: nothing is expanded in it."""
        found = RUN.match(self.text, at, self.size)
        if found is not None:
            return found.end()
        return (
            at + 1 if self.text[at] in "$`" else skip_one(self.text, at, self.size) if self.text[at] in "'\"\\" else at
        )

    def _take_bodies(self, at: int) -> int:
        """Give the here-documents that wait their bodies, that begin at a line; return where the text goes on."""
        text, size = self.text, self.size
        for redirect, end, strips in self._pending:
            begin, stop = at, size
            while at < size:
                close = text.find("\n", at, size)
                close = size if close < 0 else close
                line = text[at:close]
                if (line.lstrip("\t") if strips else line).rstrip("\r") == end:
                    stop = at
                    at = min(close + 1, size)
                    break
                at = close + 1
            at = min(at, size)
            redirect.body = (begin, min(stop, at))
        self._pending = []
        return at

    def take_test(self) -> list[Word]:
        """Return the words behind `[[`, the `]]` that ends them included, and take the token behind that."""
        words: list[Word] = []
        at = self.end
        while True:
            at = _end(BLANKS, self.text, at, self.size)
            begin = at
            while at < self.size:
                found = TEST_RUN.match(self.text, at, self.size)
                at = self._skip_special(at) if found is None else found.end()
                if at < self.size and self.text[at].isspace():
                    break
            if at == begin:
                break
            if self.text.startswith("]]", begin) and self.text[begin + 2 : begin + 3] in TEST_ENDS:
                at = begin + 2
                words.append(Word("]]", begin, at))
                break
            words.append(Word(self.spell(begin, at), begin, at))
        self.end = at
        self.go_on()
        return words

    def take_parentheses(self) -> bool:
        """Take the `()` behind the name of a function, and the token behind it; tell whether they were at hand."""
        is_open = self.kind == OPERATOR and self.value == "("
        closing = CLOSING.match(self.text, self.end, self.size) if is_open else None
        if closing is None:
            return False
        self.end = closing.end()
        self.go_on()
        return True

    def take_expression(self, at: int) -> int | None:
        """Return the byte behind the `))` that closes a `((` before `at`; None where there is none."""
        limit = min(self.size, at + LONGEST_EXPRESSION)
        close = find_parenthesis_end(self.text, at, limit)
        return close + 2 if close < limit and self.text[close + 1 : close + 2] == ")" else None

    def _skip_word(self, at: int) -> int:
        text, size = self.text, self.size
        begin = at
        while at < size:
            found = RUN.match(text, at, size)
            if found is not None:
                at = found.end()
                continue
            letter = text[at]
            if letter in "\"'\\$`":
                at = self._skip_special(at)
            elif letter in "<>" and text[at + 1 : at + 2] == "(":
                at = self._skip_substitution(at + 2)
            elif letter == "(" and at > begin and text[at - 1] == "=":
                at = self._skip_array(at + 1)
            elif letter == "(" and at > begin and text[at - 1] in NAMES_BEFORE_GLOB:
                at = min(find_parenthesis_end(text, at + 1, size) + 1, size)
            else:
                return at
        return at

    def _skip_special(self, at: int) -> int:
        text, size = self.text, self.size
        letter = text[at]
        if letter == '"':
            return self._skip_double(at + 1)
        if letter == "$":
            sign = text[at + 1 : at + 2]
            if sign == "[":
                return self._skip_brackets(at + 2)
            if sign == "(":
                if text[at + 2 : at + 3] == "(":
                    end = self.take_expression(at + 3)
                    if end is not None:
                        return end
                return self._skip_substitution(at + 2)
            if sign == '"':
                return self._skip_double(at + 2)
            if sign == "{":
                return self._skip_brace(at + 2, in_double=False)
        elif letter == "`":
            return self._skip_backquoted(at + 1)
        end = skip_one(text, at, size)
        if end >= size and letter in "'$" and text[size - 1] != "'":
            # A quote of either kind that nothing closes; of a lone `$` at the end that is not so.
            self.is_closed = self.is_closed and letter == "$" and text[at + 1 : at + 2] != "'"
        elif end == size == at + 1 and letter == "'":
            self.is_closed = False
        return end

    def _skip_double(self, at: int) -> int:
        """Return the end of a double quoted text whose inside begins at `at`."""
        text, size = self.text, self.size
        while at < size:
            found = DOUBLE_RUN.match(text, at, size)
            if found is not None:
                at = found.end()
            elif text[at] == '"':
                return at + 1
            elif text.startswith("${", at):
                at = self._skip_brace(at + 2, in_double=True)
            elif text[at] == "$" and text[at + 1 : at + 2] != "(":
                at += 1
            else:
                at = self._skip_special(at)
        self.is_closed = False
        return size

    def _skip_brace(self, at: int, *, in_double: bool) -> int:
        """Return the end of a `${` whose inside begins at `at`."""
        text, size = self.text, self.size
        if self.depth >= DEEPEST:
            self.is_closed = False
            return min(find_brace_end(text, at, size, in_double=in_double) + 1, size)
        self.depth += 1
        while at < size:
            found = BRACE_RUN.match(text, at, size)
            if found is not None:
                at = found.end()
            elif text[at] == "}":
                break
            elif text[at] == "'" and in_double:
                at += 1
            elif text.startswith("${", at):
                at = self._skip_brace(at + 2, in_double=in_double)
            else:
                at = self._skip_special(at)
        self.depth -= 1
        self.is_closed = self.is_closed and at < size
        return min(at + 1, size)

    def _skip_brackets(self, at: int) -> int:
        """Return the end of `$[…]`, the old way to write `$((…))`; its inside begins at `at`."""
        text, size = self.text, self.size
        while at < size and text[at] not in "]\n":
            at = self._skip_special(at) if text[at] in "\"'\\$`" else at + 1
        return min(at + 1, size)

    def _skip_array(self, at: int) -> int:
        """Return the end of `(…)` behind a `=`; its inside begins at `at`."""
        text, size = self.text, self.size
        if self.depth >= DEEPEST:
            self.is_closed = False
            return min(find_parenthesis_end(text, at, size) + 1, size)
        self.depth += 1
        at = _end(ARRAY_BLANKS, text, at, size)
        while at < size and text[at] != ")":
            at = _end(ARRAY_BLANKS, text, max(self._skip_word(at), at + 1), size)
        self.depth -= 1
        self.is_closed = self.is_closed and at < size
        return min(at + 1, size)

    def _skip_substitution(self, at: int) -> int:
        """Return the end of a `$(` or `<(` whose inside begins at `at`."""
        if self.depth >= DEEPEST or len(self.substitutions) >= MOST_SUBSTITUTIONS:
            close = find_parenthesis_end(self.text, at, self.size)
            self.is_closed = self.is_closed and close < self.size
            self._put_off(at, close)
            return min(close + 1, self.size)
        body = self._read_inside(at)
        self.substitutions[at] = body
        if self.kind == OPERATOR and self.value == ")":
            return self.end
        self.is_closed = False
        return self.size

    def _skip_backquoted(self, at: int) -> int:
        text, size = self.text, self.size
        close = find_backquote_end(text, at, size)
        if self.depth >= DEEPEST or len(self.substitutions) >= MOST_SUBSTITUTIONS:
            self._put_off(at, close)
        else:
            self.size = close
            body = self._read_inside(at)
            self.size = size
            if text.find("\\", at, close) < 0:
                self.substitutions[at] = body
        self.is_closed = self.is_closed and close < size
        return min(close + 1, size)

    def _put_off(self, at: int, close: int) -> None:
        """Leave what is nested too deep for later, unless so much was left already that nobody wrote the text."""
        self._left += close - at
        if close < self.size and self._left < MOST_LEFT and len(self.substitutions) < MOST_SUBSTITUTIONS:
            self.put_off.append((at, close))
        else:
            self.is_closed = False

    def take_put_off(self) -> None:
        """Read what was nested too deep, from an empty stack."""
        size = self.size
        while self.put_off:
            at, close = self.put_off.pop()
            self.size = close
            self.substitutions[at] = self._read_inside(at)
            self.size = size

    def _read_inside(self, at: int) -> Command:
        """Read the commands of a substitution that begins at `at`; the token at hand is what ends them then."""
        pending, bodies = self._pending, self.bodies
        self._pending, self.end = [], at
        self.depth += STEP
        body = self._read_body()
        self.depth -= STEP
        self._pending, self.bodies = [*pending, *self._pending], [*bodies, body]
        return body


def _end(pattern: re.Pattern[str], text: str, at: int, size: int) -> int:
    """Return where a pattern that always fits ends."""
    found = pattern.match(text, at, size)
    return at if found is None else found.end()
