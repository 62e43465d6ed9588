"""What does the system depend on that it did not before, and on what no more?"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.lines import Record, read_records, write_record
from agentkit.core.screen import Column, Styled, print_table
from agentkit.core.times import format_instant, parse_duration, parse_instant
from agentkit.depmap.opening import open_map
from agentkit.depmap.pen import KEPT_S
from agentkit.depmap.stored import read_edges_at

ADDED, REMOVED = "added", "removed"
COLUMNS = (
    Column("change"),
    Column("from", folds=True),
    Column("edge"),
    Column("to", folds=True),
    Column("where", folds=True),
)
KEYS = ("from", "to", "edge", "file", "line", "function", "how", "confidence", "via", "path", "rule", "reason")
# A dependency is these: an edge that only stands elsewhere, or in another function of the same node, is no news.
SAME = ("from", "to", "edge", "path")
LARGEST_FILE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Difference:
    """An edge that one side has and the other has not."""

    change: str
    edge: Record


def print_differences(environ: Mapping[str, str], old: str, new: str | None, *, as_json: bool, is_quiet: bool) -> int:
    """Print which edges came and which went from `old` to `new` (None: now); the status is 1 when there are any.

    Each of them is an age such as `1d`, an instant of RFC 3339, or a file: an export as JSON, or edges as JSON Lines.
    """
    now = time.time()
    found = find_differences(read_side(environ, old, now), read_side(environ, new or "", now))
    if as_json:
        envelope = {"v": 1, "kind": "change", "at": format_instant(now), "host": _find_host(environ)}
        for one in found:
            write_record({**envelope, "change": one.change, **{key: one.edge.get(key) for key in KEYS}})
    elif found:
        print_table(COLUMNS, [_to_row(one) for one in found])
    elif not is_quiet:
        tell("agentkit: no dependency came and none went\n")
    return Exit.FINDINGS if found else Exit.OK


def find_differences(old: Iterable[Record], new: Iterable[Record]) -> list[Difference]:
    """Return what came and what went, each dependency once, sorted by its ends."""
    before = {_key(edge): edge for edge in old}
    after = {_key(edge): edge for edge in new}
    found = [Difference(ADDED, edge) for key, edge in after.items() if key not in before]
    found += [Difference(REMOVED, edge) for key, edge in before.items() if key not in after]
    return sorted(found, key=lambda one: (*_key(one.edge), one.change))


def read_side(environ: Mapping[str, str], side: str, now: float) -> list[Record]:
    """Return the edges of an instant (`` is now) or a file; raises AgentkitError (usage, unavailable, bad data)."""
    instant = now if not side else _read_instant(side, now)
    if instant is None:
        return list(_read_file(side))
    with open_map(environ) as chart:
        begun = max(float(chart.meta("begun_at") or now), now - KEPT_S)
        if instant < begun and side:
            raise AgentkitError(
                f"{side}: the map remembers nothing from before {format_instant(begun)}",
                hint="agentkit depmap export > FILE keeps it as it is now, for later",
            )
        return [stored.edge.to_record() for stored in read_edges_at(chart, instant)]


def _read_instant(side: str, now: float) -> float | None:
    """Return the instant that is meant, None where a file is."""
    if os.path.exists(side):
        return None
    try:
        return now - parse_duration(side, "diff")
    except AgentkitError:
        pass  # no age
    try:
        return parse_instant(side)
    except ValueError:
        raise AgentkitError(
            f"{side}: neither a file, nor an age such as 1d, nor an instant such as 2026-11-22T03:00:00Z",
            hint="agentkit depmap diff 1d",
            status=Exit.USAGE,
        ) from None


def _read_file(path: str) -> Iterator[Record]:
    # Once: what a pipe gave (`diff <(ssh web-1 agentkit depmap export)`) it does not give again.
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise AgentkitError(f"{path}: cannot be read: {error.strerror}", status=Exit.BAD_DATA) from error
    if len(content) > LARGEST_FILE_BYTES:
        raise AgentkitError(f"{path}: larger than {LARGEST_FILE_BYTES >> 30} GiB", status=Exit.BAD_DATA)
    document = _read_export(path, content)
    if document is not None:
        yield from document
        return
    for record in read_records(path, lambda text: tell(f"agentkit: warning: {text}\n"), io.BytesIO(content)):
        if record.get("kind") == "edge":
            yield record


def _read_export(path: str, content: bytes) -> list[Record] | None:
    """Return the edges of an export in JSON Graph Format, None where the file is none."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    graph = document.get("graph") if isinstance(document, dict) else None
    if not isinstance(graph, dict):
        return None
    edges = graph.get("edges", [])
    found = [edge.get("metadata") for edge in edges if isinstance(edge, dict)] if isinstance(edges, list) else []
    if not all(isinstance(one, dict) and isinstance(one.get("from"), str) for one in found):
        raise AgentkitError(
            f"{path}: its edges have no metadata as `agentkit depmap export` writes them", status=Exit.BAD_DATA
        )
    return [one for one in found if isinstance(one, dict)]


def _find_host(environ: Mapping[str, str]) -> str:
    try:
        with open_map(environ) as chart:
            return chart.host
    except AgentkitError:
        return os.uname().nodename  # two files are compared, and there is no map


def _key(edge: Record) -> tuple[str, ...]:
    return tuple(str(edge.get(name) or "") for name in SAME)


def _to_row(one: Difference) -> tuple[Styled | str, ...]:
    edge = one.edge
    where = f"{edge.get('file')}" if edge.get("line") is None else f"{edge.get('file')}:{edge.get('line')}"
    look = Styled(one.change, "warning" if one.change == ADDED else "dim")
    return look, str(edge.get("from")), str(edge.get("edge")), str(edge.get("to")), where
