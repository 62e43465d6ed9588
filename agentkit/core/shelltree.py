"""How does a shell read a text: which commands, joined by what, in which groups, with which redirections?

Nothing is run. core/shellgrammar.py reads the text; this is what it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from agentkit.core.shelltext import unquote

SIMPLE, PIPELINE, LIST, SEQUENCE, GROUP = "simple", "pipeline", "list", "sequence", "group"
IF, LOOP, FUNCTION, NOT = "if", "loop", "function", "not"
# What a part of an `if` or of a loop is for.
CONDITION, BODY, ELSE = "condition", "body", "else"


class Word(NamedTuple):
    """A word as it is written; `start` and `end` are bytes of the text."""

    raw: str
    start: int
    end: int

    @property
    def text(self) -> str:
        """The word without its quotes; what only a running shell can know stays as it is written."""
        return unquote(self.raw)


class Assignment(NamedTuple):
    """`name` (with its subscript, and a + before the =), the value as it is written, and the bytes of the value."""

    name: str
    raw: str
    start: int
    end: int

    @property
    def text(self) -> str:
        """The value without quotes."""
        return unquote(self.raw)


@dataclass(slots=True)
class Redirect:
    """`2>/dev/null` is (2, ">", "/dev/null"); without a number the descriptor is None, and `&>` means 1 and 2.

    `start` and `end` are bytes of the text, `word` those of the target; `body` those of a here-document, which is
    taken as it stands where its end was quoted (`is_quoted`). Not frozen: a body is read lines behind its operator.
    """

    descriptor: int | None
    operator: str
    target: str
    start: int
    end: int
    word: tuple[int, int] = (0, 0)
    body: tuple[int, int] | None = None
    is_quoted: bool = False


@dataclass(slots=True)
class Command:
    """A simple command, or one made of others.

    `joints` are what stands between the parts: `|` of a pipeline, `&&` and `||` of a list; of a sequence what stands
    behind each of them, `;` or `&`; of an `if` and a loop what each is for, CONDITION, BODY or ELSE. The parts of
    a simple command without words are what its assignments run. The words of a function are its name, those of a `for`
    its variable and what that goes through, that of a `case` what is looked at, those of its parts the patterns.
    `plain` are the words where each of them stands for itself whatever happens. Not frozen: a machine has so many.
    """

    kind: str
    start: int
    end: int
    words: tuple[Word, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    parts: tuple[Command, ...] = ()
    joints: tuple[str, ...] = ()
    plain: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Shell:
    """A text as a shell reads it; `is_whole` tells that it is one to the end, `errors` the bytes where it is not.

    `substitutions` are the texts that `$(…)` runs, by the byte at which they begin.
    """

    text: bytes
    body: Command
    is_whole: bool
    errors: tuple[tuple[int, int], ...] = ()
    substitutions: dict[int, Command] = field(default_factory=dict)


def walk_commands(command: Command) -> Iterator[Command]:
    """Yield the simple commands of a text, in their order."""
    todo = [command]
    while todo:
        each = todo.pop()
        if each.kind == SIMPLE:
            yield each
        todo.extend(reversed(each.parts))
