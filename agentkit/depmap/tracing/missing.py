"""Why does the map not have what was seen, and what would it need to have it?"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import NamedTuple

from agentkit.core.plainfiles import open_plain
from agentkit.depmap.edge import Edge
from agentkit.depmap.store import BUILD
from agentkit.depmap.tracing.comparing import Judged, Part
from agentkit.depmap.tracing.interpreters import (
    acts_by_itself,
    is_interpreter,
    is_python,
    is_shell,
    read_interpreter,
    starts_by_itself,
)
from agentkit.depmap.tracing.processes import NAMELESS

DECLARE = "declare it"
SOURCED = "which file is sourced"
FILE_REASONS = {"read": ("read:",), "write": ("write:",), "connect": ("connect:",), "lock": ("lock:",)}
ALL_REASONS = tuple(reason for reasons in FILE_REASONS.values() for reason in reasons)
LITERAL = frozenset({"read", "write", "source", "lock"})
LONGEST_SCRIPT_BYTES = 1 << 20
WHAT = {
    "exec": "a call",
    "call": "a module that is run",
    "source": "a text that is sourced",
    "import": "an import",
    "read": "a file that is read",
    "write": "a file that is written",
    "connect": "a connection",
    "listen": "a port",
    "lock": "a lock",
}


class Needed(NamedTuple):
    """What the map would need, for a person, and whether it is a program's own doing that no text tells of."""

    text: str
    by_program: bool = False


def find_needed(miss: Judged) -> Needed:
    """Return what the map would need to have what it missed."""
    source, via, kind = miss.seen.source, miss.seen.via, miss.seen.kind
    if source == NAMELESS:
        return Needed("whose text it is: agentkit depmap trace --as NODE")
    if not miss.part.is_mapped:
        return _explain_unmapped(source)
    if kind in LITERAL and (written := _find_written(miss.seen)):
        return Needed(f"a name relative to where it is started ({written})")
    if via is not None and acts_by_itself(via, kind):
        return Needed(f"what {via} does by itself is in no script: {DECLARE}", by_program=True)
    # What a shell itself reads is rather a text that it sources than a file that it is fed.
    sourced = (SOURCED,) if via is None and kind in ("read", "source") else ()
    for reasons in (sourced, FILE_REASONS.get(kind, ())):
        if reasons and (unknown := _find_unknown(miss.part, reasons, ())):
            return Needed(unknown)
    if via is not None and is_interpreter(via) and not is_shell(via):
        return Needed(f"a reader of the text that {via} is given: {DECLARE}", by_program=True)
    unknown = _find_unknown(miss.part, ("",), ALL_REASONS)
    if unknown:
        return Needed(unknown)
    if via is not None and kind in LITERAL and starts_by_itself(via):
        return Needed(f"a rule for the words of {via} that are files")
    if not source.startswith(("file:", "func:", "py:")):
        return Needed(f"{source} is no script: {DECLARE}", by_program=True)
    return Needed(f"a rule: {WHAT.get(kind, kind)} that no reader sees")


def _explain_unmapped(source: str) -> Needed:
    kind, _, name = source.partition(":")
    if kind == "py":
        return Needed(f"a Python module that is not mapped: {BUILD} DIR")
    if kind == "file":
        interpreter = read_interpreter(name) or ""
        folder = os.path.dirname(name)
        if is_python(interpreter) or name.endswith(".py"):
            return Needed(f"a Python file that is not mapped: {BUILD} {folder}")
        if is_shell(interpreter) or name.endswith(".sh"):
            return Needed(f"a script that is not mapped: {BUILD} {folder}")
        return Needed(f"a script that depmap does not read ({interpreter or 'no #!'}): {DECLARE}")
    if kind == "cmd":
        return Needed(f"a program that is no script: {DECLARE}", by_program=True)
    return Needed(f"{source} is not in the map: {DECLARE}")


@lru_cache(maxsize=8)
def _read_lines(path: str) -> tuple[str, ...]:
    """Return the lines of a script that are no comments, each with its number in front."""
    try:
        with open_plain(path) as file:
            lines = file.read(LONGEST_SCRIPT_BYTES).decode(errors="replace").splitlines()
    except OSError:
        return ()
    return tuple(f"{number}:{line}" for number, line in enumerate(lines, 1) if not line.lstrip().startswith("#"))


def _find_written(seen: Edge) -> str | None:
    """Return the line of a script that has the name of a file without a folder in front; None where none has."""
    name = os.path.basename(seen.target)
    whole = re.compile(rf"(?<![\w/.-])(?:[\w.-]+/)*{re.escape(name)}(?![\w.-])")
    for row in _read_lines(seen.file):
        number, _, line = row.partition(":")
        if name in line and whole.search(line):
            return f"{os.path.basename(seen.file)}:{number}"
    return None


@lru_cache(maxsize=64)
def _find_unknown(part: Part, reasons: tuple[str, ...], others: tuple[str, ...]) -> str | None:
    """Return the first place that the map says not to know for such a reason, and how many more there are."""
    found: dict[str, None] = {}
    for edge in part.edges:
        reason = edge.reason or ""
        if edge.kind == "unknown" and reason.startswith(reasons) and not reason.startswith(others):
            place = os.path.basename(edge.file) + (f":{edge.line}" if edge.line else "")
            found[f"{edge.reason or 'not resolved'} ({place})"] = None
    if not found:
        return None
    first = next(iter(found))
    return first if len(found) == 1 else f"{first}, or one of {len(found) - 1} more in agentkit depmap unknown"
