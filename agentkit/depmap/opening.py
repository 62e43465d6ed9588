"""How does a question get the map, together with what was declared since it was built?

Imported by the hot verbs: what needs the configuration read is imported only when the configuration changed.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping

from agentkit.core.errors import AgentkitError, tell
from agentkit.core.paths import look_at_configuration, state_folder
from agentkit.depmap.store import BUILD, FAULTS, NAME, Map, make_tables, open_store


def open_map(environ: Mapping[str, str]) -> Map:
    """Return the map, for reading; what is declared counts as it stands now, whenever the map was built.

    Without a map that is what is declared alone. Raises AgentkitError: unavailable where there is neither,
    configuration where that is wrong, and as `open_store` does.
    """
    path = find_map(environ)
    chart = open_store(path)
    if chart is not None:
        try:
            if chart.meta("configuration") == look_at_configuration(environ):
                return chart
        except FAULTS as error:
            chart.end(error)
    return _with_declared(environ, path, chart)


def find_map(environ: Mapping[str, str]) -> str:
    """Return the path of the map, which need not be there."""
    return f"{state_folder(environ)}/{NAME}"


def _with_declared(environ: Mapping[str, str], path: str, chart: Map | None) -> Map:
    """Return a private copy of the map with what is declared now; nothing is written to disk."""
    from agentkit.depmap.declaring import read_declared
    from agentkit.depmap.writing import declare

    host, document, mapped = read_declared(environ, lambda text: tell(f"agentkit: warning: {text}\n"))
    if chart is None and not mapped.edges:
        raise AgentkitError("there is no map yet", hint=BUILD)
    copy = sqlite3.connect("", isolation_level=None)
    if chart is None:
        make_tables(copy)
    else:
        with chart:
            chart.connection.backup(copy)
    private = Map(copy, path, host)
    try:
        declare(copy, document, mapped, time.time())
    except BaseException as error:  # Ctrl-C, too, leaves nothing half opened
        private.end(error)
        raise
    return private
