"""How is it shown how much of what was seen the map has?"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.lines import write_record
from agentkit.core.screen import Column, Styled, print_line, print_table
from agentkit.core.times import format_instant
from agentkit.depmap.edge import DECLARED, SEEN, STATIC, Edge
from agentkit.depmap.opening import open_map
from agentkit.depmap.questionwords import usage
from agentkit.depmap.store import BUILD, Map, unpack
from agentkit.depmap.stored import read_edges_by
from agentkit.depmap.tracing.comparing import Judged, Known
from agentkit.depmap.tracing.missing import Needed, find_needed
from agentkit.depmap.tracing.tracepage import Wanted, run_traced

TRACE = "agentkit depmap trace -- PROGRAM runs one and remembers what it touches"
FIGURES = (
    Column("edge"),
    Column("seen", is_right=True),
    Column("found", is_right=True),
    Column("recall", is_right=True),
)
MISSES = (
    Column("from", folds=True),
    Column("edge"),
    Column("to", folds=True),
    Column("by", rank=1),
    Column("needed", folds=True),
)


@dataclass(frozen=True, slots=True)
class Recall:
    """How many edges of a kind were seen, and how many of these the map has."""

    seen: int
    found: int

    def told(self) -> str:
        """Return the part that was found, never as all of it when it is not."""
        if not self.seen:
            return "-"
        share = self.found / self.seen
        return "100%" if self.found == self.seen else f"{min(99.9, share * 100):.1f}%"


def print_recall(environ: Mapping[str, str], wanted: Wanted, *, as_json: bool) -> int:
    """Print what the map has of what was seen, or of what a program touches now; the status is 1 with any miss."""
    edges: Iterable[Edge] | None = None
    words = wanted.words
    if not words and (wanted.node or wanted.limit):
        raise usage(wanted.verb, f"{'--as' if wanted.node else '--limit'} is for the program that stands behind --")
    with open_map(environ) as chart:
        _check_built(chart)
    if words:
        # The answer has stdout for itself; what is traced now is not remembered.
        traced = run_traced(environ, wanted, stdout=sys.stderr.fileno())
        edges = traced.edges
        if traced.status and not wanted.is_quiet:
            tell(f"agentkit: warning: {words[0]} ended with status {traced.status}\n")
    with open_map(environ) as chart:
        judged = judge(chart, edges)
        host = chart.host
    if not judged:
        raise AgentkitError("nothing was seen yet" if edges is None else "nothing was seen", hint=TRACE)
    misses = [(one, find_needed(one)) for one in judged if one.found is None]
    if as_json:
        _write(judged, misses, host)
    else:
        _show(judged, misses)
    return Exit.FINDINGS if misses else Exit.OK


def judge(chart: Map, edges: Iterable[Edge] | None = None) -> list[Judged]:
    """Return what the map says of each edge that was seen: of these, or of those that it remembers."""
    mapped = (unpack(path) for (path,) in chart.connection.execute("SELECT DISTINCT path FROM documents"))
    own = (stored.edge for how in (STATIC, DECLARED) for stored in read_edges_by(chart, how))
    known = Known(own, mapped)
    wanted = [stored.edge for stored in read_edges_by(chart, SEEN)] if edges is None else edges
    judged = [known.judge(edge) for edge in wanted]
    return sorted(judged, key=lambda one: (one.seen.source, one.seen.kind, one.seen.target))


def count_recall(judged: Iterable[Judged]) -> dict[str, Recall]:
    """Return the figures of each kind of edge, the most frequent first."""
    counts: dict[str, list[int]] = {}
    for one in judged:
        count = counts.setdefault(one.seen.kind, [0, 0])
        count[0] += 1
        count[1] += one.found is not None
    return {kind: Recall(*counts[kind]) for kind in sorted(counts, key=lambda kind: (-counts[kind][0], kind))}


def _check_built(chart: Map) -> None:
    if chart.meta("root") is None:
        raise AgentkitError("nothing was built yet that could have what is seen", hint=BUILD)


def _total(kinds: Mapping[str, Recall]) -> Recall:
    return Recall(sum(one.seen for one in kinds.values()), sum(one.found for one in kinds.values()))


def _show(judged: Sequence[Judged], misses: Sequence[tuple[Judged, Needed]]) -> None:
    kinds = count_recall(judged)
    rows = [*kinds.items(), ("all", _total(kinds))]
    by_programs = sum(needed.by_program for _, needed in misses)
    if by_programs:
        rows.append(("all that a text tells", _leave_out(rows[-1][1], by_programs)))
    print_table(FIGURES, [(name, str(one.seen), str(one.found), one.told()) for name, one in rows])
    if misses:
        print_line()
        print_line(Styled(f"{len(misses)} missed", "heading"))
        print_table(
            MISSES,
            [
                (one.seen.source, one.seen.kind, one.seen.target, one.seen.via or "-", needed.text)
                for one, needed in misses
            ],
        )


def _leave_out(whole: Recall, by_programs: int) -> Recall:
    return Recall(whole.seen - by_programs, whole.found)


def _write(judged: Sequence[Judged], misses: Sequence[tuple[Judged, Needed]], host: str) -> None:
    now = format_instant(time.time())
    envelope: dict[str, object] = {"v": 1, "at": now, "host": host}
    for one, needed in misses:
        write_record({**envelope, "kind": "edge", **one.seen.to_record(), "needed": needed.text})
    kinds = count_recall(judged)
    whole = _total(kinds)
    write_record(
        {
            **envelope,
            "kind": "recall",
            "seen": whole.seen,
            "found": whole.found,
            "recall": round(whole.found / whole.seen, 4),
            "by_programs": sum(needed.by_program for _, needed in misses),
            "kinds": {kind: {"seen": one.seen, "found": one.found} for kind, one in kinds.items()},
            "sources": len({one.seen.source for one in judged}),
        }
    )
    sys.stdout.flush()
