"""How does what a reader found get into the tables, and what becomes of what it found before?

An edge keeps the time at which it was first seen; one that went is kept as text for a month, so that any two instants
can be compared. An edge that only moved to another line is the same edge.
"""

# ruff: noqa: S608  # what is put into a statement here are numbers, and words of this module
from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from agentkit.depmap.document import Defined, Document, Mapped
from agentkit.depmap.edge import Edge, needs
from agentkit.depmap.identities import find_identities
from agentkit.depmap.store import Text, find_tail, make_indexes, pack, unpack

KEPT_S = 30 * 86400.0
COLUMNS = "source, target, falls, kind, file, line, function, rule, how, confidence, via, reason"
LINE = 5
Row = tuple[int, int, int, str, Text, int | None, Text | None, str, str, float, Text | None, Text | None]
INSERT = f"INSERT INTO edges (document, since, {COLUMNS}) VALUES (?, ?{', ?' * 12})"
MOVE = """INSERT INTO gone
  (source, target, path, kind, file, line, function, rule, how, confidence, via, reason, since, until)
SELECT s.label, t.label, t.path, kind, file, line, function, rule, how, confidence, via, reason, since, ?
FROM edges JOIN nodes AS s ON s.id = source JOIN nodes AS t ON t.id = target WHERE edges.id = ?"""


