"""Which refs does the repository have, and which of them were moved by what was judged?"""

from __future__ import annotations

import os

from agentkit.ratchet.repository import Repository

Refs = dict[str, str]


def list_refs(repository: Repository) -> Refs:
    """Return {ref: what it names} of the repository; a symbolic one names `ref: …`."""
    form = "%(refname)%00%(if)%(symref)%(then)ref: %(symref)%(else)%(objectname)%(end)"
    raw = os.fsdecode(repository.git("for-each-ref", f"--format={form}"))
    return dict(line.split("\0", 1) for line in raw.splitlines() if "\0" in line)


def find_moved(before: Refs, after: Refs) -> list[str]:
    """Return what was moved or deleted, and what is new among the ratchet's own; a person may fetch meanwhile."""
    moved = [name for name, value in before.items() if after.get(name) != value]
    return moved + [name for name in after if name not in before and name.startswith("refs/agentkit/")]
