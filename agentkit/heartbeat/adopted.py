"""What was a crontab before it was adopted? Kept in the state folder, durable before the crontab changes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass

from agentkit.core.durable import replace_file, sync
from agentkit.core.errors import AgentkitError, Exit
from agentkit.heartbeat.adoption import Change

FOLDER = "adopted"


@dataclass(frozen=True, slots=True)
class Adopted:
    """A crontab as it was (`old`) and as it was written (`new`), and each of its rows that changed."""

    name: str
    old: bytes
    new: bytes
    changes: tuple[Change, ...]


def keep_adopted(folder: str, adopted: Adopted) -> str:
    """Keep what a crontab was, and return the path of the file; raises AgentkitError (cannot write)."""
    path = _find_path(folder, adopted.name)
    record = {
        "v": 1,
        "name": adopted.name,
        "old": _write(adopted.old),
        "new": _write(adopted.new),
        "changes": [[change.old, change.new, change.job] for change in adopted.changes],
    }
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        replace_file(path, json.dumps(record).encode("ascii"))
        # The folder itself may be a moment old.
        sync(folder)
    except OSError as error:
        raise AgentkitError(f"{path}: cannot be written: {error.strerror}", status=Exit.CANNOT_WRITE) from error
    return path


def find_adopted(folder: str, name: str) -> Adopted | None:
    """Return what is kept of a crontab (see Place.key), or None; raises AgentkitError (bad data) where it is spoilt."""
    path = _find_path(folder, name)
    try:
        with open(path, encoding="ascii") as file:
            record = json.load(file)
        changes = tuple(Change(*map(str, change)) for change in record["changes"])
        return Adopted(str(record["name"]), _read(record["old"]), _read(record["new"]), changes)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AgentkitError(f"{path}: cannot be read: {error.strerror}", status=Exit.BAD_DATA) from error
    except (ValueError, KeyError, TypeError) as error:
        raise AgentkitError(f"{path}: expected what a crontab was, as JSON: {error}", status=Exit.BAD_DATA) from error


def forget_adopted(folder: str, name: str) -> None:
    """Remove what is kept of a crontab that is as it was again."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_find_path(folder, name))


def _find_path(folder: str, name: str) -> str:
    plain = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in name).strip("-")[-80:]
    # Two crontabs never share a file, whatever their names are made of.
    return f"{folder}/{FOLDER}/{plain}-{hashlib.sha256(name.encode(errors='surrogateescape')).hexdigest()[:8]}.json"


def _write(content: bytes) -> str:
    return content.decode(errors="surrogateescape")


def _read(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
