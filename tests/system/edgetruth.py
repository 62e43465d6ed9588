"""How well do the edges of the map agree with what runs of the scripts really did?"""

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.depmap.mapped import Edges
from tests.system.straced import Trace, Where

Edge = dict[str, object]
Key = tuple[str, str | None, str]  # file, function, program
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


@dataclass(slots=True)
class _Said:
    """What the map says: programs by place, unknown places, calls."""

    claims: dict[tuple[Key, object], tuple[Edge, str | None]] = field(default_factory=dict)
    unknown: set[tuple[str, object]] = field(default_factory=set)
    calls: set[tuple[str, str]] = field(default_factory=set)


def compare(figures: Figures, trace: Trace, edges: Edges, where: str, is_pardoned: Callable[[Edge], bool]) -> None:
    """Add what one run and the edges of its files say to the figures; `where` is written before what is wrong.

    A claim that `is_pardoned` and was not started is not counted: nothing says that the run came there. The values
    that one variable may have are one claim: one of them is to be true.
    """
    said = _read(figures, edges)
    truth: dict[Key, list[Where]] = {}
    for start in trace.started:
        if not start.is_hidden:
            place = start.where
            key = _key(figures, place.file, place.function, os.path.basename(start.program))
            truth.setdefault(key, []).append(place)
    _count_started(figures, truth, said, where)
    _count_claims(figures, truth, said, trace, where=where, is_pardoned=is_pardoned)
    if figures.by_function:
        _count_calls(figures, trace, said, where)


def _read(figures: Figures, edges: Edges) -> _Said:
    said = _Said()
    for edge in edges:
        file, function = _split(str(edge["from"]))
        if edge["edge"] == "exec":
            name = os.path.basename(str(edge["to"]).partition(":")[2])
            said.claims[_key(figures, file, function, name), edge["line"]] = edge, function
        elif edge["edge"] == "unknown":
            said.unknown |= {(file, edge["line"]), (file, function or "")}
        elif edge["edge"] == "call":
            to_file, to_function = _split(str(edge["to"]))
            said.calls.add((_join(file, function), _join(os.path.realpath(to_file), to_function)))
    return said


def _count_started(figures: Figures, truth: dict[Key, list[Where]], said: _Said, where: str) -> None:
    told = {key for key, _ in said.claims}
    for key, places in truth.items():
        figures.started += 1
        figures.found += key in told
        # Of a function it is enough to say that something in it is not known, of the top it is not.
        marks = {(key[0], place.line) for place in places} | {(key[0], place.function or None) for place in places}
        is_named = not said.unknown.isdisjoint(marks)
        figures.named += key in told or is_named
        if key not in told:
            what = "" if is_named else " AND NOT NAMED"
            place = _at(key[0], places[0].line)
            figures.misses.append(f"{where}{place} {places[0].function or 'top'} started {key[2]}{what}")


def _count_claims(
    figures: Figures,
    truth: dict[Key, list[Where]],
    said: _Said,
    trace: Trace,
    *,
    where: str,
    is_pardoned: Callable[[Edge], bool],
) -> None:
    functions = {place.function for place in trace.ran}
    ran = {(place.file, place.line, place.function) for place in trace.ran}
    alternatives: dict[tuple[str, object, str | None], list[tuple[Edge, bool]]] = {}
    for (key, line), (edge, function) in said.claims.items():
        if (key[0], line, function) not in ran:
            continue
        # A program that this machine lacks is looked for, and not started.
        is_missing = shutil.which(key[2]) is None and key[2] not in functions
        is_true = key in truth or (is_missing and (key[0], line, key[2]) in trace.tried)
        if is_true or not is_pardoned(edge):
            place = key[0], line, function
            # What stands there is a claim of its own, what a variable may hold is one with the others.
            is_written = key[2] in _read_line(key[0], line)
            alternatives.setdefault((*place[:2], f"{function}:{key[2]}") if is_written else place, []).append(
                (edge, is_true)
            )
    for (file, line, _), claims in alternatives.items():
        is_true = any(true for _, true in claims)
        figures.claimed += 1
        figures.confirmed += is_true
        if not is_true:
            names = " or ".join(str(edge["to"]) for edge, _ in claims)
            figures.lies.append(f"{where}{_at(file, line)} {claims[0][0]['function'] or 'top'} claims {names}")


def _count_calls(figures: Figures, trace: Trace, said: _Said, where: str) -> None:
    for source, target in trace.calls:
        if source.file and target.function:
            figures.calls += 1
            found = (_join(source.file, source.function), _join(target.file, target.function)) in said.calls
            figures.calls_found += found
            if not found:
                figures.misses.append(f"{where}{source.file} {source.function or 'top'} called {target.function}")


def _read_line(file: str, line: object) -> str:
    path = Path(file)
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    return lines[line - 1].strip() if isinstance(line, int) and 0 < line <= len(lines) else ""


def _at(file: str, line: object) -> str:
    """Return a place, with the text that stands there."""
    return f"{os.path.basename(file)}:{line} `{_read_line(file, line)}`"


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
