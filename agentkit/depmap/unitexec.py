"""Which commands does one `Exec…=` line of a unit hold, and what do its variables stand for?

By the rules of systemd.service(5), COMMAND LINES.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agentkit.core.unittext import BLANKS
from agentkit.depmap.unitspecifiers import Fill
from agentkit.depmap.unitwords import read_word, split_words

_QUOTING = re.compile(r"""["'\\]""")
# What systemd takes for no name of a program.
_UNSAFE = re.compile(r"""[\x01-\x1f"'\\\x7f]""")
_VARIABLE = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_WHOLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
MOST_NAME, MOST_PATH = 255, 4095
PRIVILEGED, NO_VARIABLES, IGNORES_FAILURE = "+", ":", "-"


@dataclass(frozen=True, slots=True)
class ExecCommand:
    """One command: its prefixes, the program as written, and its argument vector, specifiers filled in.

    `program` and `argv[0]` differ after the prefix `@` only.
    """

    prefixes: str
    program: str
    argv: tuple[str, ...]


class RefusedError(ValueError):
    """A line for which systemd refuses the whole unit."""


def read_commands(value: str, fill: Fill) -> Iterator[ExecCommand]:
    """Yield the commands of a line, which a lone `;` sets apart.

    Raises ValueError where systemd leaves out the rest of the line, and RefusedError where it refuses the unit.
    """
    at = 0
    while (found := read_word(value, at)) is not None:
        first, at = found
        if first == ";":
            continue
        prefixes, written = _split_prefixes(first)
        try:
            program = _check_program(fill(written))
            argv, at, goes_on = _read_arguments(value, at, fill)
            if "@" not in prefixes:
                argv.insert(0, program)
        except ValueError as error:
            if IGNORES_FAILURE in prefixes:
                raise
            raise RefusedError(str(error)) from None
        if not argv:
            raise (ValueError if IGNORES_FAILURE in prefixes else RefusedError)(f"{program} is given no name")
        yield ExecCommand(prefixes, program, tuple(argv))
        if not goes_on:
            return


def substitute(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the words with the variables that are given filled in; the others stay as written."""
    words = [argv[0]]
    for word in argv[1:]:
        whole = _WHOLE.fullmatch(word)
        if whole is None:
            words.append(_VARIABLE.sub(lambda found: _fill_in(found, environment), word) if "$" in word else word)
        elif whole[1] in environment:
            try:
                words.extend(split_words(environment[whole[1]]))
            except ValueError:
                words.append(environment[whole[1]])
        else:
            words.append(word)
    return tuple(words)


def find_variables(argv: Sequence[str]) -> Iterator[str]:
    """Yield the names of the variables that systemd fills in: `$NAME` as a whole word, `${NAME}` anywhere."""
    for word in argv[1:]:
        if "$" in word:
            if whole := _WHOLE.fullmatch(word):
                yield whole[1]
            yield from (found[1] for found in _VARIABLE.finditer(word) if found[1])


def _fill_in(found: re.Match[str], environment: Mapping[str, str]) -> str:
    return "$" if found[0] == "$$" else environment.get(found[1], found[0])


def _split_prefixes(word: str) -> tuple[str, str]:
    """Return the prefixes and the rest; each counts once, `+` and `!` shut each other out, and `!` comes doubled."""
    prefixes = ""
    for here in word:
        if here == "!" and prefixes.count("!") == 1 and "+" not in prefixes:
            prefixes += here
        elif here in prefixes or here not in "-@:+!|" or (here in "+!" and ("+" in prefixes or "!" in prefixes)):
            break
        else:
            prefixes += here
    return prefixes, word[len(prefixes) :]


def _check_program(path: str) -> str:
    if not path:
        raise ValueError("there is no program")
    if _UNSAFE.search(path):
        raise ValueError(f"{path!r} holds characters that no program's name may have")
    if path.endswith("/"):
        raise ValueError(f"{path} is a folder")
    parts = path.split("/")
    if (
        len(path) > MOST_PATH
        or max(map(len, parts)) > MOST_NAME
        or (len(parts) > 1 and parts[0])
        or path in (".", "..")
    ):
        raise ValueError(f"{path} is neither a program's name nor an absolute path")
    return path


def _read_arguments(value: str, at: int, fill: Fill) -> tuple[list[str], int, bool]:
    """Return the words up to the end or a lone `;`, the place behind it, and whether there was one."""
    if not _QUOTING.search(value, at):
        words = split_words(value[at:])
        if ";" not in words:
            return [fill(word) for word in words], len(value), False
    argv: list[str] = []
    while at < len(value):
        if _is_lone(value, at, ";"):
            return argv, at + 1, True
        if _is_lone(value, at, "\\;"):
            argv.append(";")
            at += 2
            while at < len(value) and value[at] in BLANKS:
                at += 1
            continue
        found = read_word(value, at)
        if found is None:
            break
        argv.append(fill(found[0]))
        at = found[1]
    return argv, at, False


def _is_lone(value: str, at: int, mark: str) -> bool:
    behind = at + len(mark)
    return value.startswith(mark, at) and (behind == len(value) or value[behind] in BLANKS)
