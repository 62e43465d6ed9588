"""Which ways lead through a command that is made of others: groups, lists, pipes, branches, loops?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agentkit.core.shelltree import (
    CONDITION,
    ELSE,
    FUNCTION,
    GROUP,
    IF,
    LIST,
    LOOP,
    NOT,
    PIPELINE,
    SEQUENCE,
    SIMPLE,
    Command,
)
from agentkit.depmap.callnotes import LONGEST_TEXT, Said, note_call
from agentkit.depmap.calls import BUILTIN, HOLE, Fed, Loop
from agentkit.depmap.frames import Frame
from agentkit.depmap.functioncalls import define
from agentkit.depmap.printing import find_feed
from agentkit.depmap.redirections import read_redirects
from agentkit.depmap.values import MOST, Fields, State, Value, join_states

if TYPE_CHECKING:
    from agentkit.depmap.interpreter import Interpreter

# Rounds through a loop that takes its words off one by one with `shift`.
MOST_ROUNDS = 8
OWN_TEXT = frozenset({"$0", '"$0"', "${0}", '"${0}"'})
CASE_VARIABLE = re.compile(r"\"?\$\{?([A-Za-z_]\w*|[1-9])\}?\"?")


def walk_compound(interpreter: Interpreter, command: Command, frame: Frame) -> None:
    """Go through a command and all that it is made of."""
    kind = command.kind
    if command.redirects:
        redirects, _ = read_redirects(interpreter, command.redirects, frame)
        note_call(interpreter, BUILTIN, (), Said("", frame.place(command.start), redirects), frame)
    if kind in (SEQUENCE, NOT):
        _walk_sequence(interpreter, command, frame)
    elif kind == GROUP:
        _walk_group(interpreter, command, frame)
    elif kind == LIST:
        for place, part in enumerate(command.parts):
            if place == 0:
                interpreter.walk(part, frame)
            else:
                _walk_branches(interpreter, [part], frame, may_skip=True)
    elif kind == PIPELINE:
        _walk_pipeline(interpreter, command, frame)
    elif kind == IF:
        _walk_if(interpreter, command, frame)
    elif kind == LOOP:
        _walk_loop(interpreter, command, frame)
    else:
        assert kind == FUNCTION
        define(interpreter, command, frame)


def _walk_sequence(interpreter: Interpreter, command: Command, frame: Frame) -> None:
    for place, part in enumerate(command.parts):
        inner = frame
        if place < len(command.joints) and command.joints[place] == "&":
            inner = frame.subshell()
            inner.is_background = True
        interpreter.walk(part, inner)
        if part.kind == SIMPLE and inner is frame and _hands_over(part):
            return


def _hands_over(command: Command) -> bool:
    """Tell whether the rest of the script is a text for another program: `exec tclsh "$0" "$@"`."""
    words = command.words
    return bool(words) and words[0].raw == "exec" and not OWN_TEXT.isdisjoint(word.raw for word in words)


def _walk_group(interpreter: Interpreter, command: Command, frame: Frame) -> None:
    opening = frame.source.text[command.start : command.start + 2]
    if opening == b"((":
        interpreter.expand_text(frame.source.raw(command.start + 2, command.end - 2), frame, command.start + 2)
    _walk_sequence(interpreter, command, frame.subshell() if opening[:1] == b"(" else frame)


def _walk_branches(interpreter: Interpreter, parts: list[Command], frame: Frame, *, may_skip: bool) -> None:
    """Go through each of the parts from the same state; then any of them was taken, or none."""
    ends: list[State] = [frame.state.copy()] if may_skip else []
    for part in parts:
        state = frame.state.copy()
        interpreter.walk(part, frame.with_state(state))
        ends.append(state)
    join_states(frame.state, ends)


def _walk_pipeline(interpreter: Interpreter, command: Command, frame: Frame) -> None:
    feed: Fed | None = frame.feed
    for part in command.parts:
        inner = frame.subshell()
        inner.feed = feed
        interpreter.walk(part, inner)
        feed = find_feed(interpreter, part, inner)


def _walk_if(interpreter: Interpreter, command: Command, frame: Frame) -> None:
    if command.words:
        _walk_case(interpreter, command, frame)
        return
    bodies: list[Command] = []
    is_sure = False
    for part, joint in zip(command.parts, command.joints, strict=True):
        if joint == CONDITION:
            interpreter.walk(part, frame)
        else:
            bodies.append(part)
            is_sure = is_sure or joint == ELSE
    _walk_branches(interpreter, bodies, frame, may_skip=not is_sure)


def _walk_case(interpreter: Interpreter, command: Command, frame: Frame) -> None:
    word = command.words[0]
    held = interpreter.expand_text(word.raw, frame, word.start)
    name = CASE_VARIABLE.fullmatch(word.raw)
    ends: list[State] = [frame.state.copy()]
    for part in command.parts:
        patterns = [text for each in part.words for text in interpreter.expand_text(each.raw, frame, each.start)]
        state = frame.state.copy()
        # Where a pattern stands for itself the variable holds just that: `case $1 in start|stop) $1 …`.
        given: Value | None = None
        if (
            name is not None
            and HOLE in "".join(held)
            and patterns
            and not any(set("*?[" + HOLE) & set(each) for each in patterns)
        ):
            given = tuple((each,) for each in patterns)
            before = state.variables.get(name[1])
            state.variables[name[1]] = given
        interpreter.walk(part, frame.with_state(state))
        if given is not None and name is not None and state.variables.get(name[1]) is given:
            if before is None:
                del state.variables[name[1]]
            else:
                state.variables[name[1]] = before
        ends.append(state)
    join_states(frame.state, ends)


def _walk_loop(interpreter: Interpreter, command: Command, frame: Frame) -> None:
    source = frame.source
    word = source.raw(command.start, command.start + 6).split(None, 1)[0].strip(";(")
    text = source.raw(command.start, min(command.end, command.start + LONGEST_TEXT))
    loop_place = frame.place(command.start)
    if command.words:
        _set_loop_variable(interpreter, command, frame)
    before = frame.state.copy()
    for _ in range(MOST_ROUNDS):
        positional = frame.state.positional
        for part, joint in zip(command.parts, command.joints, strict=True):
            inside = frame.copy()
            inside.loops = (*frame.loops, Loop(word, joint, command.start, loop_place, text))
            interpreter.walk(part, inside)
        # `while [ $# -gt 0 ]; do case $1 in …; shift; done`: once for each of the words.
        if positional is None or frame.state.positional in (None, positional, ()):
            break
    join_states(frame.state, [before, frame.state.copy()])


def _set_loop_variable(interpreter: Interpreter, command: Command, frame: Frame) -> None:
    variable, *items = command.words
    if not items and b" in" not in frame.source.text[variable.end : variable.end + 4]:
        fields: Fields = frame.state.positional if frame.state.positional is not None else (HOLE,)
    else:
        found: dict[str, None] = {}
        for item in items:
            for alternative in interpreter.expand(frame.source.raw(item.start, item.end), frame, item.start):
                found.update(dict.fromkeys(alternative))
        fields = tuple(found)
    frame.state.variables[variable.text] = tuple((each,) for each in fields[: MOST + 1]) or (("",),)
