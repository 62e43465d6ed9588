"""What would a shell script call, on every way through it? Nothing is run.

The script is gone through as a shell goes through it, but takes both ways of each branch; what a variable may hold then
is the union. A function is gone through with the words of each call.
"""

from __future__ import annotations

import os

from agentkit.core.shellgrammar import read_shell_bytes
from agentkit.core.shelltree import SIMPLE, Command, Shell
from agentkit.depmap.calls import HOLE, Place, Script
from agentkit.depmap.compounds import walk_compound
from agentkit.depmap.disk import Disk
from agentkit.depmap.expander import Expander
from agentkit.depmap.frames import DEEPEST_CALL, Definition, Frame, Key, Source, write_holes
from agentkit.depmap.pieces import Piece
from agentkit.depmap.printing import run_substitution
from agentkit.depmap.simplecommands import walk_simple
from agentkit.depmap.values import Fields, State, Value

# The bound of the work on one script.
MOST_STEPS = 100_000
# Whole files may be sourced by other scripts too, and texts so short, such as `dirname "$0"`, come again in them.
SHORT_TEXT = 120
MOST_SHARED = 400
_SHARED: dict[bytes, Shell] = {}
# Nothing that is run from these is started in them.
PROGRAM_FOLDERS = frozenset({"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"})


class Interpreter:
    """Goes through the texts of one script and notes each call in `script`; what it knows is open to who helps it.

    `defined` are the functions that are there, `spent` the steps that were taken in each that was entered, `entered`
    with which words. `substituted` are the places of the substitutions that were gone through, `sourcing` the texts
    that are at work, outermost first; `traps` wait for their end. `noted` are the calls that were noted, `place` is
    where the command at work stands, `last` the one that was gone through last, with its words. `aliases` count when
    `expands_aliases`, but for those in `expanding`. `exported` are the functions that a child has too.
    """

    def __init__(self, script: Script, disk: Disk) -> None:
        self.script = script
        self.disk = disk
        self.defined: dict[Key, tuple[Definition, Frame]] = {}
        self.spent: dict[Key, int] = {}
        self.entered: set[tuple[object, ...]] = set()
        self.substituted: set[tuple[str, int]] = set()
        self.sourcing: list[str] = []
        self.traps: list[tuple[str, Frame, int | None, int]] = []
        self.noted: set[tuple[object, ...]] = set()
        self.place: Place | None = None
        self.last: tuple[Command, list[Fields]] | None = None
        self.aliases: dict[str, str] = {}
        self.expands_aliases = False
        self.expanding: set[str] = set()
        self.exported: frozenset[str] = frozenset()
        self._expander = Expander(self._run_substitution, self._list_names, self._note_variable)
        self._frame: Frame | None = None
        self.steps = 0
        self._shells: dict[bytes, Shell] = {}

    def walk(self, command: Command, frame: Frame) -> None:
        """Go through a command and all that it is made of."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            self.script.is_whole = False
        elif command.kind == SIMPLE:
            walk_simple(self, command, frame)
        else:
            walk_compound(self, command, frame)

    def finish(self) -> None:
        """Go through what was put off: the actions of traps."""
        while self.traps:
            action, frame, start, at = self.traps.pop(0)
            self.run_text(action, frame, start=start, at=at)

    def read(self, source: Source) -> Shell:
        """Return the tree of a text; one that is put together from the same words is read once."""
        is_sourced = source.base == 0 and source.file != self.script.path
        is_shared = is_sourced or len(source.text) <= SHORT_TEXT
        shells = _SHARED if is_shared else self._shells
        shell = shells.get(source.text)
        if shell is None:
            if len(_SHARED) > MOST_SHARED:
                _SHARED.clear()
            shell = shells[source.text] = read_shell_bytes(source.text)
        return shell

    def run_text(self, text: str, frame: Frame, *, start: int | None = None, at: int = 0) -> None:
        """Go through a text within the text of the frame (see Source.within)."""
        if frame.depth >= DEEPEST_CALL * 2:
            self.script.is_whole = False
            return
        source = frame.source.within(write_holes(text).encode(errors="surrogateescape"), start, at)
        self.walk(self.read(source).body, frame.deeper(source))

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

    def expand_body(self, raw: str, frame: Frame, start: int) -> tuple[str, ...]:
        """Return what the text of a here-document may become."""
        before, self._frame = self._frame, frame
        try:
            return self._expander.expand_body(raw, frame.state, start)
        finally:
            self._frame = before

    def _run_substitution(self, piece: Piece, start: int, state: State) -> tuple[str, ...]:
        return run_substitution(self, piece, start, state, self._frame)

    def _list_names(self, pattern: str) -> list[str]:
        if pattern.startswith("/proc/"):
            return [HOLE]  # which processes there are is no property of the machine
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

    def _note_variable(self, name: str, has_default: bool) -> None:
        if self.place is not None:
            place = self.place
            self.script.variables.setdefault((name, place.file, place.function), (place, has_default))
