"""How does a new map take the place of the old one, whole or not at all?"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

from agentkit.core.durable import sync
from agentkit.core.errors import AgentkitError, Exit
from agentkit.depmap.document import Document, Mapped
from agentkit.depmap.pen import Pen
from agentkit.depmap.signatures import Signature
from agentkit.depmap.store import FAULTS, explain, make_tables, pack, unpack

# What no build reads, and every build keeps.
DECLARED_KIND, SEEN_KIND = "declared", "seen"
KEPT_KINDS = frozenset({DECLARED_KIND, SEEN_KIND})
CACHE_KIB = 65536
COPIED_AT_ONCE = 1 << 26


@dataclass(slots=True)
class Change:
    """What a build found: documents that were read, that are as they were, that went; inputs with a new signature."""

    found: dict[Document, Mapped] = field(default_factory=dict)
    kept: list[Document] = field(default_factory=list)
    gone: list[Document] = field(default_factory=list)
    signatures: dict[str, Signature] = field(default_factory=dict)
    meta: dict[str, object] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.found or self.gone or self.signatures)


def replace_map(path: str, change: Change, now: float, *, is_new: bool) -> tuple[int, int]:
    """Write the map anew with a change in it; return how many edges came and went.

    Raises AgentkitError (cannot write), and then the map is as it was.
    """
    new = f"{path}.new"
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new)
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if not is_new:
                _copy(path, descriptor)
        finally:
            os.close(descriptor)
        with _open_for_writing(new, path) as connection:
            counts = _write(connection, change, now, is_new=is_new)
        sync(new)
        os.replace(new, path)
        sync(os.path.dirname(path))
    except BaseException as error:  # Ctrl-C, too, leaves no half-written file behind
        with contextlib.suppress(OSError):
            os.unlink(new)
        if isinstance(error, OSError):
            raise AgentkitError(f"map {path} cannot be written: {error.strerror}", status=Exit.CANNOT_WRITE) from error
        raise
    return counts


def declare(connection: sqlite3.Connection, document: Document, mapped: Mapped, now: float) -> None:
    """Make these the declared edges of a map, in place of those that it has."""
    pen = Pen(connection, now)
    for one in pen.documents():
        if one.kind == DECLARED_KIND and one != document:
            pen.drop(one)
    pen.write(document, mapped, {})
    pen.finish()


def _write(connection: sqlite3.Connection, change: Change, now: float, *, is_new: bool) -> tuple[int, int]:
    connection.execute("BEGIN")
    if is_new:
        make_tables(connection)
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", [*change.meta.items()])
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('begun_at', ?)", (now,))
    numbers = _write_inputs(connection, change)
    pen = Pen(connection, now)
    for document in change.gone:
        pen.drop(document)
    for document, mapped in change.found.items():
        pen.write(document, mapped, numbers)
    pen.finish()
    _drop_inputs(connection)
    connection.execute("COMMIT")
    return pen.added, pen.removed


def _write_inputs(connection: sqlite3.Connection, change: Change) -> dict[str, int]:
    """Write the new signatures, and return the number of every input."""
    numbers = {unpack(path): number for number, path in connection.execute("SELECT id, path FROM inputs")}
    following = max(numbers.values(), default=0) + 1
    for path in change.signatures:
        if path not in numbers:
            numbers[path] = following
            following += 1
    connection.executemany(
        "INSERT OR REPLACE INTO inputs VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(numbers[path], pack(path), *signature) for path, signature in change.signatures.items()],
    )
    return numbers


def _drop_inputs(connection: sqlite3.Connection) -> None:
    """Forget the inputs that no document has any more: what they were is of no use."""
    used: set[int] = set()
    for (inputs,) in connection.execute("SELECT inputs FROM documents"):
        used.update(map(int, inputs.split()))
    unused = [(number,) for (number,) in connection.execute("SELECT id FROM inputs") if number not in used]
    connection.executemany("DELETE FROM inputs WHERE id = ?", unused)


@contextlib.contextmanager
def _open_for_writing(new: str, path: str) -> Iterator[sqlite3.Connection]:
    try:
        connection = sqlite3.connect(new, isolation_level=None)
        try:
            # Nobody else knows this file, and it is thrown away if anything fails: no journal, one sync at the end.
            for setting in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
                connection.execute(f"PRAGMA {setting}")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            yield connection
        finally:
            connection.close()
    except FAULTS as error:
        raise explain(error, path) from error


def _copy(path: str, target: int) -> None:
    with open(path, "rb") as source:
        while os.sendfile(target, source.fileno(), None, COPIED_AT_ONCE):
            pass
