"""Which node of the map does a person mean, and what is each node called?

Every name by which a thing was written is accepted, its real path, and what is left of a name when its type or its
folder is left out, as long as only one node fits. Imported by the hot verbs.
"""

# ruff: noqa: S608  # what is put into a statement here are numbers, and words of this module
from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from agentkit.core.errors import AgentkitError
from agentkit.depmap.questionwords import usage
from agentkit.depmap.store import Map, Text, find_tail, pack, unpack

TYPES = ("cmd", "env", "file", "func", "host", "job", "port", "py", "secret", "unit", "unknown", "user")
# SQLite takes a list of numbers of any length, and forgets the statement soon enough.
AT_ONCE = 2000
SHOWN_NAMES = 10
CLOSE_NAMES = 5
COMPARED_NAMES = 2000
LONGEST_COMPARED = 200
LEAST_HELD = 4


def find_node(chart: Map, name: str) -> int:
    """Return the node that stands for what is meant by a name.

    Raises AgentkitError (unavailable) with the nearest names where there is none, with all where there are several.
    """
    found = look_up(chart, name)
    if len(found) == 1:
        return found.pop()
    raise _tell_several(chart, name, found) if found else _tell_none(chart, name)


def look_up(chart: Map, name: str, *, follows_links: bool = True) -> set[int]:
    """Return the nodes that may be meant by a name, by the strictest reading that any node fits.

    Following the links of a path looks at the disk, and waits for ever where that is a mount whose server is gone.
    """
    return (
        _find_written(chart, name)
        or _find_path(chart, name, follows_links=follows_links)
        or _find_untyped(chart, name)
        or _find_without_folder(chart, name)
    )


def check_kinds(verb: str, kinds: Iterable[str], known: Sequence[str], chart: Map | None = None) -> None:
    """Raise AgentkitError (usage) when one of the kinds is none: of these that are known, or of a node of the map."""
    for kind in kinds:
        if kind in known:
            continue
        beginning = pack(f"{kind}:")
        is_there = "SELECT 1 FROM nodes WHERE substr(label, 1, length(?1)) = ?1 LIMIT 1"
        if chart is None or chart.connection.execute(is_there, (beginning,)).fetchone() is None:
            raise usage(verb, f"--kind: {kind!r} is none of {', '.join(known)}")


def read_names(chart: Map, nodes: Iterable[int]) -> dict[int, str]:
    """Return {node: the name that is shown} of nodes that stand for others."""
    names: dict[int, str] = {}
    for listed in in_lists(nodes):
        rows = chart.connection.execute(f"SELECT id, shown FROM nodes WHERE id IN ({listed})")
        names.update((node, unpack(shown)) for node, shown in rows)
    return names


def in_lists(numbers: Iterable[int]) -> Iterator[str]:
    """Yield the numbers as they stand in an `IN (…)`, some at a time."""
    numbers = list(numbers)
    for start in range(0, len(numbers), AT_ONCE):
        yield ",".join(map(str, numbers[start : start + AT_ONCE]))


def _find_written(chart: Map, name: str) -> set[int]:
    found = _select(chart, "label = ?", (pack(name),))
    if len(found) > 1:
        # Of several programs of one name, the one that is shown by just this name.
        shown = {node for node, called in read_names(chart, found).items() if called == name}
        return shown if len(shown) == 1 else found
    return found


def _find_path(chart: Map, name: str, *, follows_links: bool) -> set[int]:
    kind, colon, path = name.partition(":")
    if not colon:
        path = name
    if not path.startswith("/") or (colon and kind not in ("cmd", "file")):
        return set()
    found = _select_path(chart, path)
    if found or not follows_links:
        return found
    real = _follow_links(chart, path)
    return set() if real == path else _select_path(chart, real)


def _select_path(chart: Map, path: str) -> set[int]:
    found = _select(chart, "path = ?", (pack(path),))
    return found | _select(chart, "label IN (?, ?)", (pack(f"file:{path}"), pack(f"cmd:{path}")))


