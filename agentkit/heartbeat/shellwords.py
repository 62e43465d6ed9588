"""How does a shell take a command line apart: which commands would it run, with which words?

As much of POSIX sh (2.2 quoting, 2.6 expansions, 2.9 commands) as it takes to find programs in crontab lines. Nothing
is run: what only a running shell can know stays as it is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

OPERATORS = ("&&", "||", ";;", "|&", "<<", ">>", "<&", ">&", ";", "&", "|", "(", ")", "<", ">", "\n", "`")
REDIRECTIONS = frozenset({"<<", ">>", "<&", ">&", "<", ">"})
# Words that stand before a command and are none.
OPENERS = frozenset({"{", "!", "if", "then", "elif", "else", "while", "until", "do"})


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command: its words, assignments in front included, redirections left out.

    `is_fallback` says that it stands behind `||`: it runs only when what stands before it has failed.
    """

    words: tuple[str, ...]
    is_fallback: bool


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    is_operator: bool
    is_quoted: bool = False


def split_commands(text: str, variables: Mapping[str, str]) -> list[Command]:
    """Return the simple commands of a command line, in their order, with the `$NAME`s that are known put in."""
    commands: list[Command] = []
    words: list[str] = []
    after_or, skips_file = False, False
    depth, fallback_depth = 0, -1
    for token in (*_tokenize(text, variables), _Token("\n", is_operator=True)):
        if not token.is_operator:
            if skips_file:
                skips_file = False
            elif words or token.is_quoted or token.text not in OPENERS | {"}"}:
                words.append(token.text)
            elif token.text == "{":
                depth += 1
                fallback_depth = depth if after_or and fallback_depth < 0 else fallback_depth
            elif token.text == "}":
                fallback_depth = -1 if depth == fallback_depth else fallback_depth
                depth -= 1
            continue
        skips_file = token.text in REDIRECTIONS
        if skips_file:
            continue
        if words:
            commands.append(Command(tuple(words), after_or or fallback_depth >= 0))
            words, after_or = [], False
        if token.text == "(":
            depth += 1
            fallback_depth = depth if after_or and fallback_depth < 0 else fallback_depth
        elif token.text == ")":
            fallback_depth = -1 if depth == fallback_depth else fallback_depth
            depth -= 1
        after_or = token.text == "||" or (after_or and token.text in ("\n", "("))
    return commands


def _tokenize(text: str, variables: Mapping[str, str]) -> Iterator[_Token]:
    word: str | None = None
    is_quoted = False
    place = 0
    while place < len(text):
        letter = text[place]
        operator = next((sign for sign in OPERATORS if text.startswith(sign, place)), None)
        if operator or letter in " \t\r":
            # The 2 of `2>file` is no word.
            if word is not None and not (operator in REDIRECTIONS and word.isdigit() and not is_quoted):
                yield _Token(word, is_operator=False, is_quoted=is_quoted)
            word, is_quoted = None, False
            if operator:
                yield _Token(operator, is_operator=True)
            place += len(operator or letter)
        elif letter == "#" and word is None:
            end = text.find("\n", place)
            place = len(text) if end < 0 else end
        elif letter == "'":
            end = text.find("'", place + 1)
            end = len(text) if end < 0 else end
            word, is_quoted, place = (word or "") + text[place + 1 : end], True, end + 1
        elif letter == '"':
            value, place = _read_double_quoted(text, place + 1, variables)
            word, is_quoted = (word or "") + value, True
        elif letter == "\\":
            following = text[place + 1 : place + 2]
            if following != "\n":
                word, is_quoted = (word or "") + following, True
            place += 2
        elif letter == "$":
            value, place = _expand(text, place, variables)
            *whole, rest = value.split() or [""]
            for piece in whole:
                yield _Token((word or "") + piece, is_operator=False)
                word = None
            word = (word or "") + rest if rest or word else word
        elif letter == "~" and text[place + 1 : place + 2] in ("/", "", " ") and (word is None or word[-1:] == "="):
            word, place = (word or "") + variables.get("HOME", "~"), place + 1
        else:
            word, place = (word or "") + letter, place + 1
    if word is not None:
        yield _Token(word, is_operator=False, is_quoted=is_quoted)


def _read_double_quoted(text: str, place: int, variables: Mapping[str, str]) -> tuple[str, int]:
    """Return what stands in double quotes, and the place behind them; a quote that is never closed goes to the end."""
    value = ""
    while place < len(text) and text[place] != '"':
        if text[place] == "\\" and text[place + 1 : place + 2] in ("$", "`", '"', "\\", "\n"):
            value += text[place + 1].replace("\n", "")
            place += 2
        elif text[place] == "$":
            piece, place = _expand(text, place, variables)
            value += piece
        else:
            value += text[place]
            place += 1
    return value, place + 1


def _expand(text: str, place: int, variables: Mapping[str, str]) -> tuple[str, int]:
    """Return the value of the `$NAME`, `${NAME}` or `${NAME:-WORD}` at this place, and the place behind it."""
    end = text.find("}", place)
    if text.startswith("${", place) and end > 0:
        name, given, default = text[place + 2 : end].partition(":-")
        if name.isidentifier() and (given or name in variables):
            return variables.get(name) or default, end + 1
        return text[place : end + 1], end + 1
    end = place + 1
    while text[place + 1 : end + 1].isidentifier() and end < len(text):
        end += 1
    name = text[place + 1 : end]
    return variables.get(name, text[place:end]), max(end, place + 1)
