"""What is a call of a shell script: which words, in which function and loop, behind which wrappers?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

# Stands in a word for what only a running shell can know: `"$HOST:80"` may read HOLE + ":80".
HOLE = "\0"

PROGRAM, FUNCTION, BUILTIN, SOURCE, UNKNOWN = "program", "function", "builtin", "source", "unknown"


class Place(NamedTuple):
    """Where something stands: the file, its line, and the function of that file, None at the top."""

    file: str
    line: int
    function: str | None = None


class Wrapper(NamedTuple):
    """A program in front of another, with its own words: `timeout -k 5 60` is ("timeout", ("timeout", "-k", …))."""

    name: str
    words: tuple[str, ...]


class Redirected(NamedTuple):
    """A redirection: the descriptor (None: the operator's own), the operator, the target with its holes."""

    descriptor: int | None
    operator: str
    target: str


class Fed(NamedTuple):
    """What comes through a pipe: the words of the command before it, and the text if it is known."""

    words: tuple[str, ...]
    text: str | None


class Loop(NamedTuple):
    """A loop around a call: its first word (`while`, `until`, `for`, `select`) and its place in its text.

    `part` is where in it the call stands, CONDITION or BODY (core/shelltree.py); `number` tells two loops of one text
    apart; `text` is the whole loop as it is written.
    """

    word: str
    part: str
    number: int
    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """One way in which a command is called.

    `words` are its name and arguments, with HOLE for what is not known; `text` the command as it is written, without
    its wrappers when these hold it as words; `wrappers` those in front, outermost first. `target` is the file of the
    function or of the sourced text. `stdin` is the text of a here-document or here-string (with holes), None
    otherwise; `feed` what comes through a pipe, where that is one simple command. `reason` says why a call of kind
    UNKNOWN is that. `folder` is the working folder and `search_path` the PATH, where they are known. A call that
    `is_remote` happens on another machine or in a container.
    """

    kind: str
    words: tuple[str, ...]
    text: str
    place: Place
    wrappers: tuple[Wrapper, ...] = ()
    redirects: tuple[Redirected, ...] = ()
    loops: tuple[Loop, ...] = ()
    stdin: str | None = None
    feed: Fed | None = None
    is_background: bool = False
    is_remote: bool = False
    target: str | None = None
    folder: str | None = None
    search_path: str | None = None
    reason: str | None = None


@dataclass(slots=True)
class Script:
    """What was read of a script: its calls in order, the variables that it takes from the environment, and the rest.

    `variables` gives for each name, file and function the place where it is first read without having been set, and
    whether there is a default; `assigned` the names that are set anywhere; `functions` the place of each definition;
    `read_files` the texts that it sources. `is_whole` tells that the grammar took all of it;
    otherwise `gaps` are the first and last lines of where it is lost.
    """

    path: str
    calls: list[Call] = field(default_factory=list)
    variables: dict[tuple[str, str, str | None], tuple[Place, bool]] = field(default_factory=dict)
    assigned: set[str] = field(default_factory=set)
    functions: dict[tuple[str, str], Place] = field(default_factory=dict)
    read_files: dict[str, None] = field(default_factory=dict)
    is_whole: bool = True
    gaps: tuple[tuple[int, int], ...] = ()
