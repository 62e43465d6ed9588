"""Whom does a simple command call: a function, a builtin, a program, or nobody knows whom?"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from agentkit.core.shelltree import Command
from agentkit.depmap.assignments import assign_all
from agentkit.depmap.builtincalls import change_state, run_builtin
from agentkit.depmap.callnotes import LONGEST_TEXT, Said, note_call, note_unknown
from agentkit.depmap.calls import BUILTIN, HOLE
from agentkit.depmap.commandwords import expand_words
from agentkit.depmap.frames import Frame
from agentkit.depmap.functioncalls import call_function
from agentkit.depmap.redirections import read_redirects
from agentkit.depmap.shellbuiltins import BUILTINS, CHANGING
from agentkit.depmap.startedprograms import start_program
from agentkit.depmap.values import Fields

if TYPE_CHECKING:
    from agentkit.depmap.interpreter import Interpreter

RESERVED = frozenset(
    {*("{", "}", "!", "if", "then", "elif", "else", "fi", "do", "done", "while", "until", "esac", ";;", "(", ")")}
)
# Words in front of a command that the shell itself takes, no program.
PREFIXES = frozenset({"builtin", "command", "exec", "time", "nocorrect", "noglob", "-", "coproc"})
VARIABLE_ALONE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")


def walk_simple(interpreter: Interpreter, command: Command, frame: Frame) -> None:
    """Go through a simple command: its redirections, its assignments, and each alternative of its words."""
    place = interpreter.place = frame.place(command.start)
    redirects, stdin = read_redirects(interpreter, command.redirects, frame)
    path_before = frame.state.variables.get("PATH")
    if not command.words:
        assign_all(interpreter, command, frame)
        if redirects:
            note_call(interpreter, BUILTIN, (), Said("", place, redirects), frame)
        return
    if command.assignments:
        state = frame.state.copy()
        assign_all(interpreter, command, frame.with_state(state))
        if "PATH" in state.variables:
            frame.state.variables["PATH"] = state.variables["PATH"]
    text = frame.source.raw(command.start, min(command.end, command.start + LONGEST_TEXT))
    said = Said(text, place, redirects, stdin)
    ways = expand_words(interpreter, command, frame)
    for words in ways:
        if words:
            _dispatch(interpreter, words, command, frame, said)
    interpreter.last = (command, ways)
    if path_before is None:
        if command.assignments:
            frame.state.variables.pop("PATH", None)
    elif command.assignments:
        frame.state.variables["PATH"] = path_before


def _dispatch(interpreter: Interpreter, words: Fields, command: Command, frame: Frame, said: Said) -> None:
    """Note what one alternative of a command calls."""
    name = words[0]
    while name in PREFIXES and len(words) > 1:
        if (name == "command" and words[1] in ("-v", "-V")) or (name == "coproc" and "{" in words[:3]):
            break
        words, bypasses = _skip_prefix(words), name if name in ("command", "exec") else ""
        if not words:
            return
        name = words[0]
        if bypasses:
            if name in BUILTINS and bypasses != "exec":
                break
            start_program(interpreter, words, command, frame, said)
            return
    if name in RESERVED:
        # The grammar is lost: what follows such a word is a command.
        if words[1:]:
            _dispatch(interpreter, words[1:], command, frame, said)
    elif name[:1] == "-" and len(command.words) > 1 and command.words[0].raw != name:
        # A variable in front of an option, that is empty on this way: no program is called so.
        return
    elif HOLE in name or not name.strip():
        note_unknown(interpreter, words, command, frame, said, reason=None)
        if name == HOLE and len(words) > 1 and _may_be_nothing(interpreter, words[1], command, frame):
            _dispatch(interpreter, words[1:], command, frame, said)
    elif interpreter.expands_aliases and name in interpreter.aliases and name not in interpreter.expanding:
        interpreter.expanding.add(name)
        text = " ".join((interpreter.aliases[name], *map(shlex.quote, words[1:])))
        interpreter.run_text(text, frame, at=command.start)
        interpreter.expanding.discard(name)
    elif name in frame.functions:
        call_function(interpreter, frame.functions[name], words, frame, said)
    elif name in CHANGING:
        note_call(interpreter, BUILTIN, words, said, frame)
        change_state(interpreter, words, command, frame)
    elif name in BUILTINS:
        note_call(interpreter, BUILTIN, words, said, frame)
        if name == "coproc" and "{" in words[:3]:
            inner = words[words.index("{") + 1 :]
            if inner:
                _dispatch(interpreter, inner, command, frame, said)
        else:
            run_builtin(interpreter, words, command, frame, said)
    else:
        start_program(interpreter, words, command, frame, said)


def _skip_prefix(words: Fields) -> Fields:
    """Return what stands behind `command -p`, `exec -a NAME`, `time -p`."""
    at = 1
    while at < len(words) and words[at].startswith("-") and len(words[at]) > 1:
        at += 2 if words[at] == "-a" and words[0] == "exec" else 1
    return words[at:]


def _may_be_nothing(interpreter: Interpreter, following: str, command: Command, frame: Frame) -> bool:
    """Tell whether the name of a command is a variable that nobody set: `$NICE job` runs job then."""
    if following not in frame.functions and interpreter.disk.find_program(following, None) is None:
        return False
    raw = frame.source.raw(command.words[0].start, command.words[0].end)
    found = VARIABLE_ALONE.fullmatch(raw)
    return found is not None and (found.group(1) or found.group(2)) not in frame.state.variables
