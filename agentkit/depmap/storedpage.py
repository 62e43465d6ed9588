"""How are the edges of the map shown: all, those of one node, and those that lead nobody knows where?"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping

from agentkit.core.lines import write_record
from agentkit.core.screen import Column, Styled, print_line, print_table
from agentkit.core.times import format_instant
from agentkit.depmap.answers import tell_place
from agentkit.depmap.edge import Edge
from agentkit.depmap.names import find_node, read_names
from agentkit.depmap.opening import open_map
from agentkit.depmap.store import Map, unpack
from agentkit.depmap.stored import StoredEdge, read_edges, read_edges_of, read_unknowns

COLUMNS = (
    Column("from", folds=True),
    Column("edge"),
    Column("to", folds=True),
    Column("where", folds=True),
    Column("rule", rank=2),
    Column("how", rank=1),
)


def print_stored_edges(environ: Mapping[str, str], *, as_json: bool) -> None:
    """Print every edge of the map."""
    with open_map(environ) as chart:
        if as_json:
            write_edges(read_edges(chart), chart.host)
        else:
            print_edge_table([stored.edge for stored in read_edges(chart)])


def print_node(environ: Mapping[str, str], name: str, *, as_json: bool) -> None:
    """Print what is known of one node: its names, where it is defined, and its edges in both directions."""
    with open_map(environ) as chart:
        node = find_node(chart, name)
        found = list(read_edges_of(chart, node))
        if as_json:
            write_edges(found, chart.host)
            return
        print_line(Styled(read_names(chart, [node])[node], "heading"))
        for title, text in _describe(chart, node):
            print_line(" ", Styled(f"{title:<8}", "dim"), text)
        needs = [stored.edge for stored in found if stored.source == node]
        used = [stored.edge for stored in found if stored.source != node]
        for title, edges in (("leads to", needs), ("is led to", used)):
            print_line()
            print_line(Styled(title if edges else f"{title}: nothing", "heading"))
            if edges:
                print_edge_table(edges)


def print_unknowns(environ: Mapping[str, str], *, as_json: bool) -> None:
    """Print what could not be resolved and why, then how often each reason."""
    with open_map(environ) as chart:
        found = list(read_unknowns(chart))
        if as_json:
            write_edges(found, chart.host)
            return
        rows = [
            (_tell_place(stored.edge), stored.edge.target.removeprefix("unknown:"), stored.edge.reason or "-")
            for stored in found
        ]
        if rows:
            print_table((Column("where", folds=True), Column("what", folds=True), Column("why", folds=True)), rows)
            print_line()
        reasons = Counter(stored.edge.reason or "no reason given" for stored in found)
        told = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        print_line(Styled(f"{len(found)} not resolved{f': {told}' if told else ''}", "heading"))


def write_edges(found: Iterable[StoredEdge], host: str) -> None:
    """Write records of kind `edge`."""
    now = format_instant(time.time())
    for stored in found:
        envelope = {"v": 1, "kind": "edge", "at": now, "host": host}
        write_record({**envelope, **stored.edge.to_record(), "since": format_instant(stored.since)})
    sys.stdout.flush()


def print_edge_table(edges: Iterable[Edge]) -> None:
    """Print edges as lines in columns; nothing where there is none."""
    rows = [(edge.source, edge.kind, edge.target, _tell_place(edge), edge.rule, _say_how(edge)) for edge in edges]
    if rows:
        print_table(COLUMNS, rows)


def _tell_place(edge: Edge) -> str:
    return tell_place(edge.file, edge.line, edge.function)


def _say_how(edge: Edge) -> str:
    return edge.how if edge.confidence >= 1 else f"{edge.how} {edge.confidence:.0%}"


def _describe(chart: Map, node: int) -> Iterable[tuple[str, str]]:
    select = chart.connection.execute
    mentions = select("SELECT label, path FROM nodes WHERE identity = ? ORDER BY label, path", (node,)).fetchall()
    yield "names", ", ".join(dict.fromkeys(unpack(label) for label, _ in mentions))
    paths = dict.fromkeys(unpack(path) for _, path in mentions if path)
    if paths:
        yield "path", ", ".join(paths)
    defined = "SELECT file, line FROM defined JOIN nodes ON nodes.id = node WHERE identity = ? ORDER BY file, line"
    for file, line in select(defined, (node,)):
        yield "defined", tell_place(unpack(file), line)
    remarks = "SELECT remark FROM documents JOIN nodes ON label = 'file:' || documents.path WHERE identity = ?"
    for (remark,) in select(f"{remarks} AND remark IS NOT NULL", (node,)):
        yield "remark", unpack(remark)
