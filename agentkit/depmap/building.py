"""How is the map brought up to date, reading again only what changed?

A build is one transaction on a copy of the map, which takes the place of the old one when it is whole and on disk. Two
at once are kept apart by a lock; one that is killed leaves the old map as it was.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from agentkit.core.locks import hold_lock
from agentkit.core.paths import look_at_configuration
from agentkit.depmap.document import Document, Mapped, Reader
from agentkit.depmap.opening import find_map
from agentkit.depmap.signatures import Signature, is_same, look_at, sign
from agentkit.depmap.store import CorruptMapError, Map, OlderMapError, is_sound, open_store, unpack
from agentkit.depmap.writing import DECLARED_KIND, KEPT_KINDS, SEEN_KIND, Change, replace_map

WAIT = timedelta(seconds=1)
ReadAll = Callable[[Sequence[Document]], Iterable[Mapped]]


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did: how many documents there are, how many were read again, which edges came and went."""

    documents: int
    read: int
    added: int = 0
    removed: int = 0
    notices: tuple[str, ...] = ()


@dataclass(slots=True)
class Known:
    """What the map knew before: its documents, what each leads to, its inputs, and the signature of each input."""

    documents: dict[int, Document] = field(default_factory=dict)
    reached: dict[int, str] = field(default_factory=dict)
    inputs_of: dict[int, str] = field(default_factory=dict)
    inputs: dict[str, tuple[int, Signature]] = field(default_factory=dict)
    meta: dict[str, object] = field(default_factory=dict)


def build(
    environ: Mapping[str, str],
    roots: Iterable[Document],
    read: Reader,
    *,
    read_all: ReadAll | None = None,
    stamp: str,
    root: str = "/",
    reads_all: bool = False,
    warn: Callable[[str], None],
    wait: timedelta = WAIT,
) -> Built:
    """Bring the map up to date: `roots` and every document that they lead to, each read by `read` if it has to be.

    With `read_all`, that is asked for many documents at once, and answers in their order.
    `stamp` names the readers and what they were told: of another one everything is read again, as with `reads_all`.
    `root` is where the mapped machine stands. A file that changed within the last 10 ms before it was read is read
    again the next time. Raises AgentkitError: try later (another build goes on), cannot write, configuration.
    """
    path = find_map(environ)
    with hold_lock(f"{path}.lock", what="map", limit=wait):
        known, notices = _read_known(path)
        wanted: dict[str, object] = {"stamp": stamp, "root": root}
        is_other = reads_all or any(known.meta.get(name) != value for name, value in wanted.items())
        change = _find_change(known, roots, read_all or partial(map, read), is_other=is_other)
        if known.meta.get("root", "/") != root:
            # What was seen was seen on the machine that was mapped until now.
            change.gone += [one for one in known.documents.values() if one.kind == SEEN_KIND]
        wanted["configuration"] = look_at_configuration(environ)
        if known.meta.get("configuration") != wanted["configuration"]:
            from agentkit.depmap.declaring import read_declared

            wanted["host"], document, mapped = read_declared(environ, warn)
            change.found[document] = mapped
            change.gone += [one for one in known.documents.values() if one.kind == DECLARED_KIND and one != document]
        count = len(change.kept) + sum(document.kind != DECLARED_KIND for document in change.found)
        was_read = sum(document.kind != DECLARED_KIND for document in change.found)
        if known.meta and not is_other and not change:
            # How old the map is says when somebody last looked, not when something last changed.
            os.utime(path)
            return Built(count, 0, notices=notices)
        change.meta = wanted
        added, removed = replace_map(path, change, time.time(), is_new=not known.meta)
        return Built(count, was_read, added, removed, notices)


def _read_known(path: str) -> tuple[Known, tuple[str, ...]]:
    """Return what the map knows, and a line a trouble: one that is malformed, or too old, knows nothing."""
    try:
        chart = open_store(path)
        if chart is None:
            return Known(), ()
        with chart:
            if not is_sound(chart.connection):
                raise CorruptMapError(path, "its pages contradict each other")  # noqa: TRY301  # handled as SQLite's own
            return _read_chart(chart), ()
    except (CorruptMapError, OlderMapError) as error:
        return Known(), (f"{error.message}; a new one is made",)


def _read_chart(chart: Map) -> Known:
    known = Known()
    select = chart.connection.execute
    known.meta = dict(select("SELECT name, value FROM meta"))
    for number, kind, path, context, reached, inputs in select(
        "SELECT id, kind, path, context, reached, inputs FROM documents"
    ):
        known.documents[number] = Document(kind, unpack(path), unpack(context))
        known.reached[number] = reached
        known.inputs_of[number] = inputs
    for number, path, *signature in select("SELECT * FROM inputs"):
        form, size, mtime_ns, inode, digest = signature
        known.inputs[unpack(path)] = (number, (form, size, mtime_ns, inode, digest))
    return known


def _find_change(known: Known, roots: Iterable[Document], read_all: ReadAll, *, is_other: bool) -> Change:
    """Return what is to be written: follows the documents from the roots on, and reads what may have changed."""
    change = Change()
    now_ns = time.time_ns()
    stale = set()
    for path, (number, before) in known.inputs.items():
        look = look_at(path)
        if not is_same(path, before, look):
            stale.add(number)
            change.signatures[path] = sign(path, look, now_ns, now_ns)
        elif before[:4] != look:
            change.signatures[path] = (*look, before[4])
    numbers = {document: number for number, document in known.documents.items()}
    waiting = list(dict.fromkeys(roots))
    seen = set(waiting)
    while waiting:
        # All that is known to be waiting is read together: the reader may have more than one processor for it.
        wave, waiting = waiting, []
        stays = {
            document: held
            for document in wave
            if (held := numbers.get(document)) is not None and not is_other and not _uses(known.inputs_of[held], stale)
        }
        to_read = [document for document in wave if document not in stays]
        started_ns = time.time_ns()
        for document, mapped in zip(to_read, read_all(to_read), strict=True):
            change.found[document] = mapped
            for path in mapped.inputs:
                if path not in known.inputs and path not in change.signatures:
                    look = look_at(path)
                    # The clock after the look: what changed just before it was read as it was.
                    change.signatures[path] = sign(path, look, started_ns, time.time_ns())
            waiting.extend(mapped.reached)
        for document, held in stays.items():
            change.kept.append(document)
            waiting.extend(known.documents[int(one)] for one in known.reached[held].split())
        waiting = [one for one in dict.fromkeys(waiting) if one not in seen]
        seen.update(waiting)
    change.gone = [one for one in numbers if one not in seen and one.kind not in KEPT_KINDS]
    return change


def _uses(inputs: str, stale: set[int]) -> bool:
    return bool(stale) and not stale.isdisjoint(map(int, inputs.split()))
