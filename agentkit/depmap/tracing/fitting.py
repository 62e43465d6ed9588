"""Which edge of the map says the same as one that was seen?

Asked for each of very many edges that were seen, so what the map has is looked up and not gone through.
"""

from __future__ import annotations

import ipaddress
import itertools
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache

from agentkit.depmap.edge import Edge
from agentkit.depmap.tracing.interpreters import WRAPPERS, is_shell

# What only asks whether something is there does not say that it is used.
NO_ANSWER = frozenset({"unknown", "check", "after", "before"})
real_path = lru_cache(maxsize=1 << 16)(os.path.realpath)
# An edge, and its place among those of its source.
Placed = tuple[int, Edge]


def find_key(label: str, path: str | None = None) -> str:
    """Return what two names of one thing have in common: a file by its real path, a program by its own if known."""
    if path:
        return f"file:{real_path(path)}"
    if label.startswith(("file:/", "cmd:/")):
        return f"file:{real_path(label.partition(':')[2])}"
    return label


class Told:
    """The edges that the map has from one source, by what they lead to."""

    def __init__(self, edges: Iterable[Edge]) -> None:
        self._by_key: dict[str, Placed] = {}
        self._by_path: dict[str, Placed] = {}
        self._within: dict[str, Placed] = {}
        self._unplaced: dict[str, Placed] = {}
        self._started: dict[str, Placed] = {}
        self._ports: dict[str, list[Placed]] = {}
        for placed in enumerate(edges):
            if placed[1].kind not in NO_ANSWER:
                self._add(placed)

    def find(self, seen: Edge) -> Edge | None:
        """Return the first edge that says what was seen."""
        found = min(self._find_all(seen), default=None, key=lambda placed: placed[0])
        return found[1] if found else None

    def _add(self, placed: Placed) -> None:
        edge = placed[1]
        self._by_key.setdefault(find_key(edge.target, edge.path), placed)
        kind, _, rest = edge.target.partition(":")
        if kind == "file":
            path = find_key(edge.target)[5:]
            self._by_path.setdefault(path, placed)
            for folder in _list_folders(path):
                self._within.setdefault(folder, placed)
        elif kind == "cmd" and edge.path is None:
            self._unplaced.setdefault(os.path.basename(rest), placed)
        elif kind == "port":
            host, port = _split_port(edge.target)
            if host and not _is_address(host):
                self._ports.setdefault(port, []).append(placed)
        if edge.kind == "exec":
            self._started.setdefault(os.path.basename(edge.target).removeprefix("cmd:"), placed)

    def _find_all(self, seen: Edge) -> Iterator[Placed]:
        """Yield the first edge of each way in which it may be told."""
        key = find_key(seen.target, seen.path)
        if seen.kind == "exec" and seen.via in WRAPPERS and is_shell(seen.target.removeprefix("cmd:")):
            # The shell to which `su -c`, `watch` and their like give a text is theirs: no script names it.
            yield from _if_any(self._started.get(seen.via or ""))
        elif seen.target.startswith("port:"):
            yield from self._find_port(seen.target)
        elif seen.kind == "exec" and seen.target.startswith("cmd:"):
            yield from _if_any(self._by_key.get(key))
            # A program that was not found when the map was built is known by its name.
            yield from _if_any(self._unplaced.get(os.path.basename(seen.target[4:])))
        elif seen.kind in {"read", "write"}:
            # The file that the map tells of, in the folder that it tells of, or made on the way to it.
            path = key[5:]
            yield from _if_any(self._within.get(path))
            for told in (path, *_list_folders(path)):
                yield from _if_any(self._by_path.get(told))
        else:
            yield from _if_any(self._by_key.get(key))

    def _find_port(self, seen: str) -> Iterator[Placed]:
        """Yield the port, and the first that may be it: an address was seen, where the map may have a name."""
        yield from _if_any(self._by_key.get(seen))
        seen_host, port = _split_port(seen)
        others = (placed for placed in self._ports.get(port, ()) if _split_port(placed[1].target)[0] != seen_host)
        yield from itertools.islice(others, 1)


def _if_any(placed: Placed | None) -> tuple[Placed, ...]:
    return () if placed is None else (placed,)


def _list_folders(path: str) -> Iterator[str]:
    """Yield the folders that a path lies in, but for the root."""
    spot = path.rfind("/")
    while spot > 0:
        yield path[:spot]
        spot = path.rfind("/", 0, spot)


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
