"""What does one shell script call, with every way through it taken? The door to the interpreter."""

from __future__ import annotations

import os

from agentkit.core.shelltree import FUNCTION, Command, Shell, read_shell_bytes
from agentkit.depmap.calls import Place, Script
from agentkit.depmap.disk import Disk, is_text
from agentkit.depmap.frames import Frame, Source, find_newlines
from agentkit.depmap.functioncalls import enter
from agentkit.depmap.interpreter import Interpreter
from agentkit.depmap.startedprograms import start_words
from agentkit.depmap.values import State


def read_script(path: str, content: bytes, disk: Disk) -> Script:
    """Return what a script calls. `path` is its absolute path on the machine of `disk`; nothing is run."""
    script = Script(path)
    state = State(name=path, source=path)
    source = Source(path, content, 0, find_newlines(content))
    interpreter = Interpreter(script, disk)
    shell = read_shell_bytes(content, with_marks=True)
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
    _take_leftovers(interpreter, shell, frame)
    interpreter.finish()
    return script


def read_command(text: str, place: Place, disk: Disk, state: State) -> Script:
    """Return what the text of one command calls, such as that of a crontab's line; all of it stands at `place`."""
    script = Script(place.file)
    source = Source(place.file, text.encode(errors="surrogateescape"), None, [], place.line)
    interpreter = Interpreter(script, disk)
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
    start_words(interpreter, words, Frame(source, state, {}))
    interpreter.finish()
    return script


def _enter_uncalled(interpreter: Interpreter, path: str) -> None:
    """Go through the functions of the script itself that nothing in it calls, with unknown words."""
    todo = [each for each in interpreter.defined if each[0].place.file == path]
    while todo:
        definition, frame = todo.pop(0)
        if definition not in interpreter.called:
            before = len(interpreter.defined)
            enter(interpreter, definition, None, frame)
            todo.extend(each for each in interpreter.defined[before:] if each[0].place.file == path)


def _take_leftovers(interpreter: Interpreter, shell: Shell, frame: Frame) -> None:
    """Go through what no way led to: commands where the grammar is lost, or that are nested too deep."""
    spans = sorted(_find_functions(shell.body))
    text = frame.source.text
    for start, end in shell.commands:
        if start not in interpreter.visited:
            holder = [name for first, last, name in spans if first <= start < last]
            inner = Frame(frame.source, frame.state.copy(), frame.functions)
            inner.function = holder[-1] if holder else None
            interpreter.run_text(text[start:end].decode(errors="surrogateescape"), inner, start=start, at=start)
    for region in shell.errors:
        _read_lines(interpreter, region, frame, spans)


def _read_lines(
    interpreter: Interpreter, region: tuple[int, int], frame: Frame, spans: list[tuple[int, int, str]]
) -> None:
    """Read the lines of a region that the grammar does not know one by one: most of them stand alone."""
    text = frame.source.text
    at, last = region
    while at < last:
        end = text.find(b"\n", at, last)
        end = last if end < 0 else end
        start = at + len(text[at:end]) - len(text[at:end].lstrip())
        line = text[start:end].rstrip()
        if line and start not in interpreter.visited and not read_shell_bytes(line, with_marks=True).errors:
            holder = [name for begin, stop, name in spans if begin <= start < stop]
            inner = Frame(frame.source, frame.state.copy(), frame.functions)
            inner.function = holder[-1] if holder else None
            interpreter.run_text(line.decode(errors="surrogateescape"), inner, start=start, at=start)
        at = end + 1


def _find_functions(command: Command) -> list[tuple[int, int, str]]:
    found: list[tuple[int, int, str]] = []
    todo = [command]
    while todo:
        each = todo.pop()
        if each.kind == FUNCTION and each.words:
            found.append((each.start, each.end, each.words[0].text))
        todo.extend(each.parts)
    return found


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
        return bool(words) and words[0] in {"sh", "ash", "bash", "dash", "ksh", "ksh93", "mksh", "rbash", "zsh", "yash"}
    return path.endswith((".sh", ".bash", ".ksh"))
