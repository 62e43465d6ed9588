"""What is the map on disk: one file of SQLite that is replaced whole, and how is it opened for a look?

A build writes a new file and gives it the name of the old one, so a reader never waits, never sees half a build, and
needs nothing but to read one file. Imported by the hot verbs: nothing but `sqlite3` here.
"""

from __future__ import annotations

import os
import sqlite3

from agentkit.core.errors import AgentkitError, Exit

NAME = "map.db"
VERSION = 2
APPLICATION_ID = 0x64706D31  # "dpm1"
MAGIC = b"SQLite format 3\x00"
HEADER_BYTES = 100
BUILD = "agentkit depmap build"
# A flipped bit in the name of a column or in SQLite's own words about it is no sqlite3.Error.
FAULTS = (sqlite3.Error, UnicodeDecodeError)
# Edges lead from node to node as they were written; a node's `identity` is the one node that stands for all names of
# the same thing, and `shown` (of that one only) the name that is printed. `falls`: 1 the source falls with the target,
# -1 the target with the source, 0 neither. `path` is '' where there is none,
# and `tail` what is left of a name without its folder.
TABLES = {
    "meta": "name TEXT PRIMARY KEY, value",
    "documents": "id INTEGER PRIMARY KEY, kind TEXT, path TEXT, context TEXT, reached TEXT, inputs TEXT, remark TEXT",
    "inputs": "id INTEGER PRIMARY KEY, path TEXT, form TEXT, size INTEGER, mtime_ns INTEGER, inode INTEGER, "
    "digest TEXT",
    "nodes": "id INTEGER PRIMARY KEY, label TEXT, path TEXT, identity INTEGER, shown TEXT, tail TEXT",
    "edges": "id INTEGER PRIMARY KEY, document INTEGER, source INTEGER, target INTEGER, falls INTEGER, kind TEXT, "
    "file TEXT, line INTEGER, function TEXT, rule TEXT, how TEXT, confidence REAL, via TEXT, reason TEXT, since REAL",
    "defined": "document INTEGER, node INTEGER, file TEXT, line INTEGER",
    "gone": "source TEXT, target TEXT, path TEXT, kind TEXT, file TEXT, line INTEGER, function TEXT, rule TEXT, "
    "how TEXT, confidence REAL, via TEXT, reason TEXT, since REAL, until REAL",
}
INDEXES = {
    "nodes_by_label": "nodes (label, path)",
    "nodes_by_identity": "nodes (identity)",
    "nodes_by_path": "nodes (path) WHERE path <> ''",
    "nodes_by_tail": "nodes (tail) WHERE tail <> ''",
    "edges_by_target": "edges (target, falls, source)",
    "edges_by_source": "edges (source, falls, target)",
    "edges_by_document": "edges (document)",
    "defined_by_node": "defined (node)",
    "defined_by_document": "defined (document)",
}
Text = str | bytes


