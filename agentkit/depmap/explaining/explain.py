"""What is the root of each finding of a pipe, and what falls with it?"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agentkit.core.asides import read_instant, warn
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import INFO, Record, read_records
from agentkit.depmap.explaining.causes import Causes
from agentkit.depmap.explaining.impacts import MOST_IMPACT, count_dependants, find_dependants
from agentkit.depmap.explaining.probed import read_probed
from agentkit.depmap.explaining.producers import add_producers
from agentkit.depmap.explaining.suspects import find_suspects
from agentkit.depmap.graph import Arrows, find_components, load_graph, turn_round
from agentkit.depmap.names import look_up
from agentkit.depmap.opening import open_map
from agentkit.depmap.store import BUILD, Map


@dataclass(slots=True)
class Explained:
    """The records of a pipe, and what is known of them; `late` is what was no record."""

    records: list[Record] = field(default_factory=list)
    late: AgentkitError | None = None
    explainer: Explainer | None = None

    def tell(self) -> Iterator[Record]:
        """Yield the records, the findings with `cause` and `impact`.

        What is no firing finding, and what the map does not know, is as it came; without a map all is.
        """
        for record in self.records:
            # What falls with very many findings is more than there is memory for: it is told one after the other.
            yield self.explainer.explain(record) if self.explainer is not None else record


def explain(environ: Mapping[str, str], source: str, *, is_quiet: bool = False) -> Explained:
    """Return the records of a file, or of stdin (`-`), ready to be told with what explains them.

    Without a map that is a warning, unless it is quiet: in a crontab it would be mailed every five minutes.
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
            explained.explainer = _look_at_all(explained.records, chart, read_probed(environ, time.time()))
    except AgentkitError as error:
        if error.hint != BUILD:
            raise
        if not is_quiet:
            warn("there is no map yet, so nothing is explained: agentkit depmap build")
    return explained


def _look_at_all(records: Sequence[Record], chart: Map, probed: Mapping[str, float]) -> Explainer | None:
    firing = [record for record in records if is_firing(record)]
    subjects = {str(record["subject"]): None for record in firing}
    nodes = _find_nodes(chart, [*subjects, *probed])
    if not any(subject in nodes for subject in subjects):
        return None
    graph = load_graph(chart)
    number_of = {node: number for number, node in enumerate(graph.nodes)}
    numbers = {name: number_of[node] for name, node in nodes.items()}
    unwell: dict[int, float] = {}
    seen = [*probed.items(), *((str(record["subject"]), _find_start(record)) for record in firing if _is_bad(record))]
    for name, since in seen:
        if name in numbers:
            unwell[numbers[name]] = min(since, unwell.get(numbers[name], since))
    jobs = [number for number, name in enumerate(graph.names) if name.startswith("job:")]
    subject_nodes = {subject: numbers[subject] for subject in subjects if subject in numbers}
    return Explainer(graph.names, add_producers(chart, graph, jobs), jobs, unwell, subject_nodes)


def _find_start(record: Record) -> float:
    """Return when a finding was first seen; nobody knows whether one that does not say it came before the others."""
    for key in ("first_seen", "at"):
        instant = read_instant(record.get(key))
        if instant is not None:
            return instant
    return math.inf


def _is_bad(record: Mapping[str, object]) -> bool:
    """Tell whether a finding says that its subject is not well: what is for information does not."""
    return record.get("severity") != INFO


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
        meant = look_up(chart, name, follows_links=False)
        if len(meant) == 1:
            found[name] = next(iter(meant))
    return found


class Explainer:
    """Writes what is known of a node into the findings about it."""

    def __init__(
        self,
        names: Sequence[str],
        needs: Arrows,
        jobs: Sequence[int],
        unwell: Mapping[int, float],
        subjects: Mapping[str, int],
    ) -> None:
        self._names = names
        self._unwell = unwell
        self._subjects = subjects
        self._needed_by = turn_round(needs)
        components = find_components(needs)
        self._causes = Causes(needs, self._needed_by, components, unwell)
        self._suspects = find_suspects(needs, components, jobs, set(jobs).intersection(self._causes.roots))
        nodes = dict.fromkeys(subjects.values())
        large = [node for node in nodes if len(find_dependants(self._needed_by, node, MOST_IMPACT)) > MOST_IMPACT]
        self._counts = count_dependants(needs, components, large)

    def explain(self, record: Record) -> Record:
        """Return the record of a finding with `cause`, unless whoever wrote it knew it, and `impact`."""
        node = self._subjects.get(str(record["subject"])) if is_firing(record) else None
        if node is None:
            return record
        told = dict(record)
        given = record.get("cause")
        if node in self._unwell and not (isinstance(given, dict) and isinstance(given.get("root"), str)):
            told["cause"] = self._tell_cause(node)
        told["impact"] = [
            self._names[each] for each in find_dependants(self._needed_by, node, MOST_IMPACT)[:MOST_IMPACT]
        ]
        # What came in with the finding was another map's.
        told.pop("impact_count", None)
        if node in self._counts:
            told["impact_count"] = self._counts[node]
        return told

    def _tell_cause(self, node: int) -> dict[str, object]:
        names, cause = self._names, self._causes.find(node)
        told: dict[str, object] = {"root": names[cause.root], "via": [names[each] for each in cause.via]}
        if cause.between > len(cause.via):
            told["via_count"] = cause.between
        if cause.others:
            told["others"] = [names[each] for each in cause.others]
        suspects = self._suspects.get(cause.root)
        if suspects:
            told["suspects"] = [names[each] for each in suspects]
        return told
