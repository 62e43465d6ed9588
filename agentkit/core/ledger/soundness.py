"""Does every value of the ledger stand where such a value can stand?

SQLite lets any value into any column, and its own check does not look at them: who writes to the ledger by hand, or a
bit that flipped in the right place, leaves a file that is sound and values that nobody can use. Looking through all of
them takes a while, so it is done only when something failed that should not have.
"""

# ruff: noqa: S608  # what is put into a statement here are names and values from the schema and from this module
from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.evidence import CLOSED_STATES, STARTED, read_object
from agentkit.core.ledger.beats import LAST_INSTANT
from agentkit.core.ledger.faults import FAULTS, CorruptLedgerError, explained
from agentkit.core.ledger.schema import TABLES
from agentkit.core.ledger.store import Ledger

KINDS = {"INTEGER": "'integer'", "REAL": "'real', 'integer'", "TEXT": "'text'", "BLOB": "'blob'"}
RUN_STATES = sorted({STARTED, *CLOSED_STATES})
WORDS = {
    ("runs", "state"): RUN_STATES,
    ("jobs", "last_state"): RUN_STATES,
    ("findings", "severity"): ["info", "warning", "critical"],
    ("findings", "state"): ["firing", "resolved"],
}
REFERENCES = {
    ("runs", "host_id"): "words",
    ("runs", "job_id"): "jobs",
    ("learned", "job_id"): "jobs",
    ("days", "job_id"): "jobs",
}
# What a bug is made of when a value is not what its column says.
SYMPTOMS = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, AgentkitError)


@contextmanager
def blaming_values(ledger: Ledger) -> Iterator[None]:
    """Turn a failure of the block into CorruptLedgerError where the ledger holds what it cannot hold: no bug then."""
    try:
        yield
    except SYMPTOMS as error:
        if isinstance(error, AgentkitError) and error.status != Exit.INTERNAL:
            raise
        with explained(ledger.path):
            misfit = find_misfit(ledger.connection)
        if misfit is None:
            raise
        raise CorruptLedgerError(ledger.path, misfit) from error


def find_misfit(connection: sqlite3.Connection) -> str | None:
    """Return what is wrong with a value that stands where it cannot, or None when all of them may be right."""
    for table in TABLES:
        for column, fits, _ in _list_columns(connection, table):
            if connection.execute(f"SELECT 1 FROM {table} WHERE NOT ({fits}) LIMIT 1").fetchone():
                return f"{table}.{column} holds what it cannot hold"
    if next(_find_odd_parcels(connection), None) is not None:
        return "outbox.payload holds what it cannot hold"
    return None


def mend(connection: sqlite3.Connection, table: str) -> int:
    """Take out of a table what cannot stand there; return how many rows went with it.

    Of a run the value goes, where it may be missing. A job keeps its name: the rest is counted anew from its runs.
    """
    gone = 0
    for column, fits, may_be_missing in _list_columns(connection, table):
        where = f"WHERE NOT ({fits})"
        if table == "jobs":
            name = "'recovered-' || id" if column == "name" else "name"
            anew = "INSERT OR REPLACE INTO jobs (id, name, first_seen_at)"
            connection.execute(f"{anew} SELECT id, {name}, 0 FROM jobs {where}")
        elif table == "runs" and may_be_missing:
            connection.execute(f"UPDATE runs SET {column} = NULL {where}")
        else:
            gone += connection.execute(f"DELETE FROM {table} {where}").rowcount
    if table == "outbox":
        odd = list(_find_odd_parcels(connection))
        connection.executemany("DELETE FROM outbox WHERE id = ?", odd)
        gone += len(odd)
    return gone


def _list_columns(connection: sqlite3.Connection, table: str) -> Iterator[tuple[str, str, bool]]:
    """Yield each column, the condition that its values meet, and whether one may be missing."""
    for _, column, kind, is_needed, _, is_key in connection.execute(f"PRAGMA table_info({table})").fetchall():
        fits = f"typeof({column}) IN ({KINDS[kind]})"
        if column == "at" or column.endswith("_at"):
            fits += f" AND {column} BETWEEN 0 AND {2 * LAST_INSTANT}"
        if (table, column) in WORDS:
            fits += f" AND {column} IN ({', '.join(repr(word) for word in WORDS[table, column])})"
        if (table, column) in REFERENCES:
            fits += f" AND {column} IN (SELECT id FROM {REFERENCES[table, column]})"
        may_be_missing = not (is_needed or is_key)
        yield column, f"{column} IS NULL OR {fits}" if may_be_missing else fits, may_be_missing


def _find_odd_parcels(connection: sqlite3.Connection) -> Iterator[tuple[int]]:
    """Yield the parcels of news that hold no finding."""
    for parcel_id, payload in connection.execute("SELECT id, payload FROM outbox WHERE channel = 'notify'"):
        try:
            finding = read_object(payload)
        except FAULTS:
            finding = {}
        if not all(isinstance(finding.get(key), str) for key in ("title", "type", "subject", "severity", "first_seen")):
            yield (parcel_id,)
