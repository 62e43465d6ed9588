"""How does a program read once every fix that lint prints is put in its place?"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from agentkit.depmap.wait import Wait

# What a fix may name that has to be imported for it.
MODULES = ("asyncio", "fcntl", "os", "select", "shlex", "signal", "socket", "subprocess", "sys", "time")


def mend(text: str, waits: Sequence[Wait]) -> str:
    """Return a text with each fix in place of its command; what stands before a semicolon goes on a line before it."""
    lines = text.splitlines()
    for wait in sorted(waits, key=lambda wait: -(wait.line or 0)):
        at = (wait.line or 0) - 1
        assert wait.command in lines[at], (wait.command, lines[at])
        before, fix = _split(wait.fix)
        indent = re.match(r"\s*", lines[at])
        lines[at] = lines[at].replace(wait.command, fix, 1)
        lines[at:at] = [(indent[0] if indent else "") + each for each in before]
    imports = [f"import {name}" for name in MODULES if any(f"{name}." in wait.fix for wait in waits)]
    return "\n".join([*imports, *lines]) + "\n"


def _split(fix: str) -> tuple[list[str], str]:
    """Return the statements that go before a call, and what goes in its place."""
    try:
        last = ast.parse(fix).body[-1]
    except SyntaxError:
        # The head of a loop, which is no statement by itself.
        *before, head = fix.split("; ")
        return before, head
    at = last.col_offset
    return ([fix[:at].rstrip("; ")] if at else []), fix[at:]
