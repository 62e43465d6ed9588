"""How are the edges of the files shown that a person names?"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from agentkit.core.config import load_configuration
from agentkit.core.errors import Exit, tell
from agentkit.core.lines import write_record
from agentkit.core.times import format_instant
from agentkit.depmap.namedfiles import is_unread, read_edges
from agentkit.depmap.storedpage import print_edge_table


def print_edges(environ: Mapping[str, str], paths: Sequence[str], *, as_json: bool, is_quiet: bool) -> int:
    """Print edges; the status is 65 when a file that was named could not be read."""
    configuration = load_configuration(environ, own=("depmap",), warn=lambda text: tell(f"agentkit: warning: {text}\n"))
    troubles: list[str] = []
    edges = read_edges(paths, troubles.append, search_path=environ.get("PATH"))
    if as_json:
        envelope = {"v": 1, "kind": "edge", "at": format_instant(time.time()), "host": configuration.host}
        for edge in edges:
            write_record({**envelope, **edge.to_record()})
    else:
        print_edge_table(edges)
    for trouble in troubles:
        if not is_quiet:
            tell(f"agentkit: warning: {trouble}\n")
    return Exit.BAD_DATA if any(map(is_unread, troubles)) else Exit.OK
