"""How is a call noted: as what, where, with which words, each way once?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from agentkit.core.shelltree import Command
from agentkit.depmap.calls import HOLE, UNKNOWN, Call, Place, Redirected
from agentkit.depmap.frames import Frame
from agentkit.depmap.values import Fields

if TYPE_CHECKING:
    from agentkit.depmap.interpreter import Interpreter

# A command is told by its beginning.
LONGEST_TEXT = 400


class Said(NamedTuple):
    """What all calls of one command share: its text, its place, its redirections, and the text that stdin holds."""

    text: str
    place: Place
    redirects: tuple[Redirected, ...] = ()
    stdin: str | None = None


def note_call(
    interpreter: Interpreter,
    kind: str,
    words: Fields,
    said: Said,
    frame: Frame,
    *,
    target: str | None = None,
    reason: str | None = None,
    folder: str | None = None,
) -> None:
    """Note one way in which a command is called, unless it was noted before."""
    key = (kind, words, said.place, frame.wrappers, said.redirects, target, reason)
    if key in interpreter.noted:
        return
    interpreter.noted.add(key)
    path = frame.state.variables.get("PATH")
    call = Call(
        kind,
        words,
        said.text,
        said.place,
        frame.wrappers,
        said.redirects,
        frame.loops,
        said.stdin,
        frame.feed,
        frame.is_background,
        frame.is_remote,
        target,
        folder or frame.state.folder,
        path[0][0] if path and len(path) == 1 and len(path[0]) == 1 else None,
        reason,
    )
    interpreter.script.calls.append(call)


def note_unknown(
    interpreter: Interpreter, words: Fields, command: Command, frame: Frame, said: Said | None, *, reason: str | None
) -> None:
    """Note that nobody can say what is called here, and why (None: as the command's first word tells)."""
    text = frame.source.raw(command.start, min(command.end, command.start + LONGEST_TEXT))
    raw = command.words[0].raw[:LONGEST_TEXT] if command.words else text
    told = raw if reason is None else words[0] if HOLE not in words[0] else text
    said = said or Said(text, frame.place(command.start))
    note_call(interpreter, UNKNOWN, words, said, frame, target=told, reason=reason or _explain(raw))


def _explain(raw: str) -> str:
    """Return why the name of a command is not known."""
    if "$@" in raw or "$*" in raw or any(f"${digit}" in raw or f"${{{digit}" in raw for digit in range(1, 10)):
        return "the name comes with the arguments"
    if "$(" in raw or "`" in raw:
        return "the name is what a command prints"
    return "the value of the variable is not known"
