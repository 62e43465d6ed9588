"""Which words may a command have, once all that stands in them is expanded?"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from agentkit.core.shelltree import Command
from agentkit.depmap.calls import HOLE
from agentkit.depmap.frames import Frame
from agentkit.depmap.shellbuiltins import DECLARES
from agentkit.depmap.values import MOST, Fields, Value

if TYPE_CHECKING:
    from agentkit.depmap.interpreter import Interpreter

MOST_WAYS = MOST * 4


def take_words(interpreter: Interpreter, command: Command, frame: Frame) -> list[Fields]:
    """Return what expand_words returned when the command was gone through, if that was the last one."""
    last, interpreter.last = interpreter.last, None
    return last[1] if last is not None and last[0] is command else expand_words(interpreter, command, frame)


def expand_words(interpreter: Interpreter, command: Command, frame: Frame) -> list[Fields]:
    """Return the alternatives of a simple command's words, at most MOST_WAYS."""
    if command.plain is not None:
        return [command.plain]
    first = command.words[0].raw
    if first in DECLARES:
        return [tuple([word.raw for word in command.words])]
    if first == "[[":
        # Nothing in it is split, or stands for the names of files.
        values: list[Value] = [
            tuple([(text,) for text in interpreter.expand_text(word, frame, start)]) for word, start, _ in command.words
        ]
    else:
        values = [interpreter.expand(word, frame, start) for word, start, _ in command.words]
    fields: list[str] = []
    for value in values:
        if len(value) > 1:
            return _combine(values)
        fields += value[0]
    return [tuple(fields)]


def _combine(values: list[Value]) -> list[Fields]:
    """Return each choice of one alternative of every word, each once."""
    taken: list[Value] = []
    count = 1
    for value in values:
        count *= len(value)
        # Of too many combinations the later words are not known one by one.
        taken.append(value if count <= MOST_WAYS or not taken else ((HOLE,),))
        count = min(count, MOST_WAYS)
    found = dict.fromkeys(tuple(field for part in parts for field in part) for parts in product(*taken))
    return list(found)[:MOST_WAYS]
