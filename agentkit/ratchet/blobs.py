"""What do files of a commit hold? Many are read by one process of git, byte for byte as they are stored."""

from __future__ import annotations

import os
from collections.abc import Iterable

from agentkit.ratchet.repository import Repository

Blobs = dict[str, bytes]


def read_blobs(repository: Repository, names: Iterable[str]) -> Blobs:
    """Return {name: content} for the names of objects; a name such as `COMMIT:PATH` that is not there is left out."""
    asked = list(dict.fromkeys(names))
    if not asked:
        return {}
    # A line break in a name would be the next question.
    fit = [name for name in asked if "\n" not in name]
    raw = repository.git("cat-file", "--batch", stdin=os.fsencode("".join(f"{name}\n" for name in fit)))
    found: Blobs = {}
    at = 0
    for name in fit:
        end = raw.index(b"\n", at)
        facts = raw[at:end].split(b" ")
        at = end + 1
        if len(facts) == 3 and facts[2].isdigit() and facts[1] in (b"blob", b"tree", b"commit", b"tag"):
            size = int(facts[2])
            if facts[1] == b"blob":
                found[name] = raw[at : at + size]
            at += size + 1
    return found
