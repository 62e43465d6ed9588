"""What would a shell script call, on every way through it? Nothing is run.

The script is gone through as a shell goes through it, but takes both ways of each branch; what a variable may hold then
is the union. A function is gone through with the words of each call.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from agentkit.core.shelltree import (
    CUT,
    FUNCTION,
    GROUP,
    IF,
    LIST,
    LOOP,
    NOT,
    PIPELINE,
    SEQUENCE,
    SIMPLE,
    Assignment,
    Command,
    Redirect,
    Shell,
    read_shell_bytes,
)
from agentkit.depmap import calls
from agentkit.depmap.calls import HOLE, Call, Fed, Loop, Place, Redirected, Script, Wrapper
from agentkit.depmap.disk import Disk
from agentkit.depmap.frames import Definition, Frame, Source, write_holes
from agentkit.depmap.outputs import find_output
from agentkit.depmap.pieces import Piece, split_words
from agentkit.depmap.shellbuiltins import BUILTINS, STATEFUL
from agentkit.depmap.values import MOST, Expander, Fields, State, Value, join_states, merge
from agentkit.depmap.wrappers import Inner, unwrap

# Bounds of the work on one script: calls of functions, one within another, each of one function, and all together.
DEEPEST_CALL = 12
MOST_CALLS = 48
MOST_STEPS = 100_000
LONGEST_TEXT = 400
# Texts so short, such as `dirname "$0"`, come again in other scripts.
SHORT_TEXT = 120
MOST_SHORT = 4096
_SHORT: dict[bytes, Shell] = {}
TESTS = frozenset({"[", "[[", "test"})
DECLARES = frozenset({"export", "declare", "local", "readonly", "typeset"})
RESERVED = frozenset(
    {*("{", "}", "!", "if", "then", "elif", "else", "fi", "do", "done", "while", "until", "esac", ";;", "(", ")")}
)
# Nothing that is run from these is started in them.
PROGRAM_FOLDERS = frozenset({"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"})
ELEMENT = re.compile(r"\[[^]]*\]\+?=")
# Words in front of a command that the shell itself takes, no program.
PREFIXES = frozenset({"builtin", "command", "exec", "time", "nocorrect", "noglob", "-", "coproc"})


class _Said(NamedTuple):
    """What all calls of one command share: its text, its place, its redirections, and the text that stdin holds."""

    text: str
    place: Place
    redirects: tuple[Redirected, ...] = ()
    stdin: str | None = None


class Interpreter:
    """Goes through the texts of one script and notes each call in `script`."""

    def __init__(self, script: Script, disk: Disk) -> None:
        self.script = script
        self.disk = disk
        self.visited: set[int] = set()
        self.called: set[Definition] = set()
        self.defined: list[tuple[Definition, Frame]] = []
        self.sourcing: list[str] = []
        self.traps: list[tuple[str, Frame, int | None, int]] = []
        self._expander = Expander(self._run_substitution, self._list_names, self._note)
        self._frame: Frame | None = None
        self._calls: set[tuple[object, ...]] = set()
        self._count: dict[str, int] = {}
        self._entered: set[tuple[object, ...]] = set()
        self._steps = 0
        self.aliases: dict[str, str] = {}
        self.expands_aliases = False
        self._expanding: set[str] = set()
        self.exported: frozenset[str] = frozenset()
        self._at: Place | None = None
        self._shells: dict[bytes, Shell] = {}

    def finish(self) -> None:
        """Go through what was put off: the actions of traps."""
        while self.traps:
            action, frame, start, at = self.traps.pop(0)
            self.run_text(action, frame, start=start, at=at)

    # Texts

    def read(self, source: Source) -> Shell:
        """Return the tree of a text; one that is put together from the same words is read once."""
        shells = self._shells if len(source.text) > SHORT_TEXT else _SHORT
        shell = shells.get(source.text)
        if shell is None:
            if len(_SHORT) > MOST_SHORT:
                _SHORT.clear()
            shell = shells[source.text] = read_shell_bytes(source.text)
        return shell

    def run_text(self, text: str, frame: Frame, *, start: int | None = None, at: int = 0) -> None:
        """Go through a text within the text of the frame (see Source.within)."""
        if frame.depth < DEEPEST_CALL * 2:
            source = frame.source.within(write_holes(text).encode(errors="surrogateescape"), start, at)
            self.walk(self.read(source).body, frame.deeper(source))

    # Words

    def expand(self, raw: str, frame: Frame, start: int) -> Value:
        """Return what a word of the frame's text may become, that begins at byte `start`."""
        before, self._frame = self._frame, frame
        try:
            return self._expander.expand(raw, frame.state, start)
        finally:
            self._frame = before

    def expand_text(self, raw: str, frame: Frame, start: int) -> tuple[str, ...]:
        """Return what a word may become where it is not split."""
        before, self._frame = self._frame, frame
        try:
            return self._expander.expand_text(raw, frame.state, start)
        finally:
            self._frame = before

    def _expand_body(self, raw: str, frame: Frame, start: int) -> tuple[str, ...]:
        before, self._frame = self._frame, frame
        try:
            return self._expander.expand_body(raw, frame.state, start)
        finally:
            self._frame = before

    def _list_names(self, pattern: str) -> list[str]:
        if pattern.startswith("/"):
            return self.disk.match(pattern)
        folder = None if self._frame is None else self._frame.state.folder
        # Where a script runs is seldom known; what it names beside itself is taken for that.
        base = folder or os.path.dirname(self.script.path)
        if folder is None and base in PROGRAM_FOLDERS:
            return []
        before = os.path.normpath(base) + "/"
        prefix = "./" if pattern.startswith("./") else ""
        found = self.disk.match(os.path.join(base, pattern.removeprefix("./")))
        return [prefix + path.removeprefix(before) for path in found]

    def _note(self, name: str, has_default: bool) -> None:
        if self._at is not None:
            place = self._at
            self.script.variables.setdefault((name, place.file, place.function), (place, has_default))

    def _run_substitution(self, piece: Piece, start: int, state: State) -> tuple[str, ...]:
        frame = self._frame
        if frame is None or frame.depth > DEEPEST_CALL:
            return (HOLE,)
        text = piece.text.encode(errors="surrogateescape")
        source = frame.source.within(text, start + piece.start, start)
        inner = frame.deeper(source)
        inner.state, inner.feed = state.copy(), None
        body = self.read(source).body
        self.walk(body, inner.subshell())
        return self._find_outputs(body, inner)

    def _find_outputs(self, command: Command, frame: Frame) -> tuple[str, ...]:
        """Return what a text may print; where its commands are not known to be simple ones, HOLE."""
        if command.kind == SIMPLE:
            return self._find_output(command, frame)
        if command.kind in (SEQUENCE, GROUP, LIST) and command.parts:
            outputs: tuple[str, ...] = ("",)
            for place, part in enumerate(command.parts):
                told = self._find_outputs(part, frame)
                if command.kind == LIST and place and command.joints[place - 1] == "||":
                    outputs = tuple(dict.fromkeys((*outputs, *told)))
                elif outputs == ("",):
                    outputs = told
                elif told != ("",):
                    return (HOLE,)
            return outputs if len(outputs) <= MOST else (HOLE,)
        if command.kind == IF:
            texts = [
                text
                for part, joint in zip(command.parts, command.joints, strict=True)
                if joint != "condition"
                for text in self._find_outputs(part, frame)
            ]
            return tuple(dict.fromkeys(texts)) if texts and len(texts) <= MOST else (HOLE,)
        return (HOLE,)

    def _find_output(self, command: Command, frame: Frame) -> tuple[str, ...]:
        if not command.words:
            self._assign_all(command, frame)
            return (HOLE,) if command.redirects else ("",)
        outputs: dict[str, None] = {}
        for words in self._expand_words(command, frame):
            if not words:
                return (HOLE,)
            definition = frame.functions.get(words[0])
            if definition is not None and frame.depth < DEEPEST_CALL:
                inner = frame.deeper(definition.source)
                inner.state = frame.state.copy()
                inner.state.positional = words[1:]
                outputs.update(dict.fromkeys(self._find_outputs(definition.body, inner)))
            elif words[0] in STATEFUL and (words[0] != "printf" or words[1:2] == ("-v",)):
                self._change(words, command, frame)
                outputs[""] = None
            elif words[0] in ("[", "[[", "test", ":", "true"):
                outputs[""] = None
            else:
                resolve = self.disk.real_or_same
                outputs[find_output(words, frame.state.folder, resolve) if words[0] != HOLE else HOLE] = None
        return tuple(outputs) if len(outputs) <= MOST else (HOLE,)

    # Commands

    def walk(self, command: Command, frame: Frame) -> None:
        """Go through a command and all that it is made of."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            self.script.is_whole = False
            return
        kind = command.kind
        if kind == SIMPLE:
            self._walk_simple(command, frame)
            return
        if command.redirects:
            redirects, _ = self._redirect(command.redirects, frame)
            self._emit(calls.BUILTIN, (), _Said("", frame.place(command.start), redirects), frame)
        if kind == SEQUENCE:
            self._walk_sequence(command, frame)
        elif kind == GROUP:
            opening = frame.source.text[command.start : command.start + 2]
            if opening == b"((":
                self.expand_text(frame.source.raw(command.start + 2, command.end - 2), frame, command.start + 2)
            self._walk_sequence(command, frame.subshell() if opening[:1] == b"(" else frame)
        elif kind == LIST:
            for place, part in enumerate(command.parts):
                if place == 0:
                    self.walk(part, frame)
                else:
                    self._walk_branches([part], frame, may_skip=True)
        elif kind == PIPELINE:
            self._walk_pipeline(command, frame)
        elif kind == IF:
            self._walk_if(command, frame)
        elif kind == LOOP:
            self._walk_loop(command, frame)
        elif kind == FUNCTION:
            self._define(command, frame)
        elif kind == NOT:
            self._walk_sequence(command, frame)
        else:
            assert kind == CUT
            self.script.is_whole = False

    def _walk_sequence(self, command: Command, frame: Frame) -> None:
        for place, part in enumerate(command.parts):
            is_background = place < len(command.joints) and command.joints[place] == "&"
            inner = frame
            if is_background:
                inner = frame.subshell()
                inner.is_background = True
            self.walk(part, inner)

    def _walk_branches(self, parts: list[Command], frame: Frame, *, may_skip: bool) -> None:
        """Go through each of the parts from the same state; then any of them was taken, or none."""
        ends: list[State] = [frame.state.copy()] if may_skip else []
        for part in parts:
            state = frame.state.copy()
            self.walk(part, frame.with_state(state))
            ends.append(state)
        join_states(frame.state, ends)

    def _walk_pipeline(self, command: Command, frame: Frame) -> None:
        feed: Fed | None = frame.feed
        for part in command.parts:
            inner = frame.subshell()
            inner.feed = feed
            self.walk(part, inner)
            feed = self._find_feed(part, inner)

    def _find_feed(self, part: Command, frame: Frame) -> Fed:
        if part.kind != SIMPLE or not part.words:
            return Fed((), None)
        alternatives = self._expand_words(part, frame)
        words = alternatives[0] if len(alternatives) == 1 else ()
        if not words:
            return Fed((), None)
        text: str | None = None
        _, stdin = self._redirect(part.redirects, frame)
        if words == ("cat",):
            text = stdin if stdin is not None else frame.feed.text if frame.feed else None
        elif words[0] in ("echo", "printf"):
            [output, *others] = self._find_output(part, frame)
            text = None if others or output == HOLE else output
        return Fed(words, text)

    def _walk_if(self, command: Command, frame: Frame) -> None:
        if command.words:
            word = command.words[0]
            self.expand_text(frame.source.raw(word.start, word.end), frame, word.start)
        bodies: list[Command] = []
        is_sure = False
        for part, joint in zip(command.parts, command.joints, strict=True):
            if joint == "condition":
                self.walk(part, frame)
            else:
                bodies.append(part)
                is_sure = is_sure or joint == "else"
        self._walk_branches(bodies, frame, may_skip=not is_sure)

    def _walk_loop(self, command: Command, frame: Frame) -> None:
        source = frame.source
        word = source.raw(command.start, command.start + 6).split(None, 1)[0].strip(";(")
        text = source.raw(command.start, min(command.end, command.start + LONGEST_TEXT))
        loop_place = frame.place(command.start)
        if command.words:
            self._set_loop_variable(command, frame)
        before = frame.state.copy()
        for turn in range(8):
            positional = frame.state.positional
            for part, joint in zip(command.parts, command.joints, strict=True):
                inside = frame.copy()
                inside.loops = (*frame.loops, Loop(word, joint, command.start, loop_place, text))
                self.walk(part, inside)
            # `while [ $# -gt 0 ]; do case $1 in …; shift; done`: once for each of the words.
            if positional is None or frame.state.positional in (None, positional, ()) or turn == 7:
                break
        join_states(frame.state, [before, frame.state.copy()])

    def _set_loop_variable(self, command: Command, frame: Frame) -> None:
        variable, *items = command.words
        if not items and b" in" not in frame.source.text[variable.end : variable.end + 4]:
            fields: Fields = frame.state.positional if frame.state.positional is not None else (HOLE,)
        else:
            found: dict[str, None] = {}
            for item in items:
                for alternative in self.expand(frame.source.raw(item.start, item.end), frame, item.start):
                    found.update(dict.fromkeys(alternative))
            fields = tuple(found)
        # More than one value cannot be followed: of a long list each is taken, but not beside others.
        frame.state.variables[variable.text] = tuple((each,) for each in fields[: MOST * 4]) or (("",),)

    def _define(self, command: Command, frame: Frame) -> None:
        if not command.words or not command.parts:
            return
        name = command.words[0].text
        place = Place(frame.source.file, frame.source.line_of(command.start))
        definition = Definition(name, command.parts[0], frame.source, place, is_inner=bool(frame.wrappers))
        frame.functions[name] = definition
        if not definition.is_inner and (frame.source.file, name) not in self.script.functions:
            self.script.functions[frame.source.file, name] = place
            self.defined.append((definition, frame))

    # Simple commands

    def start(self, words: Fields, frame: Frame) -> None:
        """Note that a program is started with these words, without a shell."""
        self._at = frame.place(0)
        self._start(words, Command(SIMPLE, 0, 0), frame, _Said(shlex.join(words), frame.place(0)))

    def _walk_simple(self, command: Command, frame: Frame) -> None:
        if frame.source.base is not None:
            self.visited.add(frame.source.base + command.start)
        self._at = frame.place(command.start)
        redirects, stdin = self._redirect(command.redirects, frame)
        path_before = frame.state.variables.get("PATH")
        if not command.words:
            self._assign_all(command, frame)
            if redirects:
                self._emit(calls.BUILTIN, (), _Said("", self._at, redirects), frame)
            return
        if command.assignments:
            state = frame.state.copy()
            self._assign_all(command, frame.with_state(state))
            if "PATH" in state.variables:
                frame.state.variables["PATH"] = state.variables["PATH"]
        text = frame.source.raw(command.start, min(command.end, command.start + LONGEST_TEXT))
        said = _Said(text, frame.place(command.start), redirects, stdin)
        for words in self._expand_words(command, frame):
            if words:
                self._dispatch(words, command, frame, said)
        if path_before is None:
            if command.assignments:
                frame.state.variables.pop("PATH", None)
        elif command.assignments:
            frame.state.variables["PATH"] = path_before

    def _expand_words(self, command: Command, frame: Frame) -> list[Fields]:
        raw = [(frame.source.raw(word.start, word.end), word.start) for word in command.words]
        first = raw[0][0]
        if first in ("[", "[["):
            # The grammar makes expressions of what a shell takes for words.
            text = frame.source.raw(command.start, command.end)
            raw = [(text[start:end], command.start + start) for start, end in split_words(text)]
        if first in DECLARES:
            return [(first, *(word for word, _ in raw[1:]))]
        values: list[Value] = []
        count = 1
        for word, start in raw:
            if first == "[[":
                # Nothing in it is split, or stands for the names of files.
                value: Value = tuple((text,) for text in self.expand_text(word, frame, start))
            else:
                value = self.expand(word, frame, start)
            count *= len(value)
            # Of too many combinations the later words are not known one by one.
            values.append(value if count <= MOST * 4 or not values else ((HOLE,),))
            count = min(count, MOST * 4)
        found = dict.fromkeys(tuple(field for part in parts for field in part) for parts in product(*values))
        return list(found)[: MOST * 4]

    def _dispatch(self, words: Fields, command: Command, frame: Frame, said: _Said) -> None:
        """Note what one alternative of a command calls."""
        name = words[0]
        while name in PREFIXES and len(words) > 1 and not frame.wrappers:
            if (name == "command" and words[1] in ("-v", "-V")) or (name == "coproc" and "{" in words[:3]):
                break
            if name == "time" and "/" in name:
                break
            words, bypasses = _skip_prefix(words), name in ("command", "exec")
            if not words:
                return
            name = words[0]
            if bypasses:
                if name in BUILTINS:
                    break
                self._start(words, command, frame, said)
                return
        if name in RESERVED:
            # The grammar is lost: what follows such a word is a command.
            if words[1:]:
                self._dispatch(words[1:], command, frame, said)
            return
        if HOLE in name or not name.strip():
            self._emit_unknown(words, command, frame, said, None)
            if name == HOLE and len(words) > 1 and self._may_be_nothing(words[1], command, frame):
                self._dispatch(words[1:], command, frame, said)
            return
        alias = self.aliases.get(name)
        if alias is not None and self.expands_aliases and name not in self._expanding:
            self._expanding.add(name)
            self.run_text(" ".join((alias, *map(shlex.quote, words[1:]))), frame, at=command.start)
            self._expanding.discard(name)
            return
        definition = frame.functions.get(name)
        if definition is not None:
            self._call(definition, words, frame, said)
        elif name in STATEFUL:
            self._emit(calls.BUILTIN, words, said, frame)
            self._change(words, command, frame)
        elif name in BUILTINS:
            self._emit(calls.BUILTIN, words, said, frame)
            self._run_builtin(words, command, frame, said)
        else:
            self._start(words, command, frame, said)

    def _may_be_nothing(self, following: str, command: Command, frame: Frame) -> bool:
        """Tell whether the name of a command is a variable that nobody set: `$NICE job` runs job then."""
        if following not in frame.functions and self.disk.find_program(following, None) is None:
            return False
        raw = frame.source.raw(command.words[0].start, command.words[0].end)
        found = re.fullmatch(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))", raw)
        return found is not None and (found.group(1) or found.group(2)) not in frame.state.variables

    def _call(self, definition: Definition, words: Fields, frame: Frame, said: _Said) -> None:
        if not definition.is_inner:
            self._emit(calls.FUNCTION, words, said, frame, target=definition.place.file)
        self.called.add(definition)
        self.enter(definition, words[1:], frame)

    def enter(self, definition: Definition, arguments: Fields | None, frame: Frame) -> None:
        """Go through a function's body with the words of one call (None: unknown ones)."""
        name = f"{definition.place.file}#{definition.name}"
        key = (name, arguments, frame.wrappers, frame.loops and frame.loops[-1].number)
        count = self._count.get(name, 0)
        if key in self._entered or count >= MOST_CALLS or frame.depth > DEEPEST_CALL:
            return
        self._count[name] = count + 1
        self._entered.add(key)
        state = frame.state
        before, state.positional = state.positional, arguments
        inner = frame.deeper(definition.source)
        inner.function = frame.function if definition.is_inner else definition.name
        inner.changed = []
        self.walk(definition.body, inner)
        state.positional = before
        for variable, value in reversed(inner.changed):
            if value is None:
                state.variables.pop(variable, None)
            else:
                state.variables[variable] = value

    def _start(self, words: Fields, command: Command, frame: Frame, said: _Said) -> None:
        """Note that a program is started, and all that it starts in its turn."""
        name = words[0]
        if HOLE in name or not name.strip():
            self._emit_unknown(words, command, frame, said, None)
            return
        self._emit(calls.PROGRAM, words, said, frame)
        self._start_inner(words, command, frame, said)

    def _start_inner(self, words: Fields, command: Command, frame: Frame, said: _Said) -> None:
        if len(frame.wrappers) > DEEPEST_CALL:
            return
        for inner in unwrap(words):
            wrapper = Wrapper(os.path.basename(words[0]), inner.own)
            wrapped = frame.copy()
            wrapped.wrappers = (*frame.wrappers, wrapper)
            wrapped.is_remote = frame.is_remote or inner.is_remote
            if inner.text is not None:
                self._run_child(inner.text, inner, command, wrapped)
            elif inner.reads_stdin:
                self._run_stdin(inner, command, wrapped, said)
            elif inner.folder is not None:
                self._run_folder(inner, command, wrapped, said)
            elif inner.is_applet:
                self._start_inner(inner.words, command, wrapped, said)
            elif inner.words:
                self._start(inner.words, command, wrapped, said)

    def _run_child(self, text: str, inner: Inner, command: Command, frame: Frame) -> None:
        """Go through the text of a shell that is started: it has our exported variables, and no functions of ours."""
        if text.strip(HOLE + " \n") == "":
            self._emit_unknown((text,), command, frame, None, "the text is not known")
            return
        state = State(dict(frame.state.variables), inner.arguments[1:], frame.state.folder, None, None)
        state.name = inner.arguments[0] if inner.arguments else None
        child = frame.with_state(state)
        child.functions = {name: each for name, each in frame.functions.items() if name in self.exported}
        child.feed, child.changed = None, None
        self.run_text(text, child, start=self._find_literal(text, command, frame), at=command.start)

    def _find_literal(self, text: str, command: Command, frame: Frame) -> int | None:
        """Return the byte at which a text stands in single quotes, as it is, among the command's words."""
        for word in command.words:
            raw = frame.source.raw(word.start, word.end)
            if raw[:1] in ("'", '"') and raw[1:-1] == text and "\\" not in text and "$" not in text * (raw[0] == '"'):
                return word.start + 1
        return None

    def _run_stdin(self, inner: Inner, command: Command, frame: Frame, said: _Said) -> None:
        text, feed = said.stdin, frame.feed
        if text is None and feed is not None:
            text = feed.text
            if text is None:
                source = feed.words[0] if feed.words else "a pipe"
                reason = f"the text that it runs comes from {source}".replace(HOLE, "…")
                self._emit_unknown((f"| {inner.own[0]}",), command, frame, None, reason)
                return
        if text is None:
            files = [each for each in said.redirects if each.operator == "<" and (each.descriptor or 0) == 0]
            if files and HOLE in files[0].target:
                self._emit_unknown((f"< {inner.own[0]}",), command, frame, None, "the text that it runs is not known")
            elif files:
                self._emit(calls.PROGRAM, (files[0].target,), said, frame)
            return
        if os.path.basename(inner.own[0]) not in ("batch", "at") or text:
            self._run_child(text, inner, command, frame)

    def _find_folder(self, word: str, frame: Frame) -> str | None:
        if HOLE in word:
            return None
        base = frame.state.folder or os.path.dirname(self.script.path)
        path = os.path.normpath(os.path.join(base, word))
        return path if word.startswith("/") or frame.state.folder or self.disk.list_folder(path) else None

    def _run_folder(self, inner: Inner, command: Command, frame: Frame, said: _Said) -> None:
        folder = self._find_folder(inner.folder or HOLE, frame)
        if folder is None:
            self._emit_unknown(("run-parts",), command, frame, None, "which folder it is given is not known")
            return
        for path in self.disk.list_run_parts(folder, inner.own[1:]):
            word = os.path.join(inner.folder or folder, os.path.basename(path))
            self._emit(calls.PROGRAM, (word,), said, frame, folder=None if word.startswith("/") else folder)

    # What the shell does itself

    def _run_builtin(self, words: Fields, command: Command, frame: Frame, said: _Said) -> None:
        name = words[0]
        if name == "alias":
            self.aliases.update(word.partition("=")[::2] for word in words[1:] if "=" in word)
        elif name == "shopt" and "-s" in words and "expand_aliases" in words:
            self.expands_aliases = True
        elif name == "coproc" and "{" in words[:3] and len(words) > words.index("{") + 1:
            self._dispatch(words[words.index("{") + 1 :], command, frame, said)
        elif name == "eval":
            text = " ".join(words[1:])
            if text.strip(HOLE + " ") == "" and text:
                self._emit_unknown((text,), command, frame, said, "eval of a text that is not known")
            else:
                self.run_text(text, frame, at=command.start)
        elif name in (".", "source"):
            self._source(words, command, frame, said)
        elif name == "trap" and len(words) > 2 and words[1] not in ("-", "", "-l", "-p"):
            action = words[2] if words[1] == "--" else words[1]
            start = self._find_literal(action, command, frame)
            # It is run later, when all functions are known.
            later = frame.copy()
            later.loops = ()
            self.traps.append((action, later, start, command.start))

    def _source(self, words: Fields, command: Command, frame: Frame, said: _Said) -> None:
        if len(words) < 2:
            return
        path = self._find_sourced(words[1], frame)
        if path is None:
            self._emit_unknown(words[1:2], command, frame, said, "which file is sourced is not known")
            return
        self._emit(calls.SOURCE, words, said, frame, target=path)
        self.script.read_files[path] = None
        if path in self.sourcing or len(self.sourcing) > DEEPEST_CALL:
            return
        content = self.disk.read(path)
        if content is None or b"\0" in content[:512]:
            return
        self.sourcing.append(path)
        newlines = find_newlines(content)
        source = Source(path, content, 0, newlines)
        shell = self.read(source)
        self.script.is_whole = self.script.is_whole and shell.is_whole
        state = frame.state
        before, state.source = (state.source, state.positional), path
        if len(words) > 2:
            state.positional = words[2:]
        # Its own visits are not those of the script that sources it.
        visited, self.visited = self.visited, set()
        inner = frame.deeper(source)
        inner.function, inner.wrappers, inner.loops = None, (), ()
        self.walk(shell.body, inner)
        self.visited = visited
        state.source, positional = before
        if len(words) > 2:
            state.positional = positional
        self.sourcing.pop()

    def _find_sourced(self, word: str, frame: Frame) -> str | None:
        if HOLE in word:
            return None
        if word.startswith("/"):
            return os.path.normpath(word)
        own = os.path.dirname(self.script.path)
        if "/" not in word:
            path = frame.state.variables.get("PATH")
            search = path[0][0].replace(HOLE, own) if path and len(path) == 1 and path[0] else None
            found = self.disk.find_text(word, search)
            if found is not None:
                return found
        path_here = os.path.normpath(os.path.join(frame.state.folder or own, word))
        return path_here if frame.state.folder is not None or self.disk.is_file(path_here) else None

    def _change(self, words: Fields, command: Command, frame: Frame) -> None:
        """Do what a builtin does to the state of the shell."""
        name = words[0]
        if name in DECLARES:
            self._declare(command, frame)
            if name == "export" and "-f" in words:
                self.exported = self.exported | set(words[1:])
            return
        STATEFUL[name](words, frame)

    def _declare(self, command: Command, frame: Frame) -> None:
        is_local = command.words[0].text != "export" and command.words[0].text != "readonly"
        for word in command.words[1:]:
            raw = frame.source.raw(word.start, word.end)
            name, sign, value = raw.partition("=")
            bare = name.rstrip("+")
            if not bare.replace("_", "a").isalnum():
                continue
            if is_local and frame.changed is not None:
                frame.changed.append((bare, frame.state.variables.get(bare)))
            if sign:
                start = word.start + len(name.encode(errors="surrogateescape")) + 1
                self._assign(name, value, start, frame)

    def _assign_all(self, command: Command, frame: Frame) -> None:
        for assignment in command.assignments:
            self._assign(assignment.name, self._raw_value(assignment, frame), assignment.start, frame)

    def _raw_value(self, assignment: Assignment, frame: Frame) -> str:
        return frame.source.raw(assignment.start, assignment.end)

    def _assign(self, name: str, raw: str, start: int, frame: Frame) -> None:
        appends, name = name.endswith("+"), name.removesuffix("+")
        variables = frame.state.variables
        if raw.startswith("(") and raw.endswith(")"):
            value: Value = tuple(self._expand_array(name, raw[1:-1], start + 1, frame))
        else:
            value = tuple((text,) for text in self.expand_text(raw, frame, start))
        bare, is_element, _ = name.partition("[")
        held = variables.get(bare)
        if (held is not None and is_element) or (held is not None and appends and raw.startswith("(")):
            value = merge([tuple((*fields, *new) for fields in held for new in value)])
        elif held is not None and appends:
            value = merge([tuple((fields[0] + new[0],) for fields in held if fields for new in value)])
        variables[bare] = value
        if is_element:
            variables[name] = value if held is None else tuple((fields[-1],) for fields in value if fields)
        self.script.assigned.add(bare)

    def _expand_array(self, name: str, raw: str, start: int, frame: Frame) -> list[Fields]:
        # Read as the words of a command whose name takes the place of the parenthesis.
        text = b"_" + b" " + raw.replace("\n", " ").encode(errors="surrogateescape")
        base = None if frame.source.base is None else frame.source.base + start - 2
        source = Source(frame.source.file, text, base, frame.source.newlines, frame.source.line)
        parts = self.read(source).body.parts
        if not parts or not parts[0].words:
            return [()]
        inner = frame.deeper(source)
        alternatives = self._expand_words(parts[0], inner)
        for word in alternatives[0][1:] if len(alternatives) == 1 else ():
            if ELEMENT.match(word):
                key, _, value = word.partition("]")
                frame.state.variables[f"{name}{key}]"] = ((value.lstrip("+")[1:],),)
        return [tuple(ELEMENT.sub("", word) for word in words[1:]) for words in alternatives]

    # Redirections

    def _redirect(self, redirects: tuple[Redirect, ...], frame: Frame) -> tuple[tuple[Redirected, ...], str | None]:
        """Return the redirections with their targets as far as they are known, and the text that stdin holds."""
        found: list[Redirected] = []
        stdin: str | None = None
        for redirect in redirects:
            if redirect.body is not None:
                start, end = redirect.body
                raw = frame.source.raw(start, end)
                texts = (raw,) if redirect.is_quoted else self._expand_body(raw, frame, start)
                stdin = texts[0]
                continue
            start, end = redirect.word
            if frame.source.text[start : start + 2] in (b"<(", b">("):
                self.expand_text(frame.source.raw(start, end), frame, start)
                continue
            texts = self.expand_text(frame.source.raw(start, end), frame, start) if end > start else (redirect.target,)
            if redirect.operator == "<<<":
                stdin = texts[0]
                continue
            found.extend(Redirected(redirect.descriptor, redirect.operator, text) for text in texts)
        return tuple(found), stdin

    # Notes

    def _emit(
        self,
        kind: str,
        words: Fields,
        said: _Said,
        frame: Frame,
        *,
        target: str | None = None,
        reason: str | None = None,
        folder: str | None = None,
    ) -> None:
        path = frame.state.variables.get("PATH")
        key = (kind, words, said.place, frame.wrappers, said.redirects, target, reason)
        if key in self._calls:
            return
        self._calls.add(key)
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
        self.script.calls.append(call)

    def _emit_unknown(
        self, words: Fields, command: Command, frame: Frame, said: _Said | None, reason: str | None
    ) -> None:
        text = frame.source.raw(command.start, min(command.end, command.start + LONGEST_TEXT))
        raw = frame.source.raw(command.words[0].start, command.words[0].end) if command.words else text
        told = raw if reason is None else words[0] if HOLE not in words[0] else text
        said = said or _Said(text, frame.place(command.start))
        self._emit(calls.UNKNOWN, words, said, frame, target=told, reason=reason or _explain(raw))


def find_newlines(content: bytes) -> list[int]:
    """Return the bytes at which lines end."""
    return list(_find_all(content))


def _find_all(content: bytes) -> Iterator[int]:
    at = content.find(b"\n")
    while at >= 0:
        yield at
        at = content.find(b"\n", at + 1)


def _skip_prefix(words: Fields) -> Fields:
    """Return what stands behind `command -p`, `exec -a NAME`, `time -p`."""
    at = 1
    while at < len(words) and words[at].startswith("-") and len(words[at]) > 1:
        at += 2 if words[at] == "-a" and words[0] == "exec" else 1
    return words[at:]


def _explain(raw: str) -> str:
    """Return why the name of a command is not known."""
    if "$@" in raw or "$*" in raw or any(f"${digit}" in raw or f"${{{digit}" in raw for digit in range(1, 10)):
        return "the name comes with the arguments"
    if "$(" in raw or "`" in raw:
        return "the name is what a command prints"
    return "the value of the variable is not known"
