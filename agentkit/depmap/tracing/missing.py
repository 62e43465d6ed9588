"""Why does the map not have what was seen, and what would it need to have it?"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from agentkit.core.launchers import LAUNCHERS
from agentkit.core.plainfiles import open_plain
from agentkit.depmap.edge import Edge
from agentkit.depmap.store import BUILD
from agentkit.depmap.tracing.comparing import Judged
from agentkit.depmap.tracing.interpreters import is_interpreter, is_python, is_shell, read_interpreter
from agentkit.depmap.tracing.processes import NAMELESS
from agentkit.depmap.wrappers import PLAIN, SPECIAL

DECLARE = "declare it"
# What the map takes apart as well: what such a program starts stands in its words.
WRAPPERS = frozenset(LAUNCHERS) | PLAIN.keys() | SPECIAL.keys()
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


def find_needed(miss: Judged) -> str:
    """Return what the map would need to have what it missed, for a person."""
    source, via = miss.seen.source, miss.seen.via
    if source == NAMELESS:
        return "whose text it is: agentkit depmap trace --as NODE"
    if not miss.part.is_mapped:
        return _explain_unmapped(source)
    if miss.seen.kind in LITERAL and (written := _find_written(miss.seen)):
        return f"a name relative to where it is started ({written})"
    # What a shell itself reads is rather a text that it sources than a file that it is fed.
    first = (SOURCED,) if via is None and miss.seen.kind in ("read", "source") else ()
    unknown = None
    for reasons in (first, FILE_REASONS.get(miss.seen.kind, ())):
        if reasons and unknown is None:
            unknown = _find_unknown(miss.part.edges, reasons, ())
    if unknown is None and via is not None and _acts_by_itself(via, miss.part.edges):
        return f"what {via} does by itself is in no script: {DECLARE}"
    unknown = unknown or _find_unknown(miss.part.edges, ("",), ALL_REASONS)
    if unknown:
        return unknown
    if via in WRAPPERS and miss.seen.kind == "exec" and is_shell(os.path.basename(miss.seen.target[4:])):
        return f"nothing: the shell is the one that {via} gives its text to"
    if not source.startswith(("file:", "func:", "py:")):
        return f"{source} is no script: {DECLARE}"
    return f"a rule: {WHAT.get(miss.seen.kind, miss.seen.kind)} that no reader sees"


def _explain_unmapped(source: str) -> str:
    kind, _, name = source.partition(":")
    if kind == "py":
        return f"a Python module that is not mapped: {BUILD} DIR"
    if kind == "file":
        interpreter = read_interpreter(name) or ""
        folder = os.path.dirname(name)
        if is_python(interpreter) or name.endswith(".py"):
            return f"a Python file that is not mapped: {BUILD} {folder}"
        if is_shell(interpreter) or name.endswith(".sh"):
            return f"a script that is not mapped: {BUILD} {folder}"
        return f"a script that depmap does not read ({interpreter or 'no #!'}): {DECLARE}"
    if kind == "cmd":
        return f"a program that is no script: {DECLARE}"
    return f"{source} is not in the map: {DECLARE}"


def _find_written(seen: Edge) -> str | None:
    """Return the line of a script that has the name of a file without a folder in front; None where none has."""
    name = os.path.basename(seen.target)
    try:
        with open_plain(seen.file) as file:
            lines = file.read(LONGEST_SCRIPT_BYTES).decode(errors="replace").splitlines()
    except OSError:
        return None
    whole = re.compile(rf"(?<![\w/.-])(?:[\w.-]+/)*{re.escape(name)}(?![\w.-])")
    for number, line in enumerate(lines, 1):
        if not line.lstrip().startswith("#") and whole.search(line):
            return f"{os.path.basename(seen.file)}:{number}"
    return None


def _acts_by_itself(via: str, edges: Iterable[Edge]) -> bool:
    """Tell whether the map knows of the program, and it is none that runs what its words say."""
    if is_interpreter(via) or via in WRAPPERS:
        return False
    return any(edge.kind == "exec" and os.path.basename(edge.target.partition(":")[2]) == via for edge in edges)


def _find_unknown(edges: Iterable[Edge], reasons: tuple[str, ...], others: tuple[str, ...]) -> str | None:
    """Return the first place that the map says not to know for such a reason, and how many more there are."""
    found: dict[str, None] = {}
    for edge in edges:
        reason = edge.reason or ""
        if edge.kind == "unknown" and reason.startswith(reasons) and not reason.startswith(others):
            place = os.path.basename(edge.file) + (f":{edge.line}" if edge.line else "")
            found[f"{edge.reason or 'not resolved'} ({place})"] = None
    if not found:
        return None
    first = next(iter(found))
    return first if len(found) == 1 else f"{first}, or one of {len(found) - 1} more in agentkit depmap unknown"
