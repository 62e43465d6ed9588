"""Which dependencies does a person declare, and did that change since the map was built?"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agentkit.core.config import load_configuration
from agentkit.depmap.document import Document, Mapped
from agentkit.depmap.edge import DECLARED, Edge, check_kind
from agentkit.depmap.writing import DECLARED_KIND

HEADER = "[[depmap.declare]]"


def read_declared(environ: Mapping[str, str], warn: Callable[[str], None]) -> tuple[str, Document, Mapped]:
    """Return the host that the configuration names, and the declared edges as a document and what stands in it.

    Raises AgentkitError (configuration) naming file, key and nearest known key.
    """
    configuration = load_configuration(environ, own=("depmap",), warn=warn)
    path = configuration.path
    lines = _find_lines(path) if configuration.declared else []
    edges = []
    for index, one in enumerate(configuration.declared):
        assert one.source is not None
        assert one.target is not None
        # Written in another form (`declare = [{…}]`) there are no headers to count.
        line = lines[index] if len(lines) == len(configuration.declared) else None
        kind = check_kind(one.edge, f"{path}: depmap.declare #{index + 1}.edge")
        edges.append(Edge(one.source, one.target, kind, path, line, "declare", how=DECLARED))
    return configuration.host, Document(DECLARED_KIND, path), Mapped(edges=tuple(edges), inputs=(path,))


def _find_lines(path: str) -> list[int]:
    with open(path, encoding="utf-8") as file:
        return [number for number, line in enumerate(file, start=1) if line.split("#")[0].strip() == HEADER]
