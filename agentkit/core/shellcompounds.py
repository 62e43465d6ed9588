"""How does a shell read what is not a simple command: groups, branches, loops, functions and tests?

POSIX.1-2017, Shell Command Language, 2.9.4 and 2.9.5, with what bash adds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from agentkit.core.shelltokens import END, OPERATOR, PLAIN, WORD
from agentkit.core.shelltree import BODY, CONDITION, ELSE, GROUP, IF, LOOP, SIMPLE, Command, Word

if TYPE_CHECKING:
    from agentkit.core.shellgrammar import Grammar

COPROC_COMPOUND = re.compile(r"[ \t]+(?:[A-Za-z_]\w*+[ \t]+)?(?=[({]|(?:if|for|while|until|case|select)\s)")
CASE_ENDS = frozenset({";;", ";&", ";;&"})
TO_THEN, TO_DO, TO_DONE, TO_BRACE = frozenset({"then"}), frozenset({"do"}), frozenset({"done"}), frozenset({"}"})
TO_PARENTHESIS, TO_FI, TO_CASE = frozenset({")"}), frozenset({"elif", "else", "fi"}), CASE_ENDS | {"esac"}


def read_function(grammar: Grammar) -> Command:
    """Read `function NAME [()]` and its body."""
    tokens = grammar.tokens
    start = tokens.start
    tokens.go_on()
    if tokens.kind not in (PLAIN, WORD):
        return Command(SIMPLE, start, tokens.start, (Word("function", start, start + 8),), plain=("function",))
    name = tokens.word()
    tokens.go_on()
    tokens.take_parentheses()
    return grammar.read_body(start, name)


def read_coproc(grammar: Grammar) -> Command:
    """Read `coproc [NAME]` and a compound command, else a simple one."""
    tokens = grammar.tokens
    compound = COPROC_COMPOUND.match(tokens.text, tokens.end, tokens.size)
    if compound is None:
        return grammar.read_simple()
    tokens.end = compound.end()
    tokens.go_on()
    start = tokens.start
    body = grammar.read_command()
    parts = () if body is None else (body,)
    return Command(GROUP, start, tokens.start, parts=parts, joints=("&",) * len(parts))


def read_parenthesis(grammar: Grammar) -> Command:
    """Read `(…)` and `((…))`."""
    tokens = grammar.tokens
    start = tokens.start
    if tokens.text.startswith("((", start):
        end = tokens.take_expression(start + 2)
        if end is not None:
            tokens.end = end
            tokens.go_on()
            return Command(GROUP, start, end)
    tokens.go_on()
    inner = grammar.read_sequence(TO_PARENTHESIS)
    end = grammar.expect(")")
    return Command(GROUP, start, end, parts=inner.parts, joints=inner.joints)


def read_braces(grammar: Grammar) -> Command:
    """Read `{ …; }`."""
    start = grammar.tokens.start
    grammar.tokens.go_on()
    inner = grammar.read_sequence(TO_BRACE)
    end = grammar.expect("}")
    return Command(GROUP, start, end, parts=inner.parts, joints=inner.joints)


def read_test(grammar: Grammar) -> Command:
    """Read `[[ … ]]`."""
    tokens = grammar.tokens
    start = tokens.start
    words = [Word("[[", start, tokens.end), *tokens.take_test()]
    if words[-1].raw != "]]":
        grammar.errors.append((start, start + 2))
    return Command(SIMPLE, start, words[-1].end, tuple(words))


def read_if(grammar: Grammar) -> Command:
    """Read `if … fi`."""
    tokens = grammar.tokens
    start = tokens.start
    parts: list[Command] = []
    joints: list[str] = []
    while tokens.value in ("if", "elif"):
        tokens.go_on()
        parts.append(grammar.read_sequence(TO_THEN))
        grammar.expect("then")
        parts.append(grammar.read_sequence(TO_FI))
        joints += [CONDITION, BODY]
        if tokens.value == "else":
            tokens.go_on()
            parts.append(grammar.read_sequence(TO_FI))
            joints.append(ELSE)
        if tokens.kind == END:
            break
    return Command(IF, start, grammar.expect("fi"), parts=tuple(parts), joints=tuple(joints))


def read_while(grammar: Grammar) -> Command:
    """Read `while` and `until`."""
    start = grammar.tokens.start
    grammar.tokens.go_on()
    condition = grammar.read_sequence(TO_DO)
    body, end = _read_do(grammar)
    return Command(LOOP, start, end, parts=(condition, body), joints=(CONDITION, BODY))


def _read_do(grammar: Grammar) -> tuple[Command, int]:
    tokens = grammar.tokens
    is_braced = tokens.value == "{" and tokens.kind in (PLAIN, WORD)
    grammar.expect("{" if is_braced else "do")
    body = grammar.read_sequence(TO_BRACE if is_braced else TO_DONE)
    return body, grammar.expect("}" if is_braced else "done")


def read_for(grammar: Grammar) -> Command:
    """Read `for`, with a list or `((…))`, and `select`."""
    tokens = grammar.tokens
    start = tokens.start
    tokens.go_on()
    words: list[Word] = []
    if tokens.kind == OPERATOR and tokens.text.startswith("((", tokens.start):
        end = tokens.take_expression(tokens.start + 2)
        tokens.end = tokens.end if end is None else end
        tokens.go_on()
    elif tokens.kind in (PLAIN, WORD):
        words.append(tokens.word())
        tokens.go_on()
        grammar.skip_lines()
        if tokens.value == "in" and tokens.kind in (PLAIN, WORD):
            tokens.go_on()
            while tokens.kind in (PLAIN, WORD):
                words.append(tokens.word())
                tokens.go_on()
    while tokens.kind == OPERATOR and tokens.value in (";", "\n"):
        tokens.go_on()
    body, end = _read_do(grammar)
    return Command(LOOP, start, end, tuple(words), parts=(body,), joints=(BODY,))


def read_case(grammar: Grammar) -> Command:
    """Read `case … esac`."""
    tokens = grammar.tokens
    start = tokens.start
    tokens.go_on()
    words: tuple[Word, ...] = ()
    if tokens.kind in (PLAIN, WORD):
        words = (tokens.word(),)
        tokens.go_on()
    grammar.skip_lines()
    grammar.expect("in")
    parts: list[Command] = []
    while True:
        grammar.skip_lines()
        if tokens.kind == END or (tokens.value == "esac" and tokens.kind == PLAIN):
            break
        patterns = _read_patterns(grammar)
        parts.append(grammar.read_sequence(TO_CASE))
        parts[-1].words = patterns
        if tokens.kind == OPERATOR and tokens.value in CASE_ENDS:
            tokens.go_on()
        elif tokens.value != "esac":
            break
    return Command(IF, start, grammar.expect("esac"), words, parts=tuple(parts), joints=(BODY,) * len(parts))


def _read_patterns(grammar: Grammar) -> tuple[Word, ...]:
    """Return those of `(a|b)`; its first parenthesis may be left out."""
    tokens = grammar.tokens
    words: list[Word] = []
    if tokens.kind == OPERATOR and tokens.value == "(":
        tokens.go_on()
    while tokens.kind in (PLAIN, WORD) or (tokens.kind == OPERATOR and tokens.value == "|"):
        if tokens.kind != OPERATOR:
            words.append(tokens.word())
        tokens.go_on()
    grammar.expect(")")
    return tuple(words)


COMPOUNDS: dict[str, Callable[[Grammar], Command]] = {
    "[[": read_test,
    "{": read_braces,
    "case": read_case,
    "coproc": read_coproc,
    "for": read_for,
    "function": read_function,
    "if": read_if,
    "select": read_for,
    "until": read_while,
    "while": read_while,
}
