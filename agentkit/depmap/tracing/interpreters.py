"""Which script does an interpreter run, by the words that it was started with?

Nothing else of these words is looked at, and none is kept.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from agentkit.core.launchers import LAUNCHERS, SHELLS, skip_options
from agentkit.core.plainfiles import open_plain
from agentkit.depmap.touches import FILES
from agentkit.depmap.wrappers import PLAIN as MORE_LAUNCHERS
from agentkit.depmap.wrappers import SPECIAL

HEAD_BYTES = 512
# What is in front of another program, and what starts others by its words: the map takes them apart.
FRONTS = frozenset(LAUNCHERS) | MORE_LAUNCHERS.keys()
WRAPPERS = FRONTS | SPECIAL.keys()
_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*t?$")
_OTHERS = re.compile(r"(?:perl|ruby|node|nodejs|php|lua)[0-9.]*$")


class Options(NamedTuple):
    """Options of an interpreter: letters that take a value, and those behind which a text stands, no file's name."""

    letters: str
    texts: str
    names: tuple[str, ...] = ()


PYTHON = Options("WX", "c")
SHELL = Options("oO", "cs", ("rcfile", "init-file"))
OTHERS = {
    "perl": Options("IMmFClx", "eE"),
    "ruby": Options("ICEFrW", "e"),
    "node": Options("rC", "ep", ("require", "import", "loader")),
    "php": Options("cdz", "rBRE", ("php-ini", "define")),
    "lua": Options("l", "e"),
}


class Running(NamedTuple):
    """What an interpreter runs: a script as it was named, a module of Python, or neither (a text, or a person)."""

    script: str | None = None
    module: str | None = None


def is_shell(name: str) -> bool:
    """Tell whether a program of that name is a shell."""
    return name in SHELLS


def is_python(name: str) -> bool:
    """Tell whether a program of that name is Python."""
    return _PYTHON.match(name) is not None


def is_interpreter(name: str) -> bool:
    """Tell whether a program of that name runs scripts."""
    return is_shell(name) or is_python(name) or _OTHERS.match(name) is not None


def starts_by_itself(name: str) -> bool:
    """Tell whether what a program of that name starts is its own affair, and not that of its words."""
    return not (name in WRAPPERS or is_interpreter(name))


def acts_by_itself(name: str, kind: str) -> bool:
    """Tell whether an edge of that kind is a program's own affair: of some tools it is known which words are files."""
    return starts_by_itself(name) and (kind == "exec" or name not in FILES)


def find_script(name: str, words: Sequence[str]) -> Running:
    """Return what the interpreter `name` runs when it is started with these words, its own name first."""
    options = SHELL if is_shell(name) else PYTHON if is_python(name) else OTHERS.get(_key(name))
    if options is None:
        return Running()
    words = tuple(words)
    for at, word in enumerate(words[1:], 1):
        if word[:1] not in "-+" or word in ("", "-", "--"):
            break
        if word.startswith("--"):
            if word in ("--eval", "--print", "--command"):
                return Running()
            continue
        if is_python(name) and (found := re.match(r"-[a-zA-Z]*?m(.*)", word)) and "c" not in word[: word.index("m")]:
            module = found[1] or (words[at + 1] if at + 1 < len(words) else "")
            return Running(module=module or None)
        letters = re.match(r"[-+]([a-zA-Z]*)", word)
        if letters and word[0] == "-" and any(letter in options.texts for letter in _own(letters[1], options)):
            return Running()
    at = skip_options(tuple(word.replace("+", "-", 1) for word in words), 1, options.letters, options.names)
    return Running(script=words[at]) if at < len(words) and words[at] not in ("", "-") else Running()


def read_interpreter(path: str) -> str | None:
    """Return the name of the interpreter in the first line of a script; None where it is no script, or gone."""
    try:
        with open_plain(path) as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return None
    if not head.startswith(b"#!"):
        return None
    words = os.fsdecode(head[2:].split(b"\n", 1)[0]).split()
    while words and os.path.basename(words[0]) == "env":
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    return os.path.basename(words[0]) if words else ""


def _own(letters: str, options: Options) -> str:
    """Return the letters of one word up to the first that takes the rest of it."""
    for place, letter in enumerate(letters):
        if letter in options.letters:
            return letters[:place]
    return letters


def _key(name: str) -> str:
    return name.rstrip("0123456789.").removesuffix("js") if name.startswith("node") else name.rstrip("0123456789.")
