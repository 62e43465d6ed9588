"""How much of what was seen does the map have of its own, and what did it miss?"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from agentkit.depmap.edge import SEEN, Edge
from agentkit.depmap.tracing.interpreters import WRAPPERS, is_shell

# Who follows these from a node comes to what is a part of it: its functions, what it sources and imports.
PARTS = frozenset({"call", "source", "import"})
# What only asks whether something is there does not say that it is used.
NO_ANSWER = frozenset({"unknown", "check", "after", "before"})
MOST_PARTS = 20_000
real_path = lru_cache(maxsize=1 << 16)(os.path.realpath)


@dataclass(frozen=True, slots=True)
class Judged:
    """An edge that was seen, the edge of the map that says so (None: it was missed), and what its source is."""

    seen: Edge
    found: Edge | None
    part: Part


@dataclass(frozen=True, slots=True)
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
        for edge in edges:
            if edge.how != SEEN:
                self._by_source.setdefault(find_key(edge.source), []).append(edge)
                if edge.source.startswith(("file:", "func:", "py:")):
                    self._by_file.setdefault(real_path(edge.file), []).append(edge)

    def judge(self, seen: Edge) -> Judged:
        """Return what the map says of an edge that was seen."""
        part = self.find_part(seen.source)
        fits = _make_fit(seen)
        candidates = part.edges if seen.via is None else (*part.edges, *self._by_source.get(f"cmd:{seen.via}", ()))
        found = next((edge for edge in candidates if edge.kind not in NO_ANSWER and fits(edge)), None)
        if found is None and seen.kind == "exec" and seen.via is None and is_shell(seen.target.removeprefix("cmd:")):
            # os.system and `shell=True` start one for a text of which the map has what it starts.
            found = next((edge for edge in part.edges if edge.kind == "exec" and edge.source.startswith("py:")), None)
        return Judged(seen, found, part)

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


def find_key(label: str, path: str | None = None) -> str:
    """Return what two names of one thing have in common: a file by its real path, a program by its own if known."""
    if path:
        return f"file:{real_path(path)}"
    if label.startswith(("file:/", "cmd:/")):
        return f"file:{real_path(label.partition(':')[2])}"
    return label


def _make_fit(seen: Edge) -> Callable[[Edge], bool]:
    key = find_key(seen.target, seen.path)
    if seen.kind == "exec" and seen.via in WRAPPERS and is_shell(seen.target.removeprefix("cmd:")):
        # The shell to which `su -c`, `watch` and their like give a text is theirs: no script names it.
        return lambda edge: edge.kind == "exec" and os.path.basename(edge.target).removeprefix("cmd:") == seen.via
    if seen.target.startswith("port:"):
        return lambda edge: _is_port(seen.target, edge.target)
    if seen.kind == "exec" and seen.target.startswith("cmd:"):
        name = os.path.basename(seen.target[4:])
        return (
            lambda edge: (
                find_key(edge.target, edge.path) == key
                # A program that was not found when the map was built is known by its name.
                or (edge.path is None and edge.target.startswith("cmd:") and os.path.basename(edge.target[4:]) == name)
            )
        )
    if seen.kind in ("read", "write"):
        return lambda edge: edge.target.startswith("file:") and _is_within(key[5:], find_key(edge.target)[5:])
    return lambda edge: find_key(edge.target, edge.path) == key


def _is_within(path: str, told: str) -> bool:
    """Tell whether it is the file that the map tells of, in the folder that it tells of, or made on the way to it."""
    return path == told or path.startswith(f"{told}/") or told.startswith(f"{path}/")


def _is_port(seen: str, told: str) -> bool:
    """Tell whether two ports are one: an address was seen, where the map may have a name."""
    if seen == told:
        return True
    if not told.startswith("port:"):
        return False
    (seen_host, seen_port), (told_host, told_port) = _split_port(seen), _split_port(told)
    return seen_port == told_port and told_host != "" and not _is_address(told_host) and seen_host != told_host


def _split_port(label: str) -> tuple[str, str]:
    protocol, _, rest = label.partition(":")[2].partition("/")
    host, _, port = rest.rpartition(":")
    return host, f"{protocol}/{port}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
