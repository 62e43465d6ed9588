"""What did the ledger's keeper write down: notes, acceptances, parcels to be sent, single values."""

# ruff: noqa: S608  # what is put into a statement here are lists of columns from this module
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from agentkit.core.evidence import Accept, Note, Parcel, read_number
from agentkit.core.ledger.beats import LAST_INSTANT
from agentkit.core.ledger.store import Ledger

NOTE_COLUMNS = "id, at, kind, text, detail, seen <> 0"


def add_note(ledger: Ledger, kind: str, text: str, at: float, detail: str | None = None) -> int:
    """Write down something that a person should hear of; return its id."""
    added = ledger.execute("INSERT INTO notes (at, kind, text, detail) VALUES (?, ?, ?, ?)", (at, kind, text, detail))
    return added.lastrowid or 0


def add_note_once(ledger: Ledger, kind: str, text: str, at: float) -> None:
    """Write it down unless the same words still wait to be seen."""
    values = (kind, text)
    if not ledger.first("SELECT 1 FROM notes WHERE seen = 0 AND kind = ? AND text = ? LIMIT 1", values):
        add_note(ledger, kind, text, at)


def find_unseen_notes(ledger: Ledger) -> list[Note]:
    """Return the notes that nobody has marked as seen, oldest first."""
    rows = ledger.select(f"SELECT {NOTE_COLUMNS} FROM notes WHERE seen = 0 ORDER BY id")
    return [Note(*(*row[:5], bool(row[5]))) for row in rows]


def find_notes_since(ledger: Ledger, since: float, *, limit: int = 1000) -> list[Note]:
    """Return the newest notes from an instant on, newest first."""
    rows = ledger.select(f"SELECT {NOTE_COLUMNS} FROM notes WHERE at >= ? ORDER BY id DESC LIMIT ?", (since, limit))
    return [Note(*(*row[:5], bool(row[5]))) for row in rows]


def mark_notes_seen(ledger: Ledger, ids: Iterable[int]) -> None:
    """Say that the notes became findings."""
    ledger.execute_many("UPDATE notes SET seen = 1 WHERE id = ?", [(note_id,) for note_id in ids])


def record_accept(ledger: Ledger, job: str, reason: str, by: str, at: float) -> Accept:
    """Record that the present state of a job is its new normal; the job is made when it is unknown."""
    with ledger.transaction():
        ledger.execute("INSERT OR IGNORE INTO jobs (name, first_seen_at) VALUES (?, ?)", (job, at))
        ledger.execute("UPDATE jobs SET accepted_at = ?, accept_reason = ? WHERE name = ?", (at, reason, job))
        added = ledger.execute("INSERT INTO accepts (at, job, reason, by) VALUES (?, ?, ?, ?)", (at, job, reason, by))
    return Accept(added.lastrowid or 0, at, job, reason, by)


def find_accepts(ledger: Ledger, job: str) -> list[Accept]:
    """Return what was accepted for a job, newest first."""
    rows = ledger.select("SELECT id, at, job, reason, by FROM accepts WHERE job = ? ORDER BY id DESC", (job,))
    return [Accept(*row) for row in rows]


def add_parcel(ledger: Ledger, channel: str, fingerprint: str | None, payload: str, at: float) -> int:
    """Keep something that is to be sent until it was; return its id."""
    statement = "INSERT INTO outbox (channel, fingerprint, payload, created_at) VALUES (?, ?, ?, ?)"
    return ledger.execute(statement, (channel, fingerprint, payload, at)).lastrowid or 0


def iterate_parcels(ledger: Ledger, channel: str) -> Iterator[Parcel]:
    """Yield what waits to be sent on a channel, oldest first."""
    columns = "id, channel, fingerprint, payload, created_at, tried, tried_at, last_error"
    for row in ledger.select(f"SELECT {columns} FROM outbox WHERE channel = ? ORDER BY id", (channel,)):
        yield Parcel(*row)


def mark_parcel_tried(ledger: Ledger, parcel_id: int, at: float, error: str) -> None:
    """Record that sending failed, and why."""
    statement = "UPDATE outbox SET tried = tried + 1, tried_at = ?, last_error = ? WHERE id = ?"
    ledger.execute(statement, (at, error, parcel_id))


def remove_parcel(ledger: Ledger, parcel_id: int) -> None:
    """Forget a parcel that was delivered."""
    ledger.execute("DELETE FROM outbox WHERE id = ?", (parcel_id,))


def read_value(ledger: Ledger, key: str) -> str | None:
    """Return a single value kept under a key."""
    row = ledger.first("SELECT value FROM meta WHERE key = ?", (key,))
    return None if row is None else str(row[0])


def read_list(ledger: Ledger, key: str) -> list[object]:
    """Return the list kept under a key; an empty one when there is none that can be read."""
    found = _read_json(ledger, key)
    return found if isinstance(found, list) else []


def read_instant(ledger: Ledger, key: str) -> float | None:
    """Return the instant kept under a key; None when there is none that can be."""
    instant = read_number(_read_json(ledger, key))
    return instant if instant is not None and 0 <= instant <= LAST_INSTANT else None


def _read_json(ledger: Ledger, key: str) -> object:
    text = read_value(ledger, key)
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return None


def write_value(ledger: Ledger, key: str, value: str) -> None:
    """Keep a single value under a key."""
    ledger.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))
