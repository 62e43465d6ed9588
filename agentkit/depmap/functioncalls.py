"""What does a shell function do when it is called with these words?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentkit.core.shelltree import Command
from agentkit.depmap.callnotes import Said, note_call, note_unknown
from agentkit.depmap.calls import FUNCTION, UNKNOWN, Place
from agentkit.depmap.frames import DEEPEST_CALL, TOO_DEEP, Definition, Frame
from agentkit.depmap.values import Fields

if TYPE_CHECKING:
    from agentkit.depmap.interpreter import Interpreter

# So many steps are taken in one function, and in all that it calls: a small one is gone through for each of two
# hundred calls, a large one for some. Later calls are noted, but what they do is known by then.
MOST_STEPS = 1_500
LEAST_STEPS = 6


def define(interpreter: Interpreter, command: Command, frame: Frame) -> None:
    """Remember a function under its name; what it does shows when it is called."""
    if not command.words or not command.parts:
        return
    name = command.words[0].text
    if "$" in name:
        note_unknown(interpreter, (name,), command, frame, None, reason="the name of the function is not known")
        return
    place = Place(frame.source.file, frame.source.line_of(command.start))
    definition = Definition(name, command.parts[0], frame.source, place, is_inner=bool(frame.wrappers))
    frame.functions[name] = definition
    if not definition.is_inner:
        interpreter.script.functions.setdefault((frame.source.file, name), place)
        # One that is defined twice has two bodies, and nobody may call the first.
        interpreter.defined.setdefault(definition.key, (definition, frame))


def call_function(interpreter: Interpreter, definition: Definition, words: Fields, frame: Frame, said: Said) -> None:
    """Note a call of a function, and go through its body with the words of that call."""
    if not definition.is_inner:
        note_call(interpreter, FUNCTION, words, said, frame, target=definition.place.file)
    if frame.depth > DEEPEST_CALL and definition.key not in interpreter.spent:
        note_call(interpreter, UNKNOWN, words, said, frame, target=words[0], reason=TOO_DEEP)
        return
    enter(interpreter, definition, words[1:], frame)


def enter(interpreter: Interpreter, definition: Definition, arguments: Fields | None, frame: Frame) -> None:
    """Go through a function's body with the words of one call (None: unknown ones)."""
    key = definition.key
    way = (key, arguments, frame.wrappers, frame.loops and frame.loops[-1].number)
    spent = interpreter.spent.get(key, 0)
    if way in interpreter.entered or spent >= MOST_STEPS or frame.depth > DEEPEST_CALL:
        return
    interpreter.spent[key] = spent
    interpreter.entered.add(way)
    begin = interpreter.steps
    state = frame.state
    before, state.positional = state.positional, arguments
    inner = frame.deeper(definition.source)
    inner.function = frame.function if definition.is_inner else definition.name
    inner.changed = []
    interpreter.walk(definition.body, inner)
    interpreter.spent[key] += LEAST_STEPS + interpreter.steps - begin
    state.positional = before
    for variable, value in reversed(inner.changed):
        if value is None:
            state.variables.pop(variable, None)
        else:
            state.variables[variable] = value
