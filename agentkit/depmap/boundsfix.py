"""How does a command read once the words that bound it are put in?"""

from __future__ import annotations

import re
import shlex

from agentkit.depmap.boundsgap import KILL_AFTER_S, Gap
from agentkit.depmap.calls import HOLE, Call

# A word of shell text as it is written, quotes and expansions taken whole as far as they do not nest.
WORD = re.compile(
    r"(?:\\.|'[^']*'|\"(?:\\.|\$\((?:[^()\"]|\"[^\"]*\")*\)|[^\"\\])*\"|\$\((?:[^()]|\([^()]*\))*\)|\$\{[^}]*\}|`[^`]*`"
    r"|[^\s\\'\"`;&|<>()$]|\$(?![({])|\$)+",
    re.DOTALL,
)
ASSIGNED = re.compile(r"[A-Za-z_]\w*\+?=")
REDIRECTED = re.compile(r"\d*[<>]")
# What stands for all words at once: nothing can be put behind the first of them.
ALL = frozenset({'"$@"', "$@", "$*", '"$*"'})


def write_fix(gap: Gap, call: Call) -> str:
    """Return the call's own text with its bound, as it can be pasted."""
    if gap.instead is not None:
        return gap.instead
    text = call.text.lstrip("|& \t\n") if call.text else ""
    spot = _find_program(text, call.words[0])
    if spot is None:
        spot = _find_first(text)
        if spot is not None and text[spot[0] : spot[1]] in ALL:
            return f"timeout -k {KILL_AFTER_S} {gap.limit_s} {text}"
        if gap.add is not None and HOLE not in "".join(call.words):
            name, *rest = call.words
            return " ".join([shlex.quote(name), gap.add, *map(shlex.quote, rest)])
        if gap.add is not None and spot is not None and text[spot[0]] == "$":
            return f"{text[: spot[1]]} {gap.add}{text[spot[1] :]}"
    elif gap.add is not None:
        return f"{text[: spot[1]]} {gap.add}{text[spot[1] :]}"
    at = 0 if spot is None else spot[0]
    return f"{text[:at]}timeout -k {KILL_AFTER_S} {gap.limit_s} {text[at:]}"


def _find_program(text: str, program: str) -> tuple[int, int] | None:
    """Return where the program's name stands in the text, behind whatever wraps it."""
    for start, end in _list_words(text):
        word = text[start:end]
        if word == program or (word[:1] in "'\"\\" and word.strip("'\"\\") == program):
            return start, end
    return None


def _find_first(text: str) -> tuple[int, int] | None:
    return next(iter(_list_words(text)), None)


def _list_words(text: str) -> list[tuple[int, int]]:
    """Return the words of a simple command in front of its first redirection; its assignments are left out."""
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(text):
        if text[at].isspace() or text.startswith("\\\n", at):
            at += 2 if text[at] == "\\" else 1
            continue
        redirect = REDIRECTED.match(text, at)
        if redirect and not found:
            rest = re.compile(r"\d*[<>]+&?\s*\S+").match(text, at)
            at = rest.end() if rest else len(text)
            continue
        match = WORD.match(text, at)
        if match is None:
            at += 1
            continue
        if found or not ASSIGNED.match(text, at):
            found.append((at, match.end()))
        at = match.end()
    return found
