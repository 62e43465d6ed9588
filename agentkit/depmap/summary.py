"""What is there to say about the map of this machine, on a few lines?"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import CRITICAL, WARNING, write_record
from agentkit.core.summary import Line, Summary, draw_summary, to_record
from agentkit.core.times import format_duration
from agentkit.depmap.opening import open_map
from agentkit.depmap.probing.standing import find_standing
from agentkit.depmap.store import BUILD, Map

# A machine is changed daily; a map that nobody brought up to date for longer than this tells of another one.
OLD_S = 2 * 86400.0


def print_summary(environ: Mapping[str, str], *, as_json: bool) -> None:
    """Print the summary for a person, or as a record."""
    now = time.time()
    host, summary = read_summary(environ, now)
    if as_json:
        write_record(to_record(summary, host, now))
    else:
        draw_summary(summary)


def read_summary(environ: Mapping[str, str], now: float) -> tuple[str, Summary]:
    """Return the host's name and what there is to say about its map, and about what was probed."""
    host, summary = _read_map(environ, now)
    probed = find_standing(environ, now)
    if probed is None:
        return host, summary
    title, step = summary.title, summary.next_step
    line, again = probed
    if line.severity == CRITICAL:
        title, step = "depmap: something that was probed is not well", again
    return host, Summary(title, (*summary.lines, line), step)


def _read_map(environ: Mapping[str, str], now: float) -> tuple[str, Summary]:
    try:
        with open_map(environ) as chart:
            return chart.host, summarise(chart, now)
    except AgentkitError as error:
        if error.status != Exit.UNAVAILABLE or error.hint != BUILD:
            raise
        nothing = Summary("depmap: no map yet", (Line("nobody knows what falls when something falls"),), BUILD)
        return os.uname().nodename, nothing


def summarise(chart: Map, now: float) -> Summary:
    """Return what there is to say about a map."""
    count = chart.connection.execute
    nodes = count("SELECT count(*) FROM nodes WHERE id = identity").fetchone()[0]
    edges = count("SELECT count(*) FROM edges").fetchone()[0]
    declared = count("SELECT count(*) FROM edges WHERE how = 'declared'").fetchone()[0]
    unknown = count("SELECT count(*) FROM edges WHERE kind = 'unknown'").fetchone()[0]
    remarks = count("SELECT count(*) FROM documents WHERE remark IS NOT NULL").fetchone()[0]
    seen = count("SELECT count(*) FROM edges WHERE how = 'seen'").fetchone()[0]
    parts = [f"{number} of them {how}" for number, how in ((declared, "declared"), (seen, "seen")) if number]
    lines = [Line(", ".join([f"{nodes} things, {edges} edges", *parts]))]
    root = str(chart.meta("root") or "/")
    if root != "/":
        lines.append(Line(f"of the machine whose files are in {root}, not of this one", WARNING))
    if unknown:
        lines.append(Line(f"{unknown} could not be resolved: agentkit depmap unknown"))
    if remarks:
        lines.append(Line(f"{remarks} {'file was' if remarks == 1 else 'files were'} read only partly"))
    looked_at = _find_age(chart)
    if looked_at is None:
        lines.append(
            Line(f"nothing was built: this is what is {'declared' if not seen else 'seen and declared'}", WARNING)
        )
        return Summary("depmap: no map yet", tuple(lines), BUILD)
    age = Line(f"brought up to date {format_duration(abs(now - looked_at))} ago")
    if now - looked_at > OLD_S:
        age = Line(age.text, WARNING)
    title = "depmap: the map is old" if age.severity == WARNING else f"depmap: {nodes} things mapped"
    return Summary(title, (*lines, age), BUILD if age.severity == WARNING else None)


def _find_age(chart: Map) -> float | None:
    """Return when a build last looked at everything; None where there never was one."""
    if chart.meta("root") is None:
        return None  # made by a trace
    try:
        return os.stat(chart.path).st_mtime
    except OSError:
        return None
