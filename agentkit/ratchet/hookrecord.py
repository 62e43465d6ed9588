"""Which hooks were installed and which ones ran, when, and on what? An append-only record in the git folder.

One write a line, between two newlines: a line that a full disk has torn never swallows the next. No lock is needed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from agentkit.core.durable import sync
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import Record
from agentkit.core.repo.repository import Repository
from agentkit.core.times import format_instant
from agentkit.ratchet.ownfolder import own_folder

INSTALLED, REMOVED, STARTED, ENDED = "installed", "removed", "started", "ended"
PASSED, REFUSED = "passed", "refused"


def append_event(repository: Repository, event: str, facts: Mapping[str, object], now: float) -> None:
    """Write durably what happened; raises AgentkitError (cannot write)."""
    path = _path(repository)
    line = json.dumps({"v": 1, "at": format_instant(now), "event": event, **facts}, ensure_ascii=True)
    framed = f"\n{line}\n".encode()
    try:
        os.makedirs(own_folder(repository), mode=0o700, exist_ok=True)
        is_new = not os.path.lexists(path)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(path, flags, 0o600)
        try:
            if os.write(descriptor, framed) != len(framed):
                raise OSError(28, "no space left for a whole record")
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            sync(own_folder(repository))
    except OSError as error:
        raise AgentkitError(f"{path}: {error.strerror}", status=Exit.CANNOT_WRITE) from error


def read_events(repository: Repository) -> tuple[list[Record], int]:
    """Return what happened, the oldest first, and how many lines are none; raises AgentkitError (bad data)."""
    path = _path(repository)
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return [], 0
    except OSError as error:
        raise AgentkitError(f"{path}: {error.strerror}", status=Exit.BAD_DATA) from error
    events: list[Record] = []
    faults = 0
    for line in lines:
        if not line:
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            event = None
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            events.append(event)
        else:
            faults += 1
    return events, faults


def find_installation(events: list[Record]) -> tuple[Record | None, Record | None]:
    """Return the first and the last installation since hooks were removed; None twice where there are none."""
    first = last = None
    for event in events:
        if event["event"] == INSTALLED:
            first, last = first or event, event
        elif event["event"] == REMOVED:
            first = last = None
    return first, last


def _path(repository: Repository) -> str:
    return f"{own_folder(repository)}/hooks"
