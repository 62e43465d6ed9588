"""Which file has just one job that writes it, so that who reads the file depends on that job?

Nothing falls along this in the map itself: a file that was written is there, whatever becomes of its writer. But where
both the writer and a reader are not well, the reader is a consequence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from agentkit.depmap.explaining.suspects import SEVERAL, find_only_users, join
from agentkit.depmap.graph import NONE, Arrows, Graph, draw_arrows, find_components
from agentkit.depmap.store import Map

WRITTEN = """
SELECT a.identity, b.identity FROM edges
  JOIN nodes AS a ON a.id = source JOIN nodes AS b ON b.id = target WHERE kind = 'write'"""


def add_producers(chart: Map, graph: Graph, jobs: Iterable[int]) -> Arrows:
    """Return what each node depends on, and the files that just one of these jobs writes on that one."""
    number_of = {node: number for number, node in enumerate(graph.nodes)}
    written = [(number_of[source], number_of[target]) for source, target in chart.connection.execute(WRITTEN)]
    more = list(_find_producers(graph.needs, written, jobs)) if written else []
    if not more:
        return graph.needs
    count = len(graph.needs)
    return draw_arrows(count, chain(((node, head) for node in range(count) for head in graph.needs.of(node)), more))


def _find_producers(
    needs: Arrows, written: Sequence[tuple[int, int]], jobs: Iterable[int]
) -> Iterator[tuple[int, int]]:
    """Yield (file, job) of each file of which every writer is run by one and the same job."""
    users = find_only_users(needs, find_components(needs), jobs)
    writers: dict[int, int] = {}
    for source, file in written:
        # What no job runs writes as well: a service, or a person.
        user = SEVERAL if users[source] == NONE else users[source]
        writers[file] = join(writers.get(file, NONE), user)
    for file, job in writers.items():
        if job != SEVERAL:
            yield file, job
