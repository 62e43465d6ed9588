"""What may a command print, where another is made of that: in `$(…)`, or through a pipe?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentkit.core.shelltree import CONDITION, GROUP, IF, LIST, SEQUENCE, SIMPLE, Command
from agentkit.depmap.assignments import assign_all
from agentkit.depmap.builtincalls import change_state
from agentkit.depmap.calls import HOLE, Fed
from agentkit.depmap.commandwords import take_words
from agentkit.depmap.frames import DEEPEST_CALL, Frame
from agentkit.depmap.outputs import find_output
from agentkit.depmap.pieces import Piece
from agentkit.depmap.redirections import read_redirects
from agentkit.depmap.shellbuiltins import CHANGING
from agentkit.depmap.values import MOST, State

if TYPE_CHECKING:
    from agentkit.depmap.interpreter import Interpreter

SILENT = frozenset({"[", "[[", "test", ":", "true"})


def run_substitution(
    interpreter: Interpreter, piece: Piece, start: int, state: State, frame: Frame | None
) -> tuple[str, ...]:
    """Go through the text of a substitution and return what it may print; its word begins at byte `start`."""
    if frame is None or frame.depth > DEEPEST_CALL:
        return (HOLE,)
    source, begin = frame.source, start + piece.start
    body = interpreter.read(source).substitutions.get(begin)
    if body is None:
        source = source.within(piece.text.encode(errors="surrogateescape"), begin, start)
        body = interpreter.read(source).body
    elif source.base is not None:
        interpreter.substituted.add((source.file, source.base + begin))
    inner = frame.deeper(source)
    inner.state, inner.feed = state.copy(), None
    interpreter.walk(body, inner.subshell())
    return _find_printed(interpreter, body, inner)


def find_feed(interpreter: Interpreter, part: Command, frame: Frame) -> Fed:
    """Return what a part of a pipeline gives to the next one."""
    if part.kind != SIMPLE or not part.words:
        return Fed((), None)
    alternatives = take_words(interpreter, part, frame)
    words = alternatives[0] if len(alternatives) == 1 else ()
    if not words:
        return Fed((), None)
    text: str | None = None
    _, stdin = read_redirects(interpreter, part.redirects, frame)
    if words == ("cat",):
        text = stdin if stdin is not None else frame.feed.text if frame.feed else None
    elif words[0] in ("echo", "printf"):
        [output, *others] = _find_simple(interpreter, part, frame)
        text = None if others or output == HOLE else output
    return Fed(words, text)


def _find_printed(interpreter: Interpreter, command: Command, frame: Frame) -> tuple[str, ...]:
    """Return what a text may print; where its commands are not known to be simple ones, HOLE."""
    if command.kind == SIMPLE:
        return _find_simple(interpreter, command, frame)
    if command.kind in (SEQUENCE, GROUP, LIST) and command.parts:
        outputs: tuple[str, ...] = ("",)
        for place, part in enumerate(command.parts):
            told = _find_printed(interpreter, part, frame)
            if command.kind == LIST and place and command.joints[place - 1] == "||":
                outputs = tuple(dict.fromkeys((*outputs, *told)))
            elif outputs == ("",):
                outputs = told
            elif told != ("",):
                return (HOLE,)
        return outputs if len(outputs) <= MOST else (HOLE,)
    if command.kind == IF:
        texts = [
            text
            for part, joint in zip(command.parts, command.joints, strict=True)
            if joint != CONDITION
            for text in _find_printed(interpreter, part, frame)
        ]
        return tuple(dict.fromkeys(texts)) if texts and len(texts) <= MOST else (HOLE,)
    return (HOLE,)


def _find_simple(interpreter: Interpreter, command: Command, frame: Frame) -> tuple[str, ...]:
    if not command.words:
        assign_all(interpreter, command, frame)
        return (HOLE,) if command.redirects else ("",)
    outputs: dict[str, None] = {}
    for words in take_words(interpreter, command, frame):
        if not words:
            return (HOLE,)
        definition = frame.functions.get(words[0])
        if definition is not None and frame.depth < DEEPEST_CALL:
            inner = frame.deeper(definition.source)
            inner.state = frame.state.copy()
            inner.state.positional = words[1:]
            outputs.update(dict.fromkeys(_find_printed(interpreter, definition.body, inner)))
        elif words[0] in CHANGING and (words[0] != "printf" or words[1:2] == ("-v",)):
            change_state(interpreter, words, command, frame)
            outputs[""] = None
        elif words[0] in SILENT:
            outputs[""] = None
        else:
            resolve = interpreter.disk.real_or_same
            outputs[find_output(words, frame.state.folder, resolve) if words[0] != HOLE else HOLE] = None
    return tuple(outputs) if len(outputs) <= MOST else (HOLE,)
