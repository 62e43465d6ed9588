"""What does a shell function do when it is called with these words?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentkit.core.shelltree import Command
from agentkit.depmap.callnotes import Said, note_call
from agentkit.depmap.calls import FUNCTION, Place
from agentkit.depmap.frames import DEEPEST_CALL, Definition, Frame
from agentkit.depmap.values import Fields

if TYPE_CHECKING:
    from agentkit.depmap.interpreter import Interpreter

# So many calls of one function are gone through; later ones are noted, but what they do is known by then.
MOST_CALLS = 48


def define(interpreter: Interpreter, command: Command, frame: Frame) -> None:
    """Remember a function under its name; what it does shows when it is called."""
    if not command.words or not command.parts:
        return
    name = command.words[0].text
    place = Place(frame.source.file, frame.source.line_of(command.start))
    definition = Definition(name, command.parts[0], frame.source, place, is_inner=bool(frame.wrappers))
    frame.functions[name] = definition
    if not definition.is_inner and (frame.source.file, name) not in interpreter.script.functions:
        interpreter.script.functions[frame.source.file, name] = place
        interpreter.defined.append((definition, frame))


def call_function(interpreter: Interpreter, definition: Definition, words: Fields, frame: Frame, said: Said) -> None:
    """Note a call of a function, and go through its body with the words of that call."""
    if not definition.is_inner:
        note_call(interpreter, FUNCTION, words, said, frame, target=definition.place.file)
    interpreter.called.add(definition)
    enter(interpreter, definition, words[1:], frame)


def enter(interpreter: Interpreter, definition: Definition, arguments: Fields | None, frame: Frame) -> None:
    """Go through a function's body with the words of one call (None: unknown ones)."""
    # Each text of a function that is defined twice has its own count.
    name = f"{definition.place.file}#{definition.name}#{definition.body.start}"
    key = (name, arguments, frame.wrappers, frame.loops and frame.loops[-1].number)
    count = interpreter.entries.get(name, 0)
    if key in interpreter.entered or count >= MOST_CALLS or frame.depth > DEEPEST_CALL:
        return
    interpreter.entries[name] = count + 1
    interpreter.entered.add(key)
    state = frame.state
    before, state.positional = state.positional, arguments
    inner = frame.deeper(definition.source)
    inner.function = frame.function if definition.is_inner else definition.name
    inner.changed = []
    interpreter.walk(definition.body, inner)
    state.positional = before
    for variable, value in reversed(inner.changed):
        if value is None:
            state.variables.pop(variable, None)
        else:
            state.variables[variable] = value