def _find_untyped(chart: Map, name: str) -> set[int]:
    known = [kind for kind in TYPES if name.startswith(f"{kind}:")]
    names = [name] if known else [f"{kind}:{name}" for kind in TYPES]
    # As systemctl does: a unit without its suffix is a service.
    for candidates in (names, [f"{one}.service" for one in names if one.startswith("unit:")]):
        places = ", ".join("?" * len(candidates))
        found = _select(chart, f"label IN ({places})", [pack(one) for one in candidates])
        if found:
            return found
    return set()


def _find_without_folder(chart: Map, name: str) -> set[int]:
    kind, colon, rest = name.partition(":")
    if not colon or kind not in TYPES:
        kind, rest = "", name
    if not rest or rest.startswith("/"):
        return set()
    statement = "SELECT DISTINCT identity, label FROM nodes WHERE tail = ? AND tail <> ''"
    rows = chart.connection.execute(statement, (pack(find_tail(f"/{rest}")),))
    beginning = f"{kind}:/" if kind else ""
    fits = ((node, unpack(label)) for node, label in rows)
    return {node for node, label in fits if label.endswith(f"/{rest}") and label.startswith(beginning)}


def _select(chart: Map, condition: str, values: Sequence[Text]) -> set[int]:
    statement = f"SELECT DISTINCT identity FROM nodes WHERE {condition}"
    return {row[0] for row in chart.connection.execute(statement, values)}


def _follow_links(chart: Map, path: str) -> str:
    root = str(chart.meta("root") or "/")
    if root == "/":
        return os.path.realpath(path)
    from agentkit.core.rooted import resolve

    try:
        return "/" + os.path.relpath(resolve(root, path), root)
    except OSError:
        return path


def _tell_several(chart: Map, name: str, found: set[int]) -> AgentkitError:
    names = sorted(read_names(chart, found).values())
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return AgentkitError(
        f"{name!r} may be any of {', '.join(names[:SHOWN_NAMES])}{more}", hint="write the one that is meant in full"
    )


def _tell_none(chart: Map, name: str) -> AgentkitError:
    near = _find_nearest(chart, name)
    hint = f"nearest: {', '.join(near)}" if near else "agentkit depmap edges lists what is in the map"
    return AgentkitError(f"{name!r} is not in the map", hint=hint)


def _find_nearest(chart: Map, name: str) -> list[str]:
    """Return the names that look most alike; of a large map only those are compared that share some letters with it."""
    import difflib

    tail = name[-LONGEST_COMPARED:].rpartition("/")[2].rpartition(":")[2]
    wanted = "SELECT shown FROM nodes WHERE shown IS NOT NULL AND shown LIKE ? ESCAPE '!' LIMIT ?"
    pieces = [tail, tail[:4], tail[-4:], tail[:2], "%"]
    names: dict[str, None] = {}
    for piece in dict.fromkeys(piece for piece in pieces if piece):
        escaped = "".join(f"!{letter}" if letter in "!%_" else letter for letter in piece if letter.isprintable())
        pattern = piece if piece == "%" else f"%{escaped}%"
        rows = chart.connection.execute(wanted, (pack(pattern), COMPARED_NAMES))
        names.update(dict.fromkeys(unpack(shown) for (shown,) in rows))
        if len(names) >= COMPARED_NAMES:
            break
    holding = sorted((one for one in names if len(tail) >= LEAST_HELD and tail in one), key=lambda one: (len(one), one))
    if holding:
        return holding[:CLOSE_NAMES]
    # By its last part first: `fail2ban-clint` is nearer to `cmd:fail2ban-client` than to `cmd:fail2ban-regex`.
    tails: dict[str, str] = {}
    for one in names:
        tails.setdefault(one.rpartition("/")[2].rpartition(":")[2], one)
    close = difflib.get_close_matches(tail, list(tails), CLOSE_NAMES, 0.6)
    return [tails[one] for one in close] or sorted(names, key=lambda one: (len(one), one))[:CLOSE_NAMES]
