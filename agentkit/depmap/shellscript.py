"""What does one shell script call, with every way through it taken? The door to the interpreter."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from agentkit.core.launchers import SHELLS
from agentkit.core.shelltree import FUNCTION, Command, Shell
from agentkit.depmap.calls import Place, Script
from agentkit.depmap.disk import Disk, is_text
from agentkit.depmap.frames import Frame, Source, find_newlines
from agentkit.depmap.functioncalls import enter
from agentkit.depmap.interpreter import Interpreter
from agentkit.depmap.startedprograms import start_words
from agentkit.depmap.values import State

MOST_LEFTOVERS = 50


def read_script(path: str, content: bytes, disk: Disk, *, search_path: str | None = None) -> Script:
    """Return what a script calls. `path` is its absolute path on the machine of `disk`; nothing is run.

    `search_path` is the PATH that it is started with, where that is known to be another one than usual.
    """
    script = Script(path)
    state = State(name=path, source=path)
    if search_path is not None:
        state.variables["PATH"] = ((search_path,),)
    source = Source(path, content, 0, find_newlines(content))
    interpreter = Interpreter(script, disk)
    with _as_deep_as_it_goes(script):
        shell = interpreter.read(source)
        script.is_whole = shell.is_whole
        script.gaps = tuple(
            (source.line_of(first + 1), source.line_of(max(first + 1, last))) for first, last in shell.errors
        )
        frame = Frame(source, state, {})
        interpreter.sourcing.append(path)
        # A bash that nobody talks to expands no aliases, other shells do.
        interpreter.expands_aliases = b"bash" not in content.split(b"\n", 1)[0]
        interpreter.walk(shell.body, frame)
        interpreter.finish()
        _enter_uncalled(interpreter, path)
        _enter_leftovers(interpreter, shell, frame)
        interpreter.finish()
    return script


def read_command(text: str, place: Place, disk: Disk, state: State) -> Script:
    """Return what the text of one command calls, such as that of a crontab's line; all of it stands at `place`."""
    script = Script(place.file)
    source = Source(place.file, text.encode(errors="surrogateescape"), None, [], place.line)
    interpreter = Interpreter(script, disk)
    with _as_deep_as_it_goes(script):
        shell = interpreter.read(source)
        script.is_whole = shell.is_whole
        interpreter.walk(shell.body, Frame(source, state, {}))
        interpreter.finish()
    return script


def read_words(words: tuple[str, ...], place: Place, disk: Disk, state: State) -> Script:
    """Return what a command without a shell calls, such as that of a unit, and what it starts in its turn."""
    script = Script(place.file)
    source = Source(place.file, b"", None, [], place.line)
    interpreter = Interpreter(script, disk)
    interpreter.place = place
    with _as_deep_as_it_goes(script):
        start_words(interpreter, words, Frame(source, state, {}))
        interpreter.finish()
    return script


@contextmanager
def _as_deep_as_it_goes(script: Script) -> Iterator[None]:
    """Keep what was found of a script that is nested deeper than Python calls: one such must not end the whole map."""
    try:
        yield
    except RecursionError:
        script.is_whole = False


def _enter_uncalled(interpreter: Interpreter, path: str) -> None:
    """Go through the functions of the script itself that nothing in it calls, with unknown words."""
    done = 0
    while len(interpreter.defined) > done:
        todo = list(interpreter.defined.values())[done:]
        done = len(interpreter.defined)
        for definition, frame in todo:
            if definition.place.file == path and definition.key not in interpreter.spent:
                enter(interpreter, definition, None, frame)


def _enter_leftovers(interpreter: Interpreter, shell: Shell, frame: Frame) -> None:
    """Go through the substitutions that no way led to, such as those in `for ((…))`, or nested too deep."""
    count = 0
    for start in sorted(shell.substitutions):
        if (frame.source.file, start) not in interpreter.substituted:
            count += 1
            if count > MOST_LEFTOVERS:
                interpreter.script.is_whole = False
                return
            inner = Frame(frame.source, frame.state.copy(), frame.functions)
            inner.function = _find_function(shell.body, start)
            interpreter.walk(shell.substitutions[start], inner)


def _find_function(command: Command, at: int) -> str | None:
    """Return the innermost function whose text holds a byte."""
    name: str | None = None
    inside = [command]
    while inside:
        each = inside.pop()
        if each.kind == FUNCTION and each.words:
            name = each.words[0].text
        inside.extend(part for part in each.parts if part.start <= at < part.end)
    return name


def is_shell_script(content: bytes, path: str) -> bool:
    """Tell whether a file is a text for one of the shells that are read here: by its first line, else by its name."""
    if not is_text(content):
        return False
    if content.startswith(b"#!"):
        first = content[2:].split(b"\n", 1)[0].split()
        words = [os.path.basename(word).decode(errors="replace") for word in first]
        if words[:1] == ["env"]:
            words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        if words[:1] == ["busybox"]:
            words = words[1:]
        return bool(words) and words[0] in SHELLS
    return path.endswith((".sh", ".bash", ".ksh"))
