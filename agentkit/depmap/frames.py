"""Where is the reader of a script: in which text, function, loop, and behind which wrappers?"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field

from agentkit.core.shelltree import Command
from agentkit.depmap.calls import HOLE, Fed, Loop, Place, Wrapper
from agentkit.depmap.values import HOLE_VARIABLE, State, Value

# Calls within calls, texts within texts, wrappers behind wrappers: what is deeper is not gone through.
DEEPEST_CALL = 12
TOO_DEEP = "one within another too deep to be followed"
Key = tuple[str, int, int]
NEWLINE = re.compile(rb"\n")


@dataclass(frozen=True, slots=True)
class Source:
    """A text of shell, and where it stands in its file.

    `base` is the byte of the file at which the text begins; None for a text that was put together, all of which
    stands at `line`. `newlines` are the bytes at which the lines of the file end.
    """

    file: str
    text: bytes
    base: int | None
    newlines: list[int] = field(default_factory=list)
    line: int = 1

    def raw(self, start: int, end: int) -> str:
        """Return a part of the text."""
        return self.text[start:end].decode(errors="surrogateescape")

    def line_of(self, start: int) -> int:
        """Return the number of the line at which a byte of the text stands in the file."""
        return self.line if self.base is None else bisect_right(self.newlines, self.base + start - 1) + self.line

    def within(self, text: bytes, start: int | None, at: int) -> Source:
        """Return a text within this one: from byte `start` on; None: put together from what stands at byte `at`."""
        if self.base is None or start is None:
            return Source(self.file, text, None, self.newlines, self.line_of(at))
        return Source(self.file, text, self.base + start, self.newlines, self.line)


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """A function: its body, and the text that it stands in.

    One that `is_inner` was defined in the text of another shell (`sh -c 'f() …'`): no other knows it by its name.
    """

    name: str
    body: Command
    source: Source
    place: Place
    is_inner: bool = False

    @property
    def key(self) -> Key:
        """What tells its text from all others, however often that is defined."""
        return self.place.file, self.place.line, self.body.start


class Frame:
    """The surroundings of a command; `state` and `functions` change as the script goes on, all else by a new frame.

    `changed` are the variables that the function at work declared its own, each with what it was before.
    """

    __slots__ = (
        "changed",
        "depth",
        "feed",
        "function",
        "functions",
        "is_background",
        "is_remote",
        "loops",
        "source",
        "state",
        "wrappers",
    )

    def __init__(self, source: Source, state: State, functions: dict[str, Definition]) -> None:
        self.source = source
        self.state = state
        self.functions = functions
        self.function: str | None = None
        self.wrappers: tuple[Wrapper, ...] = ()
        self.loops: tuple[Loop, ...] = ()
        self.feed: Fed | None = None
        self.is_background = False
        self.is_remote = False
        self.depth = 0
        self.changed: list[tuple[str, Value | None]] | None = None

    def copy(self) -> Frame:
        """Return a frame that is to be given other surroundings."""
        frame = Frame(self.source, self.state, self.functions)
        frame.function = self.function
        frame.wrappers = self.wrappers
        frame.loops = self.loops
        frame.feed = self.feed
        frame.is_background = self.is_background
        frame.is_remote = self.is_remote
        frame.depth = self.depth
        frame.changed = self.changed
        return frame

    def with_state(self, state: State) -> Frame:
        """Return the same surroundings with another state."""
        frame = self.copy()
        frame.state = state
        return frame

    def deeper(self, source: Source) -> Frame:
        """Return the surroundings of a text within."""
        frame = self.copy()
        frame.source = source
        frame.depth += 1
        return frame

    def subshell(self) -> Frame:
        """Return the surroundings of a process of its own: what it changes is gone with it."""
        frame = self.copy()
        frame.state = self.state.copy()
        frame.functions = dict(self.functions)
        return frame

    def place(self, start: int) -> Place:
        """Return the place of what stands at a byte of the text."""
        return Place(self.source.file, self.source.line_of(start), self.function)


def write_holes(text: str) -> str:
    """Return shell text in which what is not known reads as a variable that nobody knows."""
    return text.replace(HOLE, f"${{{HOLE_VARIABLE}}}")


def find_newlines(content: bytes) -> list[int]:
    """Return the bytes at which lines end."""
    return [found.start() for found in NEWLINE.finditer(content)]


def show_holes(text: str) -> str:
    """Return a text for a person, with a sign for what is not known."""
    return text.replace(HOLE, "…").replace(f"${{{HOLE_VARIABLE}}}", "…")
