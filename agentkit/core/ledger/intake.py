"""How does the spool come into the ledger, each record exactly once?

How far a file was taken in stands in the ledger and moves in the same transaction as the rows: whenever a reader is
killed, the next one goes on where the ledger stands. The files are read as they are, while others append to them.
"""

from __future__ import annotations

import fcntl
import os
import re
import signal
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date

from agentkit.core.evidence import Intake
from agentkit.core.ledger.applying import DAY_S, Batch, apply_beat, flush
from agentkit.core.ledger.beats import RECORD_LIMIT_BYTES, OddRecordError, TornLineError, read_beat, read_line, storable
from agentkit.core.ledger.notes import add_note, add_note_once
from agentkit.core.ledger.store import Ledger
from agentkit.core.paths import is_trusted

FILE_NAME = re.compile(r"\d{4}-\d{2}-\d{2}\.jsonl", re.ASCII)
CHUNK_BYTES = 1 << 20
KEEP_DAYS = 2
STUBBORN_DAYS = 32
NOTE_LIMIT = 100
KEPT_CHARACTERS = 65536
EPOCH = date(1970, 1, 1)


@dataclass(slots=True)
class Progress:
    """The counts of one intake so far."""

    host: str
    now: float
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, name: str) -> int:
        """Count one, and return how many there are now."""
        self.counts[name] = self.counts.get(name, 0) + 1
        return self.counts[name]


def take_in_spool(ledger: Ledger, places: Sequence[str], host: str, now: float) -> Intake:
    """Take in whatever the places' spools have that the ledger has not; `host` is for records that name none.

    Each mebibyte is a transaction, so a spool of any length needs little memory and nobody waits long. What cannot be
    used becomes a note, never an error. Raises AgentkitError when the ledger is locked or cannot be written.
    """
    progress = Progress(host, now)
    for place in places:
        if not is_trusted(place):
            continue
        folder = os.path.join(place, "spool")
        try:
            names = sorted(name for name in os.listdir(folder) if FILE_NAME.fullmatch(name))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            add_note_once(ledger, "spool", f"cannot list {folder}: {error.strerror}", now)
            continue
        for name in names:
            try:
                _take_in_file(ledger, place, name, progress)
            except FileNotFoundError:
                continue
            except OSError as error:
                add_note_once(ledger, "spool", f"cannot read {folder}/{name}: {error.strerror}", now)
        _forget_missing(ledger, place, names)
    for kind in ("torn", "odd"):
        if progress.counts.get(kind, 0) > NOTE_LIMIT:
            text = f"{progress.counts[kind] - NOTE_LIMIT} more {kind} records in the spool, not kept one by one"
            add_note(ledger, kind, text, now)
    return Intake(**progress.counts)


def has_pending(ledger: Ledger, places: Sequence[str]) -> bool:
    """Tell whether a spool file has something that the ledger has not; writes nothing."""
    for place in places:
        folder = os.path.join(place, "spool")
        if not os.path.isdir(folder) or not is_trusted(place):
            continue
        for name in os.listdir(folder):
            with suppress(FileNotFoundError):
                found = os.lstat(os.path.join(folder, name))
                if FILE_NAME.fullmatch(name) and found.st_size != _offset(ledger, place, name, found):
                    return True
    return False


def _take_in_file(ledger: Ledger, place: str, name: str, progress: Progress) -> None:
    path = os.path.join(place, "spool", name)
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "it is no regular file")
        age_days = progress.now // DAY_S - _day_of(name)
        is_over = age_days > KEEP_DAYS
        if _offset(ledger, place, name, found) != found.st_size:
            is_new = True
            while _take_in_chunk(ledger, file, place, name, progress, is_over=is_over):
                if is_new:
                    progress.add("files")
                is_new = False
        if (
            is_over
            and ledger.is_writable
            and _remove(ledger, file, place, name, progress.now, is_stubborn=age_days > STUBBORN_DAYS)
        ):
            progress.add("removed")
    finally:
        os.close(file)


