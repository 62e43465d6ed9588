"""Which words may follow `depmap blast` and `depmap why`, and what do they ask for?

Typer declares the same ones for help and completion. Imported by the hot verbs.
"""

from __future__ import annotations

from agentkit.core import optionwords
from agentkit.core.errors import AgentkitError
from agentkit.core.optionwords import FLAG, MANY, ONE

BLAST = {"--json": FLAG, "--quiet": FLAG, "--depth": ONE, "--kind": MANY}
WHY = {"--json": FLAG, "--quiet": FLAG, "--limit": ONE}


def read_whole(verb: str, option: str, text: str | None) -> int | None:
    """Return the whole number above 0 that a text says, None where nothing is said."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) < 1:
        raise usage(verb, f"{option}: {text!r} is no whole number above 0")
    return int(text)


def usage(verb: str, message: str) -> AgentkitError:
    """Return the error for wrong words of a verb of depmap."""
    return optionwords.usage(f"depmap {verb}", message)
