"""How much of what was seen does the map have of its own, and what did it miss?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agentkit.depmap.edge import SEEN, Edge
from agentkit.depmap.tracing.fitting import Told, find_key, real_path
from agentkit.depmap.tracing.interpreters import is_shell

# Who follows these from a node comes to what is a part of it: its functions, what it sources and imports.
PARTS = frozenset({"call", "source", "import"})
MOST_PARTS = 20_000


@dataclass(frozen=True, slots=True)
class Judged:
    """An edge that was seen, the edge of the map that says so (None: it was missed), and what its source is."""

    seen: Edge
    found: Edge | None
    part: Part


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What belongs to one source: its edges in the map, and whether it was mapped at all."""

    edges: tuple[Edge, ...]
    is_mapped: bool


class Known:
    """What a map says without having seen it: what was read and what is declared, and the files that were read."""

    def __init__(self, edges: Iterable[Edge], mapped: Iterable[str] = ()) -> None:
        self._by_source: dict[str, list[Edge]] = {}
        self._by_file: dict[str, list[Edge]] = {}
        self._mapped = {real_path(path) for path in mapped if path}
        self._parts: dict[str, Part] = {}
        self._told: dict[str, Told] = {}
        for edge in edges:
            if edge.how != SEEN:
                self._by_source.setdefault(find_key(edge.source), []).append(edge)
                if edge.source.startswith(("file:", "func:", "py:")):
                    self._by_file.setdefault(real_path(edge.file), []).append(edge)

    def judge(self, seen: Edge) -> Judged:
        """Return what the map says of an edge that was seen."""
        part = self.find_part(seen.source)
        found = self._find_told(seen.source, part.edges).find(seen)
        if found is None and seen.via is not None:
            program = f"cmd:{seen.via}"
            found = self._find_told(f"only {program}", self._by_source.get(program, ())).find(seen)
        if found is None and seen.kind == "exec" and seen.via is None and is_shell(seen.target.removeprefix("cmd:")):
            # os.system and `shell=True` start one for a text of which the map has what it starts.
            found = next((edge for edge in part.edges if edge.kind == "exec" and edge.source.startswith("py:")), None)
        return Judged(seen, found, part)

    def _find_told(self, whose: str, edges: Iterable[Edge]) -> Told:
        if whose not in self._told:
            self._told[whose] = Told(edges)
        return self._told[whose]

    def find_part(self, source: str) -> Part:
        """Return what belongs to a node: its own edges, those of its functions, and of all that it sources."""
        if source not in self._parts:
            self._parts[source] = self._find_part(source)
        return self._parts[source]

    def _find_part(self, source: str) -> Part:
        key = find_key(source)
        keys, seen = [key], {key}
        edges: dict[Edge, None] = {}
        while keys and len(seen) < MOST_PARTS:
            for edge in self._list_edges(keys.pop()):
                if edge in edges:
                    continue
                edges[edge] = None
                following = find_key(edge.target)
                if edge.kind in PARTS and following not in seen:
                    seen.add(following)
                    keys.append(following)
        return Part(tuple(edges), bool(edges) or key.removeprefix("file:") in self._mapped)

    def _list_edges(self, key: str) -> Iterator[Edge]:
        yield from self._by_source.get(key, ())
        if key.startswith("file:"):
            yield from self._by_file.get(key[5:], ())
        elif key.startswith("py:") and key.count(":") == 1:
            for name, edges in self._by_source.items():
                if name.startswith(f"{key}:"):
                    yield from edges
