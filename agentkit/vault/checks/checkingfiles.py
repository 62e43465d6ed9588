"""Is each file and folder of the vault a plain one of ours, closed to others, and one that belongs there?"""

from __future__ import annotations

import os
from collections.abc import Iterator

from agentkit.core.errors import AgentkitError
from agentkit.core.lines import CRITICAL, INFO, WARNING
from agentkit.vault.checks.checkingsighting import TAMPERED, Sighting
from agentkit.vault.places import Places, demand_name
from agentkit.vault.plainread import FOLDER, KIND_MASK, KINDS, OTHERS, REGULAR
from agentkit.vault.store import PREFIX

OTHERS_WRITE = 0o022
# Folder: the ends of the names that its files have; "" allows any.
FOLDERS = {
    "secrets": ".age",
    "pending": ".age",
    "previous": ".age",
    "resealed": ".age",
    "retired": ".age",
    "manifest": ".json",
    "rotation": ".json",
    "audit/versions": ".version",
    "audit": "",
}
# Whose files are named after secrets.
NAMED = ("secrets", "pending", "previous", "manifest", "rotation", "audit/versions")
FILES = ("recipients", "rotate.lock")
OF_AUDIT = ("head", "key", "vkey", "checkpoint", "note")
BUILDING = ".vault-"
LEFTOVER, UNKNOWN, WRONG_MODE = "leftover-file", "unknown-file", "wrong-mode"


def look_at_files(places: Places) -> Iterator[Sighting]:
    """Yield what is wrong with the files of the vault, and with those around it."""
    state = os.path.dirname(places.vault)
    yield from _look_around(state, "the state folder")
    try:
        names = os.listdir(state)
    except OSError:
        names = []
    for name in sorted(names):
        if name.startswith(BUILDING):
            yield _tell_leftover(f"{state}/{name}", "of an init that was cut off")
    yield from look_at_path(places.vault, FOLDER)
    key = f"{places.audit}/key"
    if not os.path.lexists(key):
        told = f"{key} is missing: without it no access can be recorded, and nothing is released"
        yield Sighting(TAMPERED, f"file:{key}", CRITICAL, told, "put it back from a backup", "missing")
    yield from _walk(places, "")


def look_at_identity(places: Places) -> Iterator[Sighting]:
    """Yield what opens the identity, or its signing key, to others than its user; a missing one is told elsewhere."""
    yield from _look_around(os.path.dirname(places.identity), "the folder of the identity")
    for path in (places.identity, f"{places.identity}.signing"):
        for sighting in look_at_path(path, REGULAR, is_key=True):
            title = f"{sighting.title}; whoever read it can open every secret"
            yield Sighting("identity-exposed", sighting.subject, CRITICAL, title, sighting.next_step, sighting.key)
    if f"{os.path.realpath(places.identity)}/".startswith(f"{os.path.realpath(os.path.dirname(places.vault))}/"):
        yield Sighting(
            "identity-exposed", f"file:{places.identity}", WARNING,
            f"{places.identity} lies in the state folder: a backup of that holds the key beside what it opens",
            "move it out, and say where it is: AGENTKIT_IDENTITY=PATH", "place",
        )  # fmt: skip


def look_at_path(
    path: str, kind: int, found: os.stat_result | None = None, *, is_key: bool = False
) -> Iterator[Sighting]:
    """Yield what is wrong with mode, owner or kind of one thing; nothing where it is missing."""
    if found is None:
        try:
            found = os.lstat(path)
        except OSError:
            return
    mode, subject = found.st_mode, f"file:{path}"
    severity = CRITICAL if is_key else WARNING
    if mode & KIND_MASK != kind:
        what = KINDS.get(mode & KIND_MASK, "a file or a device")
        yield Sighting(
            WRONG_MODE, subject, CRITICAL, f"{path} is {what}, which this vault never makes", f"ls -l {path}", "kind"
        )
        return
    if found.st_uid != os.geteuid():
        told = f"{path} belongs to uid {found.st_uid}, and not to uid {os.geteuid()}"
        yield Sighting(WRONG_MODE, subject, CRITICAL, told, f"chown {os.geteuid()} {path}", "owner")
    if mode & OTHERS:
        step = f"chmod {'0700' if kind == FOLDER else '0600'} {path}"
        yield Sighting(
            WRONG_MODE, subject, severity, f"{path} is open to others: mode {mode & 0o7777:04o}", step, "mode"
        )
    if kind == REGULAR and found.st_nlink > 1:
        told = f"{path} has {found.st_nlink} names: whoever has the other one has this file"
        yield Sighting(WRONG_MODE, subject, severity, told, f"find / -xdev -samefile {path}", "links")


def _walk(places: Places, folder: str) -> Iterator[Sighting]:
    root = f"{places.vault}/{folder}" if folder else places.vault
    try:
        with os.scandir(root) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        told = f"{root} cannot be read: {error.strerror}"
        yield Sighting(WRONG_MODE, f"file:{root}", CRITICAL, told, f"ls -ld {root}", "unreadable")
        return
    for entry in found:
        inside = f"{folder}/{entry.name}" if folder else entry.name
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue  # gone since
        is_folder = status.st_mode & KIND_MASK == FOLDER
        if entry.name.startswith(PREFIX) and not is_folder:
            yield _tell_leftover(entry.path, "of a write that was cut off")
        elif not _belongs(inside, is_folder=is_folder):
            told = f"{entry.path} is nothing that this vault makes"
            yield Sighting(
                UNKNOWN, f"file:{entry.path}", WARNING, told, f"look at it, and move it out: ls -ld {entry.path}"
            )
            continue
        yield from look_at_path(entry.path, FOLDER if is_folder else REGULAR, status)
        if is_folder:
            yield from _walk(places, inside)


def _belongs(inside: str, *, is_folder: bool) -> bool:
    """Tell whether this vault makes something of that path and kind."""
    if is_folder and (inside in FOLDERS or inside == "audit/versions"):
        return True
    if not is_folder and inside in FILES:
        return True
    for folder, suffix in FOLDERS.items():
        if not inside.startswith(f"{folder}/"):
            continue
        name = inside[len(folder) + 1 :]
        if folder == "audit":
            return not is_folder and (name.endswith(".jsonl") or name.startswith(OF_AUDIT))
        if is_folder:
            return folder in NAMED and _is_name(f"{name}/x")
        stem = name.removesuffix(suffix)
        return stem != name and (folder not in NAMED or _is_name(stem))
    return False


def _is_name(text: str) -> bool:
    try:
        return bool(demand_name(text))
    except AgentkitError:
        return False


def _look_around(folder: str, what: str) -> Iterator[Sighting]:
    try:
        found = os.stat(folder)
    except OSError:
        return
    if found.st_uid not in (os.geteuid(), 0) or found.st_mode & OTHERS_WRITE:
        whose = f"belongs to uid {found.st_uid}, mode {found.st_mode & 0o7777:04o}"
        told = f"{what} {folder} {whose}: others can put something else in the place of what is in it"
        yield Sighting(WRONG_MODE, f"file:{folder}", CRITICAL, told, f"chmod go-w {folder}", "around")


def _tell_leftover(path: str, of_what: str) -> Sighting:
    told = f"{path} is left {of_what}; nothing reads it"
    return Sighting(LEFTOVER, f"file:{path}", INFO, told, f"once nothing runs: rm -r {path}")
