"""How does the map look to other programs: JSON Graph Format, Graphviz, Mermaid, a browser?"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping

from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.times import format_instant
from agentkit.core.visible import make_visible
from agentkit.depmap.answers import write_text
from agentkit.depmap.opening import open_map
from agentkit.depmap.store import Map, unpack
from agentkit.depmap.stored import StoredEdge, read_edges

# What Mermaid draws unless it is told otherwise (maxEdges).
MERMAID_EDGES = 500
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _./:@+=,-")
Write = Callable[[Map], Iterator[str]]


def print_export(environ: Mapping[str, str], form: str, *, is_quiet: bool) -> None:
    """Print the whole map in one of the forms."""
    if form not in FORMS:
        raise AgentkitError(
            f"--format: {form!r} is none of {', '.join(FORMS)}", hint="agentkit depmap export --help", status=Exit.USAGE
        )
    with open_map(environ) as chart:
        for text in FORMS[form](chart):
            write_text(text)
        count = chart.connection.execute("SELECT count(*) FROM edges").fetchone()[0]
    if form == "mermaid" and count > MERMAID_EDGES and not is_quiet:
        tell(f"agentkit: {count} edges; Mermaid draws {MERMAID_EDGES} unless its maxEdges says otherwise\n")


def _read_names(chart: Map) -> dict[int, str]:
    """Return {node: the name that is shown}, by name."""
    rows = chart.connection.execute("SELECT id, shown FROM nodes WHERE id = identity")
    return dict(sorted(((node, unpack(shown)) for node, shown in rows), key=lambda one: one[1]))


def _write_json(chart: Map) -> Iterator[str]:
    """Yield JSON Graph Format, version 2 (https://jsongraphformat.info); an edge's metadata is its record."""
    names = _read_names(chart)
    metadata = {"host": chart.host, "at": format_instant(time.time()), "root": chart.meta("root") or "/"}
    head = {"directed": True, "type": "depmap", "label": f"what depends on what on {chart.host}", "metadata": metadata}
    yield f'{{"graph": {json.dumps(head, ensure_ascii=False)[:-1]}, "nodes": {{'
    before = "\n"
    for name in names.values():
        node = {"label": name, "metadata": {"type": name.partition(":")[0]}}
        yield f"{before}{_to_json(name)}: {_to_json(node)}"
        before = ",\n"
    yield '\n}, "edges": ['
    before = "\n"
    for stored in read_edges(chart):
        source, target = _ends(stored, names)
        edge = {"source": source, "target": target, "relation": stored.edge.kind, "metadata": stored.edge.to_record()}
        yield before + _to_json(edge)
        before = ",\n"
    yield "\n]}}\n"


def _write_dot(chart: Map) -> Iterator[str]:
    """Yield the language of Graphviz (https://graphviz.org/doc/info/lang.html)."""
    names = _read_names(chart)
    yield "digraph depmap {\n  rankdir=LR;\n  node [shape=box];\n"
    for name in names.values():
        yield f"  {_quote_dot(name)};\n"
    for source, target, kind in _pairs(chart, names):
        yield f"  {_quote_dot(source)} -> {_quote_dot(target)} [label={_quote_dot(kind)}];\n"
    yield "}\n"


def _write_mermaid(chart: Map) -> Iterator[str]:
    """Yield a flowchart of Mermaid (https://mermaid.js.org/syntax/flowchart.html)."""
    names = _read_names(chart)
    yield "flowchart LR\n"
    spots = {name: f"n{number}" for number, name in enumerate(names.values())}
    for name, spot in spots.items():
        yield f'  {spot}["{_escape_mermaid(name)}"]\n'
    for source, target, kind in _pairs(chart, names):
        yield f'  {spots[source]} -->|"{_escape_mermaid(kind)}"| {spots[target]}\n'


def _write_html(chart: Map) -> Iterator[str]:
    """Yield a page for a browser."""
    # What makes the page is of no use to the other forms.
    from agentkit.depmap.webpage.composing import write_page

    yield from write_page(chart)


def _pairs(chart: Map, names: Mapping[int, str]) -> Iterator[tuple[str, str, str]]:
    """Yield (from, to, kind), each once."""
    found = {(*_ends(stored, names), stored.edge.kind) for stored in read_edges(chart)}
    yield from sorted(found)


def _ends(stored: StoredEdge, names: Mapping[int, str]) -> tuple[str, str]:
    assert stored.source is not None
    assert stored.target is not None
    return names[stored.source], names[stored.target]


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _quote_dot(text: str) -> str:
    # What is quoted is a label too, and there a backslash begins an escape.
    escaped = make_visible(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _escape_mermaid(text: str) -> str:
    return "".join(letter if letter in PLAIN else f"#{ord(letter)};" for letter in make_visible(text))


FORMS: dict[str, Write] = {
    "json": _write_json,
    "dot": _write_dot,
    "mermaid": _write_mermaid,
    "html": _write_html,
}
