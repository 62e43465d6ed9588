"""Which paths differ between two trees, and what were they and what are they?"""

from __future__ import annotations

import os
from typing import NamedTuple

from agentkit.core.repo.checkout import LINK, MODULE

# A `.gitmodules` could keep git from telling of a repository that lies in another one: gitmodules(5), `ignore`.
ALL = "--ignore-submodules=none"
# How git is told to list them.
RAW = ("--raw", "-z", "--no-renames", ALL)


class Change(NamedTuple):
    """A path that differs, with its modes before and after as git writes them; 000000 where it is not there."""

    path: str
    before: str
    after: str

    @property
    def leads_elsewhere(self) -> bool:
        """Tell whether it is, or was, a link or a repository of its own: what seems to lie below comes from there."""
        return not {self.before, self.after}.isdisjoint((LINK, MODULE))


def read_changes(raw: bytes) -> list[Change]:
    """Return what `git diff-tree` or `git diff-index` listed with `RAW`."""
    rows = os.fsdecode(raw).split("\0")[:-1]
    facts = [row.lstrip(":").split(" ") for row in rows[::2]]
    return [Change(path, modes[0], modes[1]) for modes, path in zip(facts, rows[1::2], strict=True)]
