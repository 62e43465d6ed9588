"""What falls when this falls?

A hot verb: `main` is called before typer is imported, and nothing is loaded that the answer does not need.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence

from agentkit.core.errors import AgentkitError, tell
from agentkit.core.optionwords import split_options
from agentkit.depmap.answers import begin_record, draw_table, quote, shorten, write_text
from agentkit.depmap.falling import Fallen, Key, Place, find_fallen, read_first_places
from agentkit.depmap.names import TYPES, check_kinds, find_node
from agentkit.depmap.opening import open_map
from agentkit.depmap.questionwords import BLAST, read_whole, usage
from agentkit.depmap.store import Map

COLUMNS = ("distance", "node", "by", "where", "by way of")


def main(words: list[str]) -> int:
    """Answer the words of the command line and return the status."""
    nodes, values = split_options("depmap blast", words, BLAST)
    return print_blast(
        os.environ,
        nodes,
        depth=values.get("--depth", [None])[-1],
        kinds=values.get("--kind", []),
        as_json="--json" in values,
        is_quiet="--quiet" in values,
    )


def print_blast(
    environ: Mapping[str, str],
    nodes: Sequence[str],
    *,
    depth: str | None,
    kinds: Collection[str],
    as_json: bool,
    is_quiet: bool,
) -> int:
    """Print everything that falls with the nodes, nearest first, and return the status."""
    if not nodes:
        raise usage("blast", "missing argument 'NODE...'")
    deepest = read_whole("blast", "--depth", depth)
    with open_map(environ) as chart:
        check_kinds("blast", kinds, TYPES, chart)
        asked, late = _find_asked(chart, nodes, is_quiet=is_quiet)
        levels = list(find_fallen(chart, asked, depth=deepest)) if asked else []
        kept = [fallen for level in levels for fallen in level if _is_wanted(fallen.name, kinds)]
        places = read_first_places(chart, {fallen.node: fallen.edges for fallen in kept})
        if as_json:
            write_text(_to_records(kept, places, chart.host))
        elif kept:
            write_text(draw_table(COLUMNS, [_to_row(fallen, places[fallen.node]) for fallen in kept]))
        if asked and not kept and not is_quiet:
            tell(f"agentkit: nothing {_say_kinds(kinds)}falls with {', '.join(nodes)}\n")
    if late is not None:
        raise late
    return 0


def _find_asked(chart: Map, words: Sequence[str], *, is_quiet: bool) -> tuple[list[int], AgentkitError | None]:
    """Return the nodes that are asked for; an error that came while findings were read is for after the answer."""
    asked: list[int] = []
    late: AgentkitError | None = None
    for word in words:
        try:
            if word != "-":
                asked.append(find_node(chart, word))
                continue
        except AgentkitError:
            if not os.path.isfile(word):
                raise
        from agentkit.depmap.subjects import find_subjects

        found, trouble = find_subjects(chart, word, is_quiet=is_quiet)
        asked.extend(found)
        late = late or trouble
    return asked, late


def _is_wanted(name: str, kinds: Collection[str]) -> bool:
    return not kinds or name.partition(":")[0] in kinds


def _to_records(kept: Sequence[Fallen], places: Mapping[Key, Place], host: str) -> str:
    beginning = begin_record("blast", host)
    told: dict[int, str] = {}
    return "".join(
        f'{beginning}"node": {quote(fallen.name)}, "distance": {fallen.distance}, '
        f'"via": [{_tell_way(fallen.before, told)}], "of": {quote(fallen.asked)}, {places[fallen.node].record()}}}\n'
        for fallen in kept
    )


def _tell_way(fallen: Fallen | None, told: dict[int, str]) -> str:
    """Return the names from behind the node that was asked for up to this one; what was told before is told again."""
    news = []
    while fallen and fallen.before and fallen.node not in told:
        news.append(fallen)
        fallen = fallen.before
    text = told.get(fallen.node, "") if fallen else ""
    for one in reversed(news):
        text = told[one.node] = f"{text}, {quote(one.name)}" if text else quote(one.name)
    return text


def _to_row(fallen: Fallen, place: Place) -> tuple[str, ...]:
    way = " < ".join(shorten(one.name) for one in reversed(fallen.way()[1:]))
    return str(fallen.distance), fallen.name, place.kind, place.told(), way or "-"


def _say_kinds(kinds: Collection[str]) -> str:
    return f"of {' or '.join(sorted(kinds))} " if kinds else ""
