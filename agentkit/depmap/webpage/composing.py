"""How does the map become one page?"""

from __future__ import annotations

import os
from collections.abc import Iterator

from agentkit.core.webpage import composing
from agentkit.depmap.store import Map
from agentkit.depmap.webpage.mapdata import write_data

FOLDER = os.path.dirname(os.path.abspath(__file__))
DATA = '<script type="application/json" id="map">'
CHUNK = 1 << 16


def write_page(chart: Map) -> Iterator[str]:
    """Yield one HTML document with the whole map in it, some 64 KiB at a time."""
    waiting: list[str] = []
    size = 0
    for text in _write_all(chart):
        waiting.append(text)
        size += len(text)
        if size >= CHUNK:
            yield "".join(waiting)
            waiting, size = [], 0
    yield "".join(waiting)


def compose() -> tuple[str, str]:
    """Return the page before the map's data and after it."""
    return composing.compose(FOLDER, DATA)


def _write_all(chart: Map) -> Iterator[str]:
    before, after = compose()
    yield before
    yield from write_data(chart)
    yield after
