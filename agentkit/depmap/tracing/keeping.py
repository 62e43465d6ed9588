"""How does what was seen get into the map, and out of it again?

Each node from which something was seen is a document of its own, which every build keeps. What is seen again keeps the
time at which it was first seen.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.locks import hold_lock
from agentkit.core.paths import look_at_configuration
from agentkit.depmap.document import Document, Mapped
from agentkit.depmap.edge import SEEN, Edge
from agentkit.depmap.names import find_node
from agentkit.depmap.opening import find_map
from agentkit.depmap.store import BUILD, Map, open_store, unpack
from agentkit.depmap.stored import read_edges_by
from agentkit.depmap.tracing.seen import name_dependency
from agentkit.depmap.writing import SEEN_KIND, Change, replace_map

# A build of a whole machine takes some seconds, and what was seen is not to be lost to it.
WAIT = timedelta(seconds=60)
# Older than any build: the map is as old as its last build says, not as its last trace.
NEVER_BUILT = 1.0


def add_seen(environ: Mapping[str, str], edges: Iterable[Edge], warn: Callable[[str], None]) -> int:
    """Add what was seen to the map, and return how many edges of it are new; without a map one is made of it.

    Raises AgentkitError: try later (a build goes on for longer than a minute), cannot write, configuration.
    """
    grouped: dict[str, list[Edge]] = {}
    for edge in edges:
        grouped.setdefault(edge.source, []).append(edge)
    path = find_map(environ)
    with hold_lock(f"{path}.lock", what="map", limit=WAIT):
        chart = _open(path)
        stored: dict[str, list[Edge]] = {}
        if chart is not None:
            with chart:
                stored = list_seen(chart)
        change = Change()
        for source, found in grouped.items():
            before = stored.get(source, [])
            whole = {name_dependency(edge): edge for edge in (*found, *before)}
            if len(whole) > len(before):
                change.found[name_document(found)] = Mapped(edges=tuple(whole.values()))
        if not change.found:
            return 0
        if chart is None:
            _declare(environ, change, warn)
        return _replace(path, change)[0]


def check_map(environ: Mapping[str, str]) -> None:
    """Raise AgentkitError when the map cannot take what will be seen: before a program is run for nothing."""
    path = find_map(environ)
    chart = _open(path)
    if chart is not None:
        chart.end()
    folder = os.path.dirname(path)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as error:
        raise AgentkitError(f"{folder}: {error.strerror}", status=Exit.CANNOT_WRITE) from error
    if not os.access(folder, os.W_OK):
        raise AgentkitError(f"{folder}: cannot be written", status=Exit.CANNOT_WRITE)


def forget_seen(environ: Mapping[str, str], name: str | None) -> int:
    """Forget what was seen from a node (None: from all) and return how many edges went.

    Raises AgentkitError as `find_node` and `add_seen` do.
    """
    path = find_map(environ)
    with hold_lock(f"{path}.lock", what="map", limit=WAIT):
        chart = _open(path)
        if chart is None:
            return 0
        with chart:
            labels = None if name is None else _find_labels(chart, name)
            stored = list_seen(chart)
        change = Change(
            gone=[name_document(edges) for source, edges in stored.items() if labels is None or source in labels]
        )
        return _replace(path, change)[1] if change.gone else 0


def _find_labels(chart: Map, name: str) -> set[str]:
    rows = chart.connection.execute("SELECT label FROM nodes WHERE identity = ?", (find_node(chart, name),))
    return {unpack(label) for (label,) in rows}


def list_seen(chart: Map) -> dict[str, list[Edge]]:
    """Return the edges that were seen, by the node from which."""
    found: dict[str, list[Edge]] = {}
    for stored in read_edges_by(chart, SEEN):
        found.setdefault(stored.edge.source, []).append(stored.edge)
    return found


def name_document(edges: Iterable[Edge]) -> Document:
    """Return the document that holds what was seen from one node."""
    return Document(SEEN_KIND, "", next(iter(edges)).source)


def _open(path: str) -> Map | None:
    chart = open_store(path)
    if chart is not None:
        root = str(chart.meta("root") or "/")
        if root != "/":
            chart.end()
            raise AgentkitError(
                f"the map is of the machine whose files are in {root}, and programs run on this one",
                hint=f"{BUILD} maps this one; another AGENTKIT_HOME keeps both",
                status=Exit.UNAVAILABLE,
            )
    return chart


def _declare(environ: Mapping[str, str], change: Change, warn: Callable[[str], None]) -> None:
    """Begin a map with what is declared, as a build does."""
    from agentkit.depmap.declaring import read_declared

    host, document, mapped = read_declared(environ, warn)
    change.found[document] = mapped
    change.meta = {"host": host, "configuration": look_at_configuration(environ)}


def _replace(path: str, change: Change) -> tuple[int, int]:
    try:
        built_at = os.stat(path).st_mtime
        is_new = False
    except FileNotFoundError:
        built_at, is_new = NEVER_BUILT, True
    counts = replace_map(path, change, time.time(), is_new=is_new)
    os.utime(path, (time.time(), built_at))
    return counts
