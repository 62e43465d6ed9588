"""Where are the here-documents of a shell text, and how does the text read without them?

The grammar loses its way where two stand in a line, or a pipe goes on behind one. So their bodies are taken out before it
reads the text (POSIX.1-2017, Shell Command Language, 2.7.4), and `<<END` is left as `< END`, each at its place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

END_WORD = re.compile(rb"-?[ \t]*((?:\\.|'[^'\n]*'|\"[^\"\n]*\"|[^\s;&|()<>'\"\\`])+)", re.DOTALL)
QUOTES = re.compile(rb"[\"'\\]")


@dataclass(frozen=True, slots=True)
class HereDocument:
    """A here-document: the bytes of its body, without the end; it is taken as it stands where the end is quoted."""

    start: int
    end: int
    is_quoted: bool


def take_out(text: bytes) -> tuple[bytes, dict[int, HereDocument]]:
    """Return the text with its here-documents blanked out, and these by the byte at which their `<<` stands."""
    if b"<<" not in text:
        return text, {}
    return _Scanner(text).scan()


class _Scanner:
    """Goes through a text once; `pending` are the documents whose body begins at the next end of a line."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.result = bytearray(text)
        self.found: dict[int, HereDocument] = {}
        self.pending: list[tuple[int, bytes, bool, bool]] = []

    def scan(self) -> tuple[bytes, dict[int, HereDocument]]:
        text = self.text
        # What is open, innermost last: `"` of a quoted text, `(` of `$(` and `(`, `{` of `${`, `+` of `$((`.
        opened: list[str] = []
        at, size = 0, len(text)
        while at < size:
            letter = text[at : at + 1]
            inside = opened[-1] if opened else ""
            if letter == b"\\":
                at += 2
            elif letter == b"\n":
                at = self._take_bodies(at + 1) if self.pending else at + 1
            elif letter == b'"':
                opened.pop() if inside == '"' else opened.append('"')
                at += 1
            elif letter == b"$" and text[at + 1 : at + 2] in (b"(", b"{"):
                sign = "+" if text.startswith(b"$((", at) else "(" if text[at + 1 : at + 2] == b"(" else "{"
                opened.append(sign)
                at += 3 if sign == "+" else 2
            elif inside == '"':
                at += 1
            elif letter == b"'" and inside != "+":
                close = text.find(b"'", at + 1)
                at = size if close < 0 else close + 1
            elif letter == b"#" and inside in ("", "(") and (at == 0 or text[at - 1 : at] in b" \t\n;&|("):
                close = text.find(b"\n", at)
                at = size if close < 0 else close
            elif letter == b"(" and (inside in ("(", "+") or text.startswith(b"((", at)):
                is_arithmetic = text.startswith(b"((", at) and inside != "("
                opened.append("+" if is_arithmetic else "(")
                at += 2 if is_arithmetic else 1
            elif letter == b")" and inside in ("(", "+"):
                opened.pop()
                at += 2 if inside == "+" and text.startswith(b"))", at) else 1
            elif letter == b"}" and inside == "{":
                opened.pop()
                at += 1
            elif text.startswith(b"<<", at) and inside not in ("+", "{"):
                at = self._take_operator(at)
            else:
                at += 1
        return bytes(self.result), self.found

    def _take_operator(self, at: int) -> int:
        if self.text.startswith(b"<<<", at):
            return at + 3
        found = END_WORD.match(self.text, at + 2)
        if found is None:
            return at + 2
        word = found.group(1)
        is_quoted = QUOTES.search(word) is not None
        end = re.sub(rb"\\(.)|[\"']", lambda match: match.group(1) or b"", word, flags=re.DOTALL)
        strips = self.text[at + 2 : at + 3] == b"-"
        self.result[at + 1 : at + 2 + strips] = b" " * (1 + strips)
        self.pending.append((at, end, strips, is_quoted))
        return found.end()

    def _take_bodies(self, at: int) -> int:
        text = self.text
        for operator, end, strips, is_quoted in self.pending:
            begin = at
            stop = len(text)
            while at < len(text):
                close = text.find(b"\n", at)
                close = len(text) if close < 0 else close
                line = text[at:close]
                if (line.lstrip(b"\t") if strips else line).rstrip(b"\r") == end:
                    stop = at
                    at = min(close + 1, len(text))
                    break
                at = close + 1
            at = min(at, len(text))
            self.found[operator] = HereDocument(begin, min(stop, at), is_quoted)
            self.result[begin:at] = re.sub(rb"[^\n]", b" ", text[begin:at])
        self.pending.clear()
        return at
