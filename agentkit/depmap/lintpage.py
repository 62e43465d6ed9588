"""How are waits without a bound shown, and which status tells of them?"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import groupby

from agentkit.core.config import load_configuration
from agentkit.core.errors import Exit, tell
from agentkit.core.lines import write_record
from agentkit.core.screen import Column, Styled, print_line, print_table
from agentkit.depmap.lintreading import lint_map, lint_paths
from agentkit.depmap.namedfiles import is_unread
from agentkit.depmap.opening import open_map
from agentkit.depmap.wait import SEVERITIES, Wait

LONGEST_CELL = 160


def print_waits(environ: Mapping[str, str], paths: Sequence[str], *, as_json: bool, is_quiet: bool) -> int:
    """Print the waits of the paths, or of the map; the status is 1 when there are any, 65 when a file was not read."""
    configuration = load_configuration(environ, own=("depmap",), warn=lambda text: tell(f"agentkit: warning: {text}\n"))
    troubles: list[str] = []
    if paths:
        waits = lint_paths(paths, troubles.append, search_path=environ.get("PATH"))
    else:
        with open_map(environ) as chart:
            waits = lint_map(chart, troubles.append)
    if as_json:
        now = time.time()
        for wait in waits:
            write_record(wait.to_record(configuration.host, now))
    else:
        _print_page(waits)
    for trouble in troubles:
        if not is_quiet:
            tell(f"agentkit: warning: {trouble}\n")
    # What the map knows may have gone since; of what is named all was asked for.
    if paths and any(map(is_unread, troubles)):
        return Exit.BAD_DATA
    return Exit.FINDINGS if waits else Exit.OK


def _print_page(waits: Sequence[Wait]) -> None:
    columns = (Column("line"), Column("command", folds=True), Column("why", folds=True), Column("fix", folds=True))
    for file, group in groupby(waits, key=lambda wait: wait.file):
        print_line(Styled(file, "heading"))
        rows = [
            (
                Styled("" if wait.line is None else str(wait.line), SEVERITIES[wait.type]),
                _cut(wait.command),
                wait.why,
                _cut(wait.fix),
            )
            for wait in group
        ]
        print_table(columns, rows)


def _cut(text: str) -> str:
    # In one line a backslash at the end of another would quote the blank behind it.
    line = " ".join(text.replace("\\\n", " ").split())
    return line if len(line) <= LONGEST_CELL else f"{line[:LONGEST_CELL]}…"
