"""Which known test is most like the one that somebody named?"""

from __future__ import annotations

import re
from difflib import get_close_matches

from agentkit.ratchet.outcomes import escape_id

LOG = "agentkit ratchet status"
# What is looked at closely; of a hundred thousand names the far ones are left out by their words first.
MOST_COMPARED = 2000
SHOWN = 3
WORD = re.compile(r"[A-Za-z0-9]{3,}")


def suggest_names(asked: str, baseline: bytes) -> str:
    """Return a hint that names the tests of a baseline which are most like it, as they are printed."""
    names = [line.partition("\t")[2] for line in baseline.decode("utf-8", "replace").split("\n") if line]
    wanted = escape_id(asked)
    parts = [name for name in names if wanted in name]
    near = parts[:SHOWN] or get_close_matches(wanted, _choose_alike(wanted, names), n=SHOWN, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else LOG


def _choose_alike(wanted: str, names: list[str]) -> list[str]:
    if len(names) <= MOST_COMPARED:
        return names
    words = set(WORD.findall(wanted.lower()))
    ranked = sorted(names, key=lambda name: -len(words.intersection(WORD.findall(name.lower()))))
    return ranked[:MOST_COMPARED]
