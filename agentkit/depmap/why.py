"""By which ways does one thing depend on another?

A hot verb: `main` is called before typer is imported, and nothing is loaded that the answer does not need.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import islice

from agentkit.core.errors import tell
from agentkit.core.optionwords import split_options
from agentkit.depmap.answers import begin_record, draw_table, quote, quote_all, write_text
from agentkit.depmap.falling import Key, Place
from agentkit.depmap.names import find_node, read_names
from agentkit.depmap.opening import open_map
from agentkit.depmap.questionwords import WHY, read_whole, usage
from agentkit.depmap.shortest import find_steps, list_ways
from agentkit.depmap.steps import read_steps, to_step_records, to_step_rows

LIMIT = 10
COLUMNS = ("way", "node", "by", "needs", "where")


def main(words: list[str]) -> int:
    """Answer the words of the command line and return the status."""
    nodes, values = split_options("depmap why", words, WHY)
    limit = values.get("--limit", [None])[-1]
    return print_why(os.environ, nodes, limit=limit, as_json="--json" in values, is_quiet="--quiet" in values)


def print_why(
    environ: Mapping[str, str], nodes: Sequence[str], *, limit: str | None, as_json: bool, is_quiet: bool
) -> int:
    """Print all shortest ways, up to a limit, by which the first node depends on the second; return the status."""
    if len(nodes) != 2:
        raise usage("why", f"expected two nodes, NODE and what it depends on; got {len(nodes)}")
    most = read_whole("why", "--limit", limit) or LIMIT
    with open_map(environ) as chart:
        first, last = find_node(chart, nodes[0]), find_node(chart, nodes[1])
        steps = find_steps(chart, first, last)
        names = read_names(chart, {first, last, *steps})
        ways = list(islice(list_ways(steps, names, first, last), most + 1))
        shown = ways[:most]
        places = read_steps(chart, shown)
        if as_json:
            write_text(_to_records(shown, names, places, chart.host))
        elif first != last and shown:
            write_text(draw_table(COLUMNS, to_step_rows(shown, names, places)))
        if not is_quiet:
            if len(ways) > most:
                tell(f"agentkit: more than {most} ways of this length; --limit shows more\n")
            if first == last:
                tell(f"agentkit: {nodes[0]} and {nodes[1]} are one thing\n")
            elif not ways:
                is_turned = bool(find_steps(chart, last, first))
                turned = f"; it is the other way round: agentkit depmap why {nodes[1]} {nodes[0]}" if is_turned else ""
                tell(f"agentkit: {nodes[0]} does not depend on {nodes[1]}{turned}\n")
    return 0


def _to_records(ways: Sequence[list[int]], names: Mapping[int, str], places: Mapping[Key, Place], host: str) -> str:
    beginning = begin_record("why", host)
    return "".join(
        f'{beginning}"from": {quote(names[way[0]])}, "to": {quote(names[way[-1]])}, "distance": {len(way) - 1}, '
        f'"nodes": {quote_all(names[node] for node in way)}, "steps": {to_step_records(way, names, places)}}}\n'
        for way in ways
    )
