"""What does a record of kind `secret` say: the manifest, and who used it, never a value?"""

from __future__ import annotations

from agentkit.core.asides import read_instant, write_instant
from agentkit.core.lines import Record
from agentkit.core.times import format_instant
from agentkit.vault.lastuses import Past, Use
from agentkit.vault.manifest import Entry
from agentkit.vault.rows import Fields


def to_record(entry: Entry, past: Past | None, *, host: str, now: float, with_users: bool = False) -> Record:
    """Return the record that travels; without `past` nobody knows of its uses."""
    row = entry.row
    fields: Fields = {} if row is None else row.fields
    every = fields.get("rotate_every_s")
    settings = fields.get("rotate_settings")
    record: Record = {
        "v": 1,
        "kind": "secret",
        "at": format_instant(now),
        "host": host,
        "name": entry.name,
        "state": entry.state,
        "version": None if row is None else row.version,
        "sha256": None if row is None else row.sha256,
        **{key: read_text(fields, key) for key in ("purpose", "owner")},
        "consumers": [] if row is None else row.texts("consumers"),
        "deliver": [] if row is None else row.texts("deliver"),
        **{key: write_instant(read_instant(fields.get(key))) for key in ("created_at", "set_at", "expires_at")},
        "rotate_every_s": every if isinstance(every, (int, float)) else None,
        "rotate_with": read_text(fields, "rotate_with"),
        "rotate_settings": settings if isinstance(settings, dict) else {},
        "reissue": read_text(fields, "reissue"),
        "uses": None if past is None else past.uses,
        "last_use": None if past is None or past.last_use is None else _to_use(past.last_use),
    }
    if with_users and past is not None:
        record["used_by"] = [
            {"program": use.program, "op": use.op, "uid": use.uid, "uses": count, "last_at": use.at}
            for count, use in past.users()
        ]
    return record


def read_text(fields: Fields, key: str) -> str | None:
    """Return a text of a row; None where it has none."""
    value = fields.get(key)
    return value if isinstance(value, str) else None


def _to_use(use: Use) -> Record:
    return {
        "at": use.at,
        "seq": use.seq,
        "op": use.op,
        "version": use.version,
        "uid": use.uid,
        "program": use.program,
        "parent": use.parent,
        "reason": use.reason,
    }
