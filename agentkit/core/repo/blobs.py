"""What do objects of a repository hold? Many are read by one process of git, byte for byte as they are stored."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from agentkit.core.repo.repository import Repository

Blobs = dict[str, bytes]
KINDS = ("blob", "tree", "commit", "tag")


class Found(NamedTuple):
    """An object: its id, what it holds, and its kind as git calls it."""

    name: str
    content: bytes
    kind: str


def read_objects(repository: Repository, names: Sequence[str]) -> list[Found | None]:
    """Return what each name (an id, a revision, `COMMIT:PATH`) leads to; None where there is nothing.

    A line break in a name would be the next question: it leads to nothing.
    """
    fit = [name for name in names if "\n" not in name]
    if not fit:
        return [None] * len(names)
    raw = repository.git("cat-file", "--batch", stdin=os.fsencode("".join(f"{name}\n" for name in fit)))
    found: list[Found | None] = []
    place = 0
    for name in names:
        if "\n" in name:
            found.append(None)
            continue
        end = raw.index(b"\n", place)
        words = raw[place:end].decode("utf-8", "replace").split(" ")
        place = end + 1
        if len(words) != 3 or words[1] not in KINDS or not words[2].isdigit():
            found.append(None)
            continue
        size = int(words[2])
        found.append(Found(words[0], raw[place : place + size], words[1]))
        place += size + 1
    return found


def read_blobs(repository: Repository, names: Iterable[str]) -> Blobs:
    """Return {name: content} for the names of blobs; a name that leads to none is left out."""
    asked = list(dict.fromkeys(names))
    found = zip(asked, read_objects(repository, asked), strict=True)
    return {name: one.content for name, one in found if one is not None and one.kind == "blob"}
