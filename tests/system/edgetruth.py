"""How well do the edges of the map agree with what runs of the scripts really did?"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.depmap.mapped import Edges
from tests.system.straced import Trace

Edge = dict[str, object]
RECALL, PRECISION, NAMED = 0.97, 0.97, 0.995


@dataclass(slots=True)
class Figures:
    """Counts: started and found, claimed (of lines that ran) and confirmed; `misses` and `lies` say which are not.

    `by_function` tells whether the function counts, or only the file.
    """

    by_function: bool = True
    started: int = 0
    found: int = 0
    named: int = 0
    claimed: int = 0
    confirmed: int = 0
    calls: int = 0
    calls_found: int = 0
    misses: list[str] = field(default_factory=list)
    lies: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Return the part of what was started that the map has."""
        return self.found / self.started if self.started else 1.0

    @property
    def precision(self) -> float:
        """Return the part of what the map claims of lines that ran which really was started."""
        return self.confirmed / self.claimed if self.claimed else 1.0

    @property
    def found_or_named(self) -> float:
        """Return the part of what was started that the map has, or says to be unknown at that place."""
        return self.named / self.started if self.started else 1.0

    def __str__(self) -> str:
        calls = f", calls {self.calls_found} of {self.calls}" if self.by_function else ""
        return (
            f"recall {self.recall:.2%} ({self.found} of {self.started}), precision {self.precision:.2%} "
            f"({self.confirmed} of {self.claimed}), found or named {self.found_or_named:.2%}{calls}"
        )


def compare(figures: Figures, trace: Trace, edges: Edges, where: str, is_pardoned: Callable[[Edge], bool]) -> None:
    """Add what one run and the edges of its files say to the figures; `where` is written before what is wrong.

    A claim that `is_pardoned` and was not started is not counted: nothing says that the run came there.
    """
    claims = {}
    unknown_lines: set[tuple[str, object]] = set()
    unknown_functions: set[tuple[str, str]] = set()
    calls: set[tuple[str, str]] = set()
    for edge in edges:
        file, function = _split(str(edge["from"]))
        if edge["edge"] == "exec":
            name = os.path.basename(str(edge["to"]).partition(":")[2])
            claims[_key(figures, file, function, name), edge["line"]] = edge, function
        elif edge["edge"] == "unknown":
            unknown_lines.add((file, edge["line"]))
            if function:
                unknown_functions.add((file, function))
        elif edge["edge"] == "call":
            to_file, to_function = _split(str(edge["to"]))
            calls.add((_join(file, function), _join(os.path.realpath(to_file), to_function)))
    told = {key for key, _ in claims}
    truth: dict[tuple[str, str | None, str], list[int | None]] = {}
    places: dict[tuple[str, str | None, str], str | None] = {}
    for start in trace.started:
        name = os.path.basename(start.program)
        if start.is_hidden:
            continue
        key = _key(figures, start.where.file, start.where.function, name)
        truth.setdefault(key, []).append(start.where.line)
        places[key] = start.where.function
    for key, lines in truth.items():
        figures.started += 1
        if key in told:
            figures.found += 1
            figures.named += 1
            continue
        at_line = any((key[0], line) in unknown_lines for line in lines)
        in_function = (key[0], places[key] or "") in unknown_functions
        figures.named += at_line or in_function
        what = "" if at_line or in_function else " AND NOT NAMED"
        figures.misses.append(f"{where}{_at(key[0], lines[0])} {places[key] or 'top'} started {key[2]}{what}")
    ran = {(place.file, place.line, place.function) for place in trace.ran}
    for (key, line), (edge, function) in claims.items():
        if (key[0], line, function) in ran:
            if key not in truth and is_pardoned(edge):
                continue
            figures.claimed += 1
            figures.confirmed += key in truth
            if key not in truth:
                figures.lies.append(f"{where}{_at(key[0], line)} {function or 'top'} claims {edge['to']}")
    if figures.by_function:
        for source, target in trace.calls:
            if source.file and target.function:
                figures.calls += 1
                found = (_join(source.file, source.function), _join(target.file, target.function)) in calls
                figures.calls_found += found
                if not found:
                    figures.misses.append(f"{where}{source.file} {source.function or 'top'} called {target.function}")


def _at(file: str, line: object) -> str:
    """Return a place, with the text that stands there."""
    path = Path(file)
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    text = lines[line - 1].strip() if isinstance(line, int) and 0 < line <= len(lines) else ""
    return f"{path.name}:{line} `{text}`"


def _key(figures: Figures, file: str, function: str | None, name: str) -> tuple[str, str | None, str]:
    return file, function if figures.by_function else None, name


def _split(source: str) -> tuple[str, str | None]:
    kind, _, name = source.partition(":")
    file, _, function = name.partition("#") if kind == "func" else (name, "", "")
    return file, function or None


def _join(file: str, function: str | None) -> str:
    return f"func:{file}#{function}" if function else f"file:{file}"


def never(_edge: Edge) -> bool:
    """Pardon no claim."""
    return False


def of_folder(edges: Edges, folder: Path) -> Edges:
    """Return the edges that start in files of a folder."""
    return [edge for edge in edges if str(edge["from"]).partition(":")[2].startswith(f"{folder}/")]


def add_up(parts: Iterable[Figures], *, by_function: bool) -> Figures:
    """Return the sum of figures."""
    whole = Figures(by_function)
    for part in parts:
        for name in ("started", "found", "named", "claimed", "confirmed", "calls", "calls_found"):
            setattr(whole, name, getattr(whole, name) + getattr(part, name))
        whole.misses += part.misses
        whole.lies += part.lies
    return whole
