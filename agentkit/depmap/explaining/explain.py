"""What is the root of each finding of a pipe, and what falls with it?"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agentkit.core.asides import read_instant, warn
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import Record, read_records
from agentkit.depmap.explaining.causes import find_causes, find_dependants, find_suspects
from agentkit.depmap.explaining.probed import read_probed
from agentkit.depmap.explaining.producers import add_producers
from agentkit.depmap.graph import Arrows, load_graph, turn_round
from agentkit.depmap.names import look_up
from agentkit.depmap.opening import open_map
from agentkit.depmap.store import BUILD, Map

MOST_IMPACT = 1000
MOST_SUSPECTS = 5


@dataclass(slots=True)
class Explained:
    """The records of a pipe, those that could be explained with what was found; `late` is what was no record."""

    records: list[Record] = field(default_factory=list)
    late: AgentkitError | None = None
    has_map: bool = True


def explain(environ: Mapping[str, str], source: str) -> Explained:
    """Return the records of a file, or of stdin (`-`), the findings with `cause` and `impact`.

    What is no firing finding, and what has a subject that the map does not know, is as it came. Without a map all is.
    """
    explained = Explained()
    try:
        explained.records.extend(read_records(source, warn))
    except AgentkitError as error:
        if error.status != Exit.BAD_DATA or not explained.records:
            raise
        explained.late = error
    try:
        with open_map(environ) as chart:
            _explain_all(explained.records, chart, read_probed(environ, time.time()))
    except AgentkitError as error:
        if error.hint != BUILD:
            raise
        explained.has_map = False
        warn("there is no map yet, so nothing is explained: agentkit depmap build")
    return explained


def _explain_all(records: Sequence[Record], chart: Map, probed: Mapping[str, float]) -> None:
    subjects = {record["subject"]: None for record in records if is_firing(record)}
    nodes = _find_nodes(chart, [*map(str, subjects), *probed])
    if not any(subject in nodes for subject in subjects):
        return
    graph = load_graph(chart)
    number_of = {node: number for number, node in enumerate(graph.nodes)}
    numbers = {name: number_of[node] for name, node in nodes.items()}
    unwell: dict[int, float] = {}
    seen = [(name, since) for name, since in probed.items()]
    firing = [record for record in records if is_firing(record)]
    seen += [(str(record["subject"]), read_instant(record.get("first_seen")) or 0.0) for record in firing]
    for name, since in seen:
        if name in numbers:
            unwell[numbers[name]] = min(since, unwell.get(numbers[name], since))
    jobs = [number for number, name in enumerate(graph.names) if name.startswith("job:")]
    page = _Page(graph.names, add_producers(chart, graph, jobs), jobs, unwell)
    for record in records:
        if is_firing(record) and record["subject"] in numbers:
            page.explain(record, numbers[str(record["subject"])])


def is_firing(record: Mapping[str, object]) -> bool:
    """Tell whether a record is a finding that holds now."""
    return (
        record.get("kind", "finding") == "finding"
        and isinstance(record.get("subject"), str)
        and record.get("state") != "resolved"
    )


def _find_nodes(chart: Map, names: Sequence[str]) -> dict[str, int]:
    """Return {name: the one node that it means} of the names that the map knows."""
    found = {}
    for name in dict.fromkeys(names):
        meant = look_up(chart, name)
        if len(meant) == 1:
            found[name] = next(iter(meant))
    return found


class _Page:
    """Writes what is known of a node into the findings about it."""

    def __init__(self, names: Sequence[str], needs: Arrows, jobs: Sequence[int], unwell: Mapping[int, float]) -> None:
        self._names = names
        self._causes = find_causes(needs, unwell)
        self._needed_by = turn_round(needs)
        self._impacts: dict[int, list[str]] = {}
        roots = {cause.root for cause in self._causes.values()}
        self._suspects = find_suspects(needs, jobs, [job for job in jobs if job in roots])

    def explain(self, record: Record, node: int) -> None:
        """Add `cause`, unless whoever wrote the finding knew it, and `impact`."""
        given = record.get("cause")
        if not isinstance(given, dict) or not isinstance(given.get("root"), str):
            record["cause"] = self._tell_cause(node)
        if node not in self._impacts:
            self._impacts[node] = [self._names[each] for each in find_dependants(self._needed_by, node)]
        impact = self._impacts[node]
        record["impact"] = impact[:MOST_IMPACT]
        if len(impact) > MOST_IMPACT:
            record["impact_count"] = len(impact)

    def _tell_cause(self, node: int) -> dict[str, object]:
        names, cause = self._names, self._causes[node]
        told: dict[str, object] = {"root": names[cause.root], "via": [names[each] for each in cause.via]}
        if cause.others:
            told["others"] = [names[each] for each in cause.others]
        suspects = self._suspects.get(cause.root, ())[:MOST_SUSPECTS]
        if suspects:
            told["suspects"] = [names[each] for each in suspects]
        return told
