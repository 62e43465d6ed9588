"""How are edges shown: those of the map, or of the files that a person names?"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from agentkit.core.config import load_configuration
from agentkit.core.errors import Exit, tell
from agentkit.core.lines import write_record
from agentkit.core.screen import Column, Styled, print_table
from agentkit.core.times import format_instant
from agentkit.depmap.edge import Edge
from agentkit.depmap.namedfiles import is_unread, read_edges


def print_edges(environ: Mapping[str, str], paths: Sequence[str], *, as_json: bool, is_quiet: bool) -> int:
    """Print edges; the status is 65 when a file that was named could not be read."""
    configuration = load_configuration(environ, own=("depmap",), warn=lambda text: tell(f"agentkit: warning: {text}\n"))
    troubles: list[str] = []
    edges = read_edges(paths, troubles.append, search_path=environ.get("PATH"))
    print_list(edges, host=configuration.host, at=time.time(), as_json=as_json)
    for trouble in troubles:
        if not is_quiet:
            tell(f"agentkit: warning: {trouble}\n")
    return Exit.BAD_DATA if any(map(is_unread, troubles)) else Exit.OK


def print_list(edges: Iterable[Edge], *, host: str, at: float, as_json: bool) -> None:
    """Print edges as records, or as a table for a person."""
    if as_json:
        for edge in edges:
            write_record({"v": 1, "kind": "edge", "at": format_instant(at), "host": host, **edge.to_record()})
        return
    rows = [
        (
            edge.source,
            Styled(edge.kind, "heading"),
            edge.target,
            f"{edge.file}:{edge.line}" if edge.line else edge.file,
            edge.reason or edge.via or "",
        )
        for edge in edges
    ]
    columns = (Column("FROM"), Column("EDGE"), Column("TO"), Column("WHERE"), Column("VIA"))
    print_table(columns, rows)
