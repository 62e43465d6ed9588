"""Which names mean the same thing, and by which of them is it called?

A program is its real path: every `cmd:` with that path and `file:PATH` are one. A `cmd:WORD` of which no path is known
is the one program that this word leads to elsewhere in the map, where there is only one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

Mention = tuple[str, str]
"""A name as it was written, and the real path that came with it ('' for none)."""


def find_identities(
    mentions: Iterable[tuple[int, Mention]], mapped_paths: Collection[str]
) -> dict[int, tuple[int, str]]:
    """Return {node: (the node that stands for it, the name that is shown)} of all nodes of a map at once.

    A file that was mapped is shown as `file:PATH`; a program by its shortest name that means nothing else.
    """
    mentions = list(mentions)
    paths: dict[str, set[str]] = {}
    for _, (label, path) in mentions:
        if path:
            paths.setdefault(label, set()).add(path)
    groups: dict[str, list[tuple[int, str]]] = {}
    for node, (label, path) in mentions:
        groups.setdefault(_find_key(label, path, paths), []).append((node, label))
    keys_of: dict[str, int] = {}
    for members in groups.values():
        for label in {label for _, label in members}:
            keys_of[label] = keys_of.get(label, 0) + 1
    found = {}
    for key, members in groups.items():
        if len(members) == 1 and members[0][1] == key:
            node = members[0][0]
            found[node] = (node, key)
            continue
        shown = _choose_name(key, {label for _, label in members}, keys_of, mapped_paths)
        first = min(members)[0]
        for node, _ in members:
            found[node] = (first, shown)
    return found


def _find_key(label: str, path: str, paths: dict[str, set[str]]) -> str:
    if path:
        return f"file:{path}"
    if label.startswith("cmd:/"):
        return f"file:{label[4:]}"
    if label.startswith("cmd:"):
        known = paths.get(label, ())
        if len(known) == 1:
            return f"file:{next(iter(known))}"
    return label


def _choose_name(key: str, labels: set[str], keys_of: dict[str, int], mapped_paths: Collection[str]) -> str:
    path = key.removeprefix("file:")
    if path in mapped_paths and path != key:
        return key
    own = [label for label in labels if keys_of[label] == 1]
    programs = [label for label in own if label.startswith("cmd:")]
    if programs:
        return min(programs, key=lambda label: (len(label), label))
    if key in labels:
        return key
    if any(label.startswith("cmd:") for label in labels):
        return f"cmd:{path}"
    return min(own, key=lambda label: (len(label), label)) if own else key
