"""Which text does `.` or `source` read, and what does that text call?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from agentkit.core.shelltree import Command
from agentkit.depmap.callnotes import Said, note_call, note_unknown
from agentkit.depmap.calls import HOLE, SOURCE
from agentkit.depmap.disk import is_text
from agentkit.depmap.frames import DEEPEST_CALL, TOO_DEEP, Frame, Source, find_newlines
from agentkit.depmap.values import Fields

if TYPE_CHECKING:
    from agentkit.depmap.interpreter import Interpreter


def source_text(interpreter: Interpreter, words: Fields, command: Command, frame: Frame, said: Said) -> None:
    """Note which file is sourced, and go through it: all of it happens in the shell that is at work."""
    if len(words) < 2:
        return
    path = _find_sourced(interpreter, words[1], frame)
    if path is None:
        note_unknown(interpreter, words[1:2], command, frame, said, reason="which file is sourced is not known")
        return
    note_call(interpreter, SOURCE, words, said, frame, target=path)
    interpreter.script.read_files[path] = None
    if path in interpreter.sourcing:
        return
    if len(interpreter.sourcing) > DEEPEST_CALL:
        note_unknown(interpreter, (path,), command, frame, said, reason=TOO_DEEP)
        return
    content = interpreter.disk.read(path)
    if content is None or not is_text(content):
        return
    interpreter.sourcing.append(path)
    _walk_sourced(interpreter, Source(path, content, 0, find_newlines(content)), words, frame)
    interpreter.sourcing.pop()


def _walk_sourced(interpreter: Interpreter, source: Source, words: Fields, frame: Frame) -> None:
    shell = interpreter.read(source)
    interpreter.script.is_whole = interpreter.script.is_whole and shell.is_whole
    state = frame.state
    file_before, positional_before = state.source, state.positional
    state.source = source.file
    if len(words) > 2:
        state.positional = words[2:]
    inner = frame.deeper(source)
    inner.function, inner.wrappers, inner.loops = None, (), ()
    interpreter.walk(shell.body, inner)
    state.source = file_before
    if len(words) > 2:
        state.positional = positional_before


def _find_sourced(interpreter: Interpreter, word: str, frame: Frame) -> str | None:
    if HOLE in word:
        return None
    if word.startswith("/"):
        return os.path.normpath(word)
    own = os.path.dirname(interpreter.script.path)
    if "/" not in word:
        path = frame.state.variables.get("PATH")
        search = path[0][0].replace(HOLE, own) if path and len(path) == 1 and path[0] else None
        found = interpreter.disk.find_text(word, search)
        if found is not None:
            return found
    path_here = os.path.normpath(os.path.join(frame.state.folder or own, word))
    return path_here if frame.state.folder is not None or interpreter.disk.is_file(path_here) else None
