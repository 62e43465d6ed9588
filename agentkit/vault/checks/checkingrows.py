"""Is each secret what was set last: its row, its ciphertexts, the mark of its newest version, and the record of it?

No secret is opened: a row that is ours binds the digest of its ciphertext.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import CRITICAL, INFO, WARNING
from agentkit.vault.access import find_ciphertext, find_previous, read_ciphertext, read_newest
from agentkit.vault.age import HEADER_END, LONGEST_HEADER, check_header
from agentkit.vault.checks.checkingsighting import ROW, Sighting, tell_tampered
from agentkit.vault.digest import hash_bytes
from agentkit.vault.lastuses import Change, Past
from agentkit.vault.manifest import Entry
from agentkit.vault.places import Places
from agentkit.vault.rows import Row

# For the identity and for recovery.
RECIPIENTS = 2
STANZA = b"\n-> X25519 "
UNFINISHED = "unfinished-change"


def look_at_secret(places: Places, entry: Entry, past: Past | None) -> Iterator[Sighting]:
    """Yield what is wrong with a secret that has a row; `past` is what the log knows, None where it is not believed."""
    if entry.trouble is not None:
        yield _tell_trouble(entry.name, ROW, entry.trouble, places.row(entry.name))
    if entry.row is None:
        return
    yield from _look_at_ciphertext(places, entry.row)
    yield from _look_at_previous(places, entry.row, past)
    try:
        newest = read_newest(places, entry.name)
    except AgentkitError as error:
        yield _tell_trouble(entry.name, "mark", error, places.newest(entry.name))
        return
    version = entry.row.version
    if newest is not None and newest > version:
        told = f"version {version} was put back; the newest is {newest}"
        yield tell_tampered(entry.name, "rollback", told, version=version, newest=newest)
    elif past is not None:
        yield from _compare_with_log(places, entry.row, past, newest)


def look_at_absent(places: Places, name: str, past: Past | None) -> Iterator[Sighting]:
    """Yield what is wrong with a name that has no row, but records or a ciphertext."""
    has_file = os.path.lexists(places.current(name))
    if past is not None and past.committed is not None:
        told = f"its row is missing; record {past.committed.seq} set version {past.committed.version}"
        yield tell_tampered(name, "missing", told, record=past.committed.seq)
    elif has_file:
        yield Sighting(
            "orphan-secret", f"secret:{name}", WARNING,
            f"{name}: {places.current(name)} has no row, and the log knows of none; nobody is given it",
            f"if nobody misses it, remove it: rm {places.current(name)}",
        )  # fmt: skip
    elif past is not None and past.begun:
        told = "was never put in place: what set it was cut off"
        yield _tell_unfinished(name, told, f"set it again: agentkit vault set {name} --purpose … < VALUE")


def _look_at_ciphertext(places: Places, row: Row) -> Iterator[Sighting]:
    try:
        raw = find_ciphertext(places, row)
        check_header(raw, row.name)
    except AgentkitError as error:
        yield _tell_trouble(row.name, "ciphertext", error, places.current(row.name))
    else:
        # Sealing adds stanzas of grease too, which mean nothing.
        count = raw[: raw.find(HEADER_END, 0, LONGEST_HEADER)].count(STANZA)
        if count != RECIPIENTS:
            yield Sighting(
                "recovery-missing", f"secret:{row.name}", CRITICAL,
                f"{row.name}: is sealed for {count} recipients, not for the {RECIPIENTS} of this vault",
                "agentkit vault rotate --identity", evidence={"stanzas": count},
            )  # fmt: skip


def _look_at_previous(places: Places, row: Row, past: Past | None) -> Iterator[Sighting]:
    path, bound = f"{places.previous}/{row.name}.age", row.fields.get("previous_sha256")
    try:
        raw = read_ciphertext(path)
        if find_previous(places, row) is not None:
            return
    except AgentkitError as error:
        yield _tell_trouble(row.name, "previous", error, path)
        return
    if raw is None:
        if bound is not None:
            told = f"{row.name}: its version before this one is gone, or could not be kept"
            yield Sighting("previous-missing", f"secret:{row.name}", INFO, told, "nothing: the next change keeps one")
        return
    # A change that was cut off before its row left the current one there, and one that mended a damaged one an older.
    known = {row.sha256, *(past.before if past else ()), *(past.committed.sha256 if past and past.committed else ())}
    if past is not None and hash_bytes(raw) not in known:
        yield tell_tampered(row.name, "previous", "its version before this one is not one that was set", path=path)


def _compare_with_log(places: Places, row: Row, past: Past, newest: int | None) -> Iterator[Sighting]:
    name, committed, begun = row.name, past.committed, past.begun.get(row.version)
    if committed is not None and row.version == committed.version and row.sha256 in committed.sha256:
        if newest != row.version:
            told = "is missing" if newest is None else f"says {newest}, not {row.version}"
            yield tell_tampered(name, "mark", f"the mark of its newest version {told}", path=places.newest(name))
        elif past.begun:
            told = f"version {max(past.begun)} was begun and never put in place; version {row.version} is the secret"
            is_rotated = not past.begun[max(past.begun)].sha256
            step = f"agentkit vault rotate {name}" if is_rotated else f"set it again: agentkit vault set {name} < VALUE"
            yield _tell_unfinished(name, told, step)
        elif _has_pending(places, row):
            yield _tell_leftover(name, f"{places.pending}/{name}.age")
    elif begun is not None and _is_of(row, begun) and (committed is None or row.version > committed.version):
        told = f"version {row.version} is in place, and what set it was cut off before its end"
        step = f"agentkit vault set {name} --keep-value" if begun.sha256 else f"agentkit vault rotate {name}"
        if newest is None:
            told, step = "its first version was never completed", f"set it again: agentkit vault set {name} < VALUE"
        yield _tell_unfinished(name, told, step)
    elif committed is None:
        yield tell_tampered(name, "log", "the log knows nothing of its being set", version=row.version)
    else:
        last = f"the log's last change is version {committed.version}, record {committed.seq}"
        if row.version < committed.version:
            told = f"version {row.version} was put back; {last}"
        elif row.version == committed.version:
            told = f"version {row.version} is another one than was set; {last}"
        else:
            told = f"version {row.version} was set without a record; {last}"
        yield tell_tampered(name, "log", told, version=row.version, record=committed.seq)


def _is_of(row: Row, begun: Change) -> bool:
    # A rotation writes no digest down beforehand; that the row is ours is asked elsewhere.
    return not begun.sha256 or row.sha256 in begun.sha256


def _has_pending(places: Places, row: Row) -> bool:
    return os.path.lexists(f"{places.pending}/{row.name}.age")


def _tell_unfinished(name: str, what: str, step: str) -> Sighting:
    return Sighting(UNFINISHED, f"secret:{name}", WARNING, f"{name}: {what}", step)


def _tell_leftover(name: str, path: str) -> Sighting:
    told = f"{name}: {path} is left of a change that was cut off; nobody is given it"
    return Sighting("leftover-file", f"file:{path}", INFO, told, "nothing: the next change of it takes its place")


def _tell_trouble(name: str, key: str, error: AgentkitError, path: str) -> Sighting:
    what = error.message.removesuffix("; nothing was released").removeprefix(f"{name}: ")
    if error.status == Exit.TAMPERED:
        return tell_tampered(name, key, what, path=path)
    type_ = "wrong-mode" if error.status == Exit.REFUSED else "unreadable"
    return Sighting(type_, f"file:{path}", CRITICAL, f"{name}: {what}", error.hint or f"ls -l {path}")
