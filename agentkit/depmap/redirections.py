"""Where do the redirections of a command lead, and which text does its standard input hold?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentkit.core.shelltree import Redirect
from agentkit.depmap.calls import Redirected
from agentkit.depmap.frames import Frame

if TYPE_CHECKING:
    from agentkit.depmap.interpreter import Interpreter


def read_redirects(
    interpreter: Interpreter, redirects: tuple[Redirect, ...], frame: Frame
) -> tuple[tuple[Redirected, ...], str | None]:
    """Return the redirections with their targets as far as they are known, and the text that stdin holds."""
    found: list[Redirected] = []
    stdin: str | None = None
    for redirect in redirects:
        if redirect.body is not None:
            start, end = redirect.body
            raw = frame.source.raw(start, end)
            texts = (raw,) if redirect.is_quoted else interpreter.expand_body(raw, frame, start)
            stdin = texts[0]
            continue
        start, end = redirect.word
        if frame.source.text[start : start + 2] in (b"<(", b">("):
            interpreter.expand_text(frame.source.raw(start, end), frame, start)
            continue
        raw = frame.source.raw(start, end)
        texts = interpreter.expand_text(raw, frame, start) if end > start else (redirect.target,)
        if redirect.operator == "<<<":
            stdin = texts[0]
            continue
        found.extend(Redirected(redirect.descriptor, redirect.operator, text) for text in texts)
    return tuple(found), stdin