class Pen:
    """Writes into the tables of a map inside a transaction of the caller's; `finish` is the last thing in it."""

    def __init__(self, connection: sqlite3.Connection, now: float) -> None:
        self._connection = connection
        self._now = now
        self._documents = {
            Document(kind, unpack(path), unpack(context)): number
            for number, kind, path, context in connection.execute("SELECT id, kind, path, context FROM documents")
        }
        self._stored_documents = frozenset(self._documents.values())
        self._next_document = max(self._documents.values(), default=0) + 1
        self._nodes: dict[tuple[Text, Text], int] = {}
        self._stored: dict[int, tuple[int, Text | None]] = {}
        for node, label, path, identity, shown in connection.execute(
            "SELECT id, label, path, identity, shown FROM nodes"
        ):
            self._nodes[label, path] = node
            self._stored[node] = (identity, shown)
        self._next_node = max(self._stored, default=0) + 1
        self._left: set[int] = set()
        self._sources: set[int] = set()
        self.added = 0
        self.removed = 0

    def documents(self) -> list[Document]:
        """Return the documents that the map knows."""
        return list(self._documents)

    def write(self, document: Document, mapped: Mapped, numbers: Mapping[str, int]) -> None:
        """Make this all that is known of a document; `numbers` are those of the inputs."""
        number = self._find_document(document)
        reached = " ".join(str(self._find_document(one)) for one in mapped.reached)
        inputs = " ".join(str(numbers[path]) for path in dict.fromkeys(mapped.inputs) if path in numbers)
        values = (number, document.kind, pack(document.path), pack(document.context), reached, inputs)
        remark = mapped.remark and pack(mapped.remark)
        self._connection.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?)", (*values, remark))
        self._write_edges(number, mapped.edges)
        self._write_defined(number, mapped.defined)

    def drop(self, document: Document) -> None:
        """Forget a document and what was found in it."""
        number = self._documents.pop(document)
        self._write_edges(number, ())
        self._write_defined(number, ())
        self._connection.execute("DELETE FROM documents WHERE id = ?", (number,))

    def finish(self) -> None:
        """Drop what nothing names any more, find which names mean the same thing, and complete the indexes."""
        self._connection.execute("DELETE FROM gone WHERE until < ?", (self._now - KEPT_S,))
        make_indexes(self._connection)
        self._drop_unnamed()
        mapped_paths = self._find_mapped_paths()
        mentions = [(node, (unpack(label), unpack(path))) for (label, path), node in self._nodes.items()]
        found = find_identities(mentions, mapped_paths)
        added, changed = [], []
        for (label, path), node in self._nodes.items():
            first, shown = found[node]
            wanted = (first, pack(shown) if first == node else None)
            before = self._stored.get(node)
            if before is None:
                added.append((node, label, path, *wanted, pack(find_tail(unpack(label)))))
            elif before != wanted:
                changed.append((*wanted, node))
        self._connection.executemany("INSERT INTO nodes VALUES (?, ?, ?, ?, ?, ?)", added)
        self._connection.executemany("UPDATE nodes SET identity = ?, shown = ? WHERE id = ?", changed)

    def _write_edges(self, document: int, edges: Iterable[Edge]) -> None:
        # What is said twice in one line of a script is one edge.
        new = dict.fromkeys(map(self._to_row, edges))
        select = f"SELECT id, {COLUMNS} FROM edges WHERE document = ?"
        # A new map has no indexes yet: looking for what a new document had would read all of it each time.
        rows = self._connection.execute(select, (document,)) if document in self._stored_documents else ()
        stored = {row[1:]: row[0] for row in rows}
        gone = {row: number for row, number in stored.items() if row not in new}
        fresh = [row for row in new if row not in stored]
        if gone and fresh:
            fresh = self._move_lines(gone, fresh)
        left = [(number,) for number in gone.values()]
        self._connection.executemany(MOVE, [(self._now, *one) for one in left])
        self._connection.executemany("DELETE FROM edges WHERE id = ?", left)
        self._connection.executemany(INSERT, [(document, self._now, *row) for row in fresh])
        self._left.update(node for row in gone for node in row[:2])
        self.added += len(fresh)
        self.removed += len(gone)

    def _write_defined(self, document: int, defined: Iterable[Defined]) -> None:
        rows = {(self._find_node(one.name, ""), pack(one.file), one.line) for one in defined}
        select = "SELECT node, file, line FROM defined WHERE document = ?"
        stored = set(self._connection.execute(select, (document,))) if document in self._stored_documents else set()
        if rows != stored:
            self._connection.execute("DELETE FROM defined WHERE document = ?", (document,))
            values = [(document, *row) for row in sorted(rows, key=str)]
            self._connection.executemany("INSERT INTO defined VALUES (?, ?, ?, ?)", values)
            self._left.update(row[0] for row in stored)

    def _move_lines(self, gone: dict[Row, int], fresh: list[Row]) -> list[Row]:
        """Give each edge that only stands elsewhere in its file its new line; return the ones that are really new."""
        waiting: dict[tuple[object, ...], list[Row]] = {}
        for row in gone:
            waiting.setdefault((*row[:LINE], *row[LINE + 1 :]), []).append(row)
        really, moved = [], []
        for row in fresh:
            candidates = waiting.get((*row[:LINE], *row[LINE + 1 :]))
            if candidates:
                moved.append((row[LINE], gone.pop(candidates.pop(0))))
            else:
                really.append(row)
        self._connection.executemany("UPDATE edges SET line = ? WHERE id = ?", moved)
        return really

    def _drop_unnamed(self) -> None:
        named = "SELECT 1 FROM edges WHERE source = ?1 UNION ALL SELECT 1 FROM edges WHERE target = ?1"
        named += " UNION ALL SELECT 1 FROM defined WHERE node = ?1 LIMIT 1"
        lost = {node for node in self._left if self._connection.execute(named, (node,)).fetchone() is None}
        if lost:
            self._connection.executemany("DELETE FROM nodes WHERE id = ?", [(node,) for node in lost])
            self._nodes = {mention: node for mention, node in self._nodes.items() if node not in lost}

    def _find_mapped_paths(self) -> set[str]:
        """Return the paths of the files that were read, be it as a part of another one."""
        paths = {unpack(path) for (path,) in self._connection.execute("SELECT DISTINCT path FROM documents")}
        is_source = "EXISTS (SELECT 1 FROM edges WHERE source = nodes.id)"
        rows = self._connection.execute(f"SELECT id FROM nodes WHERE substr(label, 1, 5) = 'file:' AND {is_source}")
        sources = self._sources.union(node for (node,) in rows)
        labels = (unpack(label) for (label, _), node in self._nodes.items() if node in sources)
        return paths.union(label[5:] for label in labels if label.startswith("file:"))

    def _to_row(self, edge: Edge) -> Row:
        pair = needs(edge)
        source = self._find_node(edge.source, "")
        self._sources.add(source)
        return (
            source,
            self._find_node(edge.target, edge.path or ""),
            0 if pair is None else 1 if pair == (edge.source, edge.target) else -1,
            edge.kind,
            pack(edge.file),
            edge.line,
            edge.function and pack(edge.function),
            edge.rule,
            edge.how,
            float(edge.confidence),
            edge.via and pack(edge.via),
            edge.reason and pack(edge.reason),
        )

    def _find_node(self, name: str, path: str) -> int:
        mention = (pack(name), pack(path))
        node = self._nodes.get(mention)
        if node is None:
            node = self._nodes[mention] = self._next_node
            self._next_node += 1
        return node

    def _find_document(self, document: Document) -> int:
        number = self._documents.get(document)
        if number is None:
            number = self._documents[document] = self._next_document
            self._next_document += 1
        return number
