"""What does a program that is started start in its turn: its words, a text, a folder's programs, what it is fed?"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from agentkit.core.shelltree import SIMPLE, Command
from agentkit.depmap.callnotes import Said, note_call, note_unknown
from agentkit.depmap.calls import HOLE, PROGRAM, Wrapper
from agentkit.depmap.frames import DEEPEST_CALL, TOO_DEEP, Frame
from agentkit.depmap.inner import Inner
from agentkit.depmap.values import Fields, State
from agentkit.depmap.wrappers import unwrap

if TYPE_CHECKING:
    from agentkit.depmap.interpreter import Interpreter


def start_words(interpreter: Interpreter, words: Fields, frame: Frame) -> None:
    """Note that a program is started with these words, without a shell."""
    said = Said(shlex.join(words), frame.place(0))
    start_program(interpreter, words, Command(SIMPLE, 0, 0), frame, said)


def start_program(interpreter: Interpreter, words: Fields, command: Command, frame: Frame, said: Said) -> None:
    """Note that a program is started, and all that it starts in its turn."""
    name = words[0]
    if HOLE in name or not name.strip():
        note_unknown(interpreter, words, command, frame, said, reason=None)
        return
    note_call(interpreter, PROGRAM, words, said, frame)
    _start_inner(interpreter, words, command, frame, said)


def find_literal(text: str, command: Command, frame: Frame) -> int | None:
    """Return the byte at which a text stands in quotes, as it is, among the command's words."""
    for word in command.words:
        raw = frame.source.raw(word.start, word.end)
        if raw[:1] in ("'", '"') and raw[1:-1] == text and "\\" not in text and "$" not in text * (raw[0] == '"'):
            return word.start + 1
    return None


def _start_inner(interpreter: Interpreter, words: Fields, command: Command, frame: Frame, said: Said) -> None:
    if len(frame.wrappers) > DEEPEST_CALL:
        note_unknown(interpreter, words, command, frame, said, reason=TOO_DEEP)
        return
    for inner in unwrap(words):
        wrapper = Wrapper(os.path.basename(words[0]), inner.own)
        wrapped = frame.copy()
        wrapped.wrappers = (*frame.wrappers, wrapper)
        wrapped.is_remote = frame.is_remote or inner.is_remote
        if inner.text is not None:
            _run_child(interpreter, inner.text, inner, command, wrapped)
        elif inner.reads_stdin:
            _run_stdin(interpreter, inner, command, wrapped, said)
        elif inner.folder is not None:
            _run_folder(interpreter, inner, command, wrapped, said)
        elif inner.is_applet:
            _start_inner(interpreter, inner.words, command, wrapped, said)
        elif inner.words:
            start_program(interpreter, inner.words, command, wrapped, said)


def _run_child(interpreter: Interpreter, text: str, inner: Inner, command: Command, frame: Frame) -> None:
    """Go through the text of a shell that is started: it has our exported variables, and no functions of ours."""
    if text.strip(HOLE + " \n") == "":
        note_unknown(interpreter, (text,), command, frame, None, reason="the text is not known")
        return
    state = State(dict(frame.state.variables), inner.arguments[1:], frame.state.folder, None, None)
    state.name = inner.arguments[0] if inner.arguments else None
    child = frame.with_state(state)
    child.functions = {name: each for name, each in frame.functions.items() if name in interpreter.exported}
    child.feed, child.changed = None, None
    interpreter.run_text(text, child, start=find_literal(text, command, frame), at=command.start)


def _run_stdin(interpreter: Interpreter, inner: Inner, command: Command, frame: Frame, said: Said) -> None:
    text, feed = said.stdin, frame.feed
    if text is None and feed is not None:
        text = feed.text
        if text is None:
            source = feed.words[0] if feed.words else "a pipe"
            reason = f"the text that it runs comes from {source}".replace(HOLE, "…")
            note_unknown(interpreter, (f"| {inner.own[0]}",), command, frame, None, reason=reason)
            return
    if text is None:
        files = [each for each in said.redirects if each.operator == "<" and (each.descriptor or 0) == 0]
        if files and HOLE in files[0].target:
            reason = "the text that it runs is not known"
            note_unknown(interpreter, (f"< {inner.own[0]}",), command, frame, None, reason=reason)
        elif files:
            note_call(interpreter, PROGRAM, (files[0].target,), said, frame)
        return
    if os.path.basename(inner.own[0]) not in ("batch", "at") or text:
        _run_child(interpreter, text, inner, command, frame)


def _run_folder(interpreter: Interpreter, inner: Inner, command: Command, frame: Frame, said: Said) -> None:
    folder = _find_folder(interpreter, inner.folder or HOLE, frame)
    if folder is None:
        note_unknown(interpreter, ("run-parts",), command, frame, None, reason="which folder it is given is not known")
        return
    for path in interpreter.disk.list_run_parts(folder, inner.own[1:]):
        word = os.path.join(inner.folder or folder, os.path.basename(path))
        note_call(interpreter, PROGRAM, (word,), said, frame, folder=None if word.startswith("/") else folder)


def _find_folder(interpreter: Interpreter, word: str, frame: Frame) -> str | None:
    if HOLE in word:
        return None
    base = frame.state.folder or os.path.dirname(interpreter.script.path)
    path = os.path.normpath(os.path.join(base, word))
    return path if word.startswith("/") or frame.state.folder or interpreter.disk.list_folder(path) else None
