"""Which nodes do the findings of a pipe speak of?"""

from __future__ import annotations

from agentkit.core.errors import AgentkitError, tell
from agentkit.core.lines import read_records
from agentkit.depmap.names import find_node
from agentkit.depmap.store import Map


def find_subjects(chart: Map, source: str, *, is_quiet: bool) -> tuple[list[int], AgentkitError | None]:
    """Return the nodes that the firing findings of a file, or of stdin (`-`), have as subjects.

    A subject that is not in the map is told on stderr and left out. Beside them stands what is to be raised when
    everything is answered: lines that were no records (bad data), or no subject at all that the map knows.
    """
    found: dict[int, None] = {}
    unknown: dict[str, None] = {}
    late: AgentkitError | None = None
    records = read_records(source, lambda text: tell(f"agentkit: warning: {text}\n"))
    try:
        for record in records:
            subject = record.get("subject")
            if not isinstance(subject, str) or record.get("state") == "resolved" or subject in unknown:
                continue
            try:
                found[find_node(chart, subject)] = None
            except AgentkitError as error:
                unknown[subject] = None
                if not is_quiet:
                    tell(f"agentkit: warning: {error.message}\n")
    except AgentkitError as error:
        late = error
    if unknown and not found and late is None:
        late = AgentkitError(f"none of the {len(unknown)} subjects is in the map")
    return list(found), late