def _take_in_chunk(ledger: Ledger, file: int, place: str, name: str, progress: Progress, *, is_over: bool) -> bool:
    """Take in the next whole lines in one transaction; return whether there were any."""
    with ledger.transaction():
        found = os.fstat(file)
        offset = _offset(ledger, place, name, found)
        chunk = os.pread(file, CHUNK_BYTES, offset)
        end = chunk.rfind(b"\n") + 1
        if not end and len(chunk) == CHUNK_BYTES:
            chunk = os.pread(file, RECORD_LIMIT_BYTES, offset)
            # No end within the limit: whatever it is, it is no record. Its pieces are counted as torn.
            end = chunk.rfind(b"\n") + 1 or (len(chunk) if len(chunk) == RECORD_LIMIT_BYTES else 0)
        if not end and is_over:
            # Nobody writes to the file of a day long past: a last line without an end was torn.
            end = len(chunk)
        if not end:
            return False
        batch = Batch(progress.host, progress.now)
        start = 0
        while start < end:
            stop = chunk.find(b"\n", start, end)
            stop = end if stop < 0 else stop
            if stop > start:
                _take_in_line(ledger, batch, chunk[start:stop], f"{place}/spool/{name} byte {offset + start}", progress)
            start = stop + 1
        flush(ledger, batch)
        ledger.execute(
            "INSERT OR REPLACE INTO spool_files (place, name, device, inode, offset) VALUES (?, ?, ?, ?, ?)",
            (place, name, found.st_dev, _signed(found.st_ino), offset + end),
        )
    return True


def _take_in_line(ledger: Ledger, batch: Batch, line: bytes, where: str, progress: Progress) -> None:
    try:
        beat = read_beat(read_line(line))
        is_news = apply_beat(ledger, batch, beat)
    except TornLineError as error:
        _note(ledger, progress, "torn", f"torn record in {where}: {error}", line)
    except (OddRecordError, RecursionError) as error:
        _note(ledger, progress, "odd", f"odd record in {where}: {error}", line)
    else:
        progress.add("records" if is_news else "repeated")
        if is_news and beat.oddities:
            _note(ledger, progress, "odd", f"odd record in {where}: {'; '.join(beat.oddities)}", line)


def _note(ledger: Ledger, progress: Progress, kind: str, text: str, line: bytes) -> None:
    if progress.add(kind) <= NOTE_LIMIT:
        kept = line[:KEPT_CHARACTERS].decode("utf-8", "backslashreplace").replace("\0", "\\0")
        add_note(ledger, kind, storable(text), progress.now, kept)


def _offset(ledger: Ledger, place: str, name: str, found: os.stat_result) -> int:
    """Return how far this very file was taken in: one of the same name but another inode, or cut, starts anew."""
    row = ledger.first("SELECT device, inode, offset FROM spool_files WHERE place = ? AND name = ?", (place, name))
    if row is None or (row[0], row[1]) != (found.st_dev, _signed(found.st_ino)) or row[2] > found.st_size:
        return 0
    return int(row[2])


def _signed(number: int) -> int:
    """Return the number as SQLite's integers of 64 bits hold it (inodes of some filesystems use all the bits)."""
    return number - (1 << 64) if number >= 1 << 63 else number


def _day_of(name: str) -> int:
    try:
        return date.fromisoformat(name[:10]).toordinal() - EPOCH.toordinal()
    except ValueError:
        return 1 << 40  # a day that does not exist: never over


def _remove(ledger: Ledger, file: int, place: str, name: str, now: float, *, is_stubborn: bool) -> bool:
    """Remove a file that was taken in whole, unless a writer still has it open."""
    try:
        # The kernel grants the lease only while nobody has the file open for writing, and holds back whoever opens it
        # until we are done (that one then sees a file without a name, and writes again). SIGURG: ignored by default.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except BlockingIOError:
        return False
    except OSError:
        # No leases on this filesystem: wait until a writer that was stopped in the middle is out of the question.
        if not is_stubborn:
            return False
    found = os.fstat(file)
    if _offset(ledger, place, name, found) != found.st_size:
        return False
    try:
        os.unlink(os.path.join(place, "spool", name))
    except OSError as error:
        add_note_once(ledger, "spool", f"cannot remove {place}/spool/{name}: {error.strerror}", now)
        return False
    return True


def _forget_missing(ledger: Ledger, place: str, names: Sequence[str]) -> None:
    known = [row[0] for row in ledger.select("SELECT name FROM spool_files WHERE place = ?", (place,))]
    gone = [(place, name) for name in known if name not in names]
    if gone:
        ledger.execute_many("DELETE FROM spool_files WHERE place = ? AND name = ?", gone)