class CorruptMapError(AgentkitError):
    """The file cannot be trusted; the next build makes a new one."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"map {path} is malformed: {reason}", hint=f"{BUILD} (it makes a new one)")


class OlderMapError(AgentkitError):
    """The map is of an older version; the next build makes a new one."""

    def __init__(self, path: str) -> None:
        super().__init__(f"map {path} was made by an older agentkit", hint=f"{BUILD} (it makes a new one)")


class Map:
    """An open map, for reading; a failure of SQLite inside its `with` becomes an AgentkitError that says what to do."""

    __slots__ = ("connection", "host", "path")

    def __init__(self, connection: sqlite3.Connection, path: str, host: str | None = None) -> None:
        self.connection = connection
        self.path = path
        self.host = host or str(self.meta("host") or os.uname().nodename)

    def __enter__(self) -> Map:  # noqa: PYI034  # typing costs a start more than the question
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.end(error)

    def end(self, error: BaseException | None = None) -> None:
        """Close the map; of an error that came of its file, raise what a person can act on."""
        try:
            if isinstance(error, FAULTS):
                raise explain(error, self.path) from error
            if isinstance(error, (TypeError, ValueError, LookupError)) and not is_sound(self.connection):
                raise CorruptMapError(self.path, "its pages contradict each other") from error
        finally:
            self.connection.close()

    def meta(self, name: str) -> str | float | None:
        """Return a single value of the map, or None."""
        row = self.connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None


def open_store(path: str) -> Map | None:
    """Return the map in that file, None where there is none.

    Raises AgentkitError: CorruptMapError, OlderMapError, configuration (a newer program wrote it), unavailable.
    """
    try:
        with open(path, "rb", buffering=0, opener=_open_at_once) as file:
            header = file.read(HEADER_BYTES)
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        # A new map cannot take its place, so no build helps.
        raise AgentkitError(f"map {path} is a folder", hint=f"move it away; then {BUILD}") from None
    except OSError as error:
        raise AgentkitError(f"map {path} cannot be read: {error.strerror}") from error
    if header is None or not header.startswith(MAGIC) or len(header) < HEADER_BYTES:
        raise CorruptMapError(path, "it is no database" if header else "it is empty")
    # https://www.sqlite.org/fileformat2.html#the_database_header
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise CorruptMapError(path, "it is no map")
    version = int.from_bytes(header[60:64], "big")
    if version > VERSION:
        raise AgentkitError(
            f"map {path} has version {version}; this agentkit knows up to {VERSION}",
            hint="install the newer agentkit again; nothing was touched",
            status=Exit.CONFIGURATION,
        )
    if version < VERSION:
        raise OlderMapError(path)
    connection = None
    try:
        # The file never changes under its name, so there is nothing to lock, and no log to look for.
        connection = sqlite3.connect(f"file:{_quote(path)}?mode=ro&immutable=1", uri=True, isolation_level=None)
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        if not names.issuperset(TABLES):
            raise CorruptMapError(path, "tables are missing")  # noqa: TRY301  # closed below, as after any failure
        return Map(connection, path)
    except BaseException as error:  # Ctrl-C, too, leaves no connection open
        if connection is not None:
            connection.close()
        if isinstance(error, FAULTS):
            raise explain(error, path) from error
        raise


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the empty tables of a map, without their indexes: those are made when the rows are there."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    for name, columns in TABLES.items():
        connection.execute(f"CREATE TABLE {name} ({columns})")


def make_indexes(connection: sqlite3.Connection) -> None:
    """Make the indexes that are missing."""
    for name, columns in INDEXES.items():
        unique = "UNIQUE " if name == "nodes_by_label" else ""
        connection.execute(f"CREATE {unique}INDEX IF NOT EXISTS {name} ON {columns}")


def explain(error: sqlite3.Error | UnicodeDecodeError, path: str) -> AgentkitError:
    """Return the AgentkitError for a failure of SQLite (https://www.sqlite.org/rescode.html)."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    is_bad_text = isinstance(error, UnicodeDecodeError) or str(error).startswith("Could not decode to UTF-8")
    # A text that is too big is none that anybody wrote: its length is damaged.
    damage = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG)
    if is_bad_text or primary in damage:
        return CorruptMapError(path, "a text is no UTF-8" if is_bad_text else str(error))
    if primary in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return AgentkitError(f"map {path} cannot be written: {error}", status=Exit.CANNOT_WRITE)
    if primary in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return AgentkitError(f"map {path} cannot be read: {error}", hint="dmesg may name the disk's trouble")
    return AgentkitError(f"map {path}: {type(error).__name__}: {error}", status=Exit.INTERNAL)


def is_sound(connection: sqlite3.Connection) -> bool:
    """Tell whether SQLite finds nothing wrong with the file as a whole."""
    try:
        return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except FAULTS:
        return False


def pack(text: str) -> Text:
    """Return a text as it is stored: a name that is no UTF-8 (Python holds it with lone surrogates) as its bytes."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def unpack(value: Text) -> str:
    """Return the text that was packed."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogatepass")


def find_tail(label: str) -> str:
    """Return what is left of a name without its type and folder: `backup.sh#prune`; '' where it has no folder."""
    path, mark, inside = label.partition("#")
    _, slash, name = path.rpartition("/")
    return f"{name}{mark}{inside}" if slash else ""


def _open_at_once(path: str, flags: int) -> int:
    # A named pipe in its place must not hold us until somebody writes to it.
    return os.open(path, flags | os.O_NONBLOCK)


def _quote(path: str) -> str:
    """Return a path as it stands in a URI; `urllib` costs more than the whole question."""
    safe = b"/-._~abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return "".join(chr(byte) if byte in safe else f"%{byte:02X}" for byte in os.fsencode(os.path.abspath(path)))
