"""How does a malformed ledger become a sound one, with nothing lost that can be read?

The old file is read where it is and never written; the new one grows beside it. Then the old one is set aside with its
log, and the new one takes its name. Whoever is killed in between leaves a ledger that the next one repairs.
"""

# ruff: noqa: S608  # what is put into a statement here are names of columns from the schema
from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from urllib.parse import quote

from agentkit.core.durable import sync
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.ledger.applying import DAY_S, DAY_STATES
from agentkit.core.ledger.door import LIMIT_S, enter_door
from agentkit.core.ledger.faults import FAULTS, CorruptLedgerError, explain, explained
from agentkit.core.ledger.opening import (
    NAME,
    OlderLedgerError,
    examine,
    file_bytes,
    make_fresh_file,
    put_in_place,
    stamp,
)
from agentkit.core.ledger.salvage import Salvage, take_over
from agentkit.core.ledger.schema import PAGE_BYTES, TABLES, VERSION, create_schema
from agentkit.core.ledger.soundness import find_misfit, mend
from agentkit.core.ledger.store import connect

INTERIOR_TABLE_PAGE = 5


def repair(folder: str, reason: str, *, limit_s: float = LIMIT_S) -> str:
    """Replace the malformed ledger of a folder by what can be read of it; return the line that says so.

    The new ledger holds a note of kind `corrupt` with the same words. One that turns out to be whole is left alone.
    Raises AgentkitError: try later (somebody has it open), cannot write (no room for the new one; the old one stays).
    """
    path = os.path.join(folder, NAME)
    door = enter_door(folder, alone=True, limit_s=limit_s)
    new, scratch = path + ".new", path + ".scratch"
    try:
        if not os.path.lexists(path) or is_whole(path):
            return f"ledger {path} looked malformed ({reason}); it is whole now"
        aside = _free_name(f"{path}.corrupt-{stamp()}")
        make_fresh_file(new)
        with explained(new):
            text = _build(path, new, scratch, aside, reason)
        sync(new)
        _set_aside(path, aside)
        put_in_place(new, path)
        return text
    except OSError as error:
        raise AgentkitError(f"cannot repair {path}: {error}", status=Exit.CANNOT_WRITE) from error
    finally:
        for name in (new, scratch):
            for tail in ("", "-wal", "-shm"):
                with suppress(FileNotFoundError):
                    os.unlink(name + tail)
        if door is not None:
            os.close(door)


def is_whole(path: str) -> bool:
    """Tell whether the ledger is sound to the last page; raises AgentkitError when it is locked or too new."""
    try:
        examine(path)
        with explained(path), closing(connect(path)) as connection, closing(connect(":memory:")) as fresh:
            create_schema(fresh)
            for table in TABLES:
                statement = f"PRAGMA table_info({table})"
                if [row[1:3] for row in connection.execute(statement)] != [
                    row[1:3] for row in fresh.execute(statement)
                ]:
                    return False
            if connection.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
                return False
            for table in TABLES:
                # SQLite does not look into texts.
                for _ in connection.execute(f"SELECT * FROM {table}"):
                    continue
            return find_misfit(connection) is None
    except (CorruptLedgerError, OlderLedgerError):
        return False


def _build(path: str, new: str, scratch: str, aside: str, reason: str) -> str:
    """Fill the new ledger; return what became of the old one."""
    with closing(connect(new)) as target:
        # The file is synced as a whole before it gets its name.
        target.execute("PRAGMA synchronous = OFF")
        done = _take_over(path, new, scratch, target)
        _mend(target, done)
        _complete(target)
        text = f"ledger {path} was malformed ({reason}); {_tell(done)}; set aside as {aside}"
        now = time.time()
        values = (now, "corrupt", text, f'{{"path":"{aside}"}}')
        target.execute("INSERT INTO notes (at, kind, text, detail) VALUES (?, ?, ?, ?)", values)
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        target.execute("PRAGMA synchronous = FULL")
    return text


def _take_over(path: str, new: str, scratch: str, target: sqlite3.Connection) -> list[Salvage]:
    if not os.path.isfile(path):
        return []
    for name in (path, scratch):
        if name == scratch:
            _lend_schema(path, new, scratch)
        # Read-only: neither the file nor its log may change, they are evidence.
        with closing(
            sqlite3.connect(f"file:{quote(os.fsencode(name))}?mode=ro", uri=True, isolation_level=None)
        ) as source:
            try:
                # SQLite's word for "go on": without it a file that was cut is refused whole.
                source.execute("PRAGMA writable_schema = ON")
                tables = {row[0] for row in source.execute("SELECT name FROM sqlite_master")}
                version = source.execute("PRAGMA user_version").fetchone()[0]
            except FAULTS as error:
                if not isinstance(explain(error, path), CorruptLedgerError):
                    raise
                continue
            if tables.issuperset(TABLES) and version == VERSION:
                return take_over(source, target)
    return []


def _lend_schema(path: str, new: str, scratch: str) -> None:
    """Copy a file that cannot even be opened, with the pages that hold the list of tables from a fresh ledger.

    Those pages are the same in every ledger of one version: the tables were made in the same order in an empty file.
    """
    for tail in ("", "-wal"):
        with suppress(FileNotFoundError):
            shutil.copyfile(path + tail, scratch + tail)
            os.chmod(scratch + tail, 0o600)
    with open(new, "rb") as fresh, open(scratch, "r+b") as file:
        first = bytearray(fresh.read(PAGE_BYTES))
        pages = [1]
        if first[100] == INTERIOR_TABLE_PAGE:
            # https://www.sqlite.org/fileformat2.html#b_tree_pages: a 12 byte header, then the places of the cells.
            cells = [112 + 2 * number for number in range(int.from_bytes(first[103:105], "big"))]
            places = [108, *(int.from_bytes(first[cell : cell + 2], "big") for cell in cells)]
            pages += [int.from_bytes(first[place : place + 4], "big") for place in places]
        for page in pages[1:]:
            fresh.seek((page - 1) * PAGE_BYTES)
            file.seek((page - 1) * PAGE_BYTES)
            file.write(fresh.read(PAGE_BYTES))
        # As many pages as there are (a table whose first page is beyond the end would stop all), and no free ones.
        size_pages = -(-max(os.path.getsize(scratch), os.path.getsize(new)) // PAGE_BYTES)
        first[28:32], first[32:40] = size_pages.to_bytes(4, "big"), bytes(8)
        file.truncate(size_pages * PAGE_BYTES)
        file.seek(0)
        file.write(first)


def _mend(target: sqlite3.Connection, done: Sequence[Salvage]) -> None:
    """Leave nothing in the new ledger that could not have come from this program."""
    target.execute("BEGIN")
    for salvage in done:
        gone = mend(target, salvage.table)
        salvage.taken -= gone
        salvage.lost += gone
    target.execute("COMMIT")


def _complete(target: sqlite3.Connection) -> None:
    """Make up for rows that others can tell of: jobs without a name or row, and sums of days."""
    target.execute("BEGIN")
    target.execute(
        "INSERT OR IGNORE INTO jobs (id, name, first_seen_at) "
        "SELECT job_id, 'recovered-' || job_id, 0 FROM runs WHERE job_id NOT IN (SELECT id FROM jobs) GROUP BY job_id"
    )
    # first_seen_at 0: the job's own row was lost.
    newest = "(SELECT max(id) FROM runs WHERE job_id = jobs.id)"
    target.execute(
        f"UPDATE jobs SET last_run = {newest}, last_state = (SELECT state FROM runs WHERE id = {newest}), "
        "first_seen_at = (SELECT coalesce(min(started_at), 0) FROM runs WHERE job_id = jobs.id), "
        "last_started_at = (SELECT max(started_at) FROM runs WHERE job_id = jobs.id AND state <> 'skipped'), "
        "last_ended_at = (SELECT max(ended_at) FROM runs WHERE job_id = jobs.id AND state <> 'skipped'), "
        "last_seen_at = (SELECT max(coalesce(ended_at, started_at)) FROM runs WHERE job_id = jobs.id), "
        "last_success_at = (SELECT max(ended_at) FROM runs WHERE job_id = jobs.id AND state = 'ok'), "
        "runs = (SELECT count(*) FROM runs WHERE job_id = jobs.id AND state <> 'started') WHERE first_seen_at = 0"
    )
    # What is still in the spool will be taken in again, and counted where its run was lost: its days must be those of
    # the runs that are here. Earlier days keep their sums (their runs may be pruned); only missing ones are made up.
    recent = int(time.time() // DAY_S) - 4
    target.execute("DELETE FROM days WHERE day >= ?", (recent,))
    target.execute(
        f"INSERT OR IGNORE INTO days (job_id, day, runs, {', '.join(DAY_STATES)}, duration_sum_s, duration_max_s) "
        f"SELECT job_id, CAST(ended_at / {DAY_S} AS INTEGER) AS day, count(*), "
        + "".join(f"sum(state = '{state}'), " for state in DAY_STATES)
        + "coalesce(sum(duration_s), 0), coalesce(max(duration_s), 0) FROM runs WHERE judged IS NOT NULL "
        "AND ended_at IS NOT NULL GROUP BY job_id, day"
    )
    target.execute("COMMIT")


def _tell(done: Sequence[Salvage]) -> str:
    taken, lost = sum(one.taken for one in done), sum(one.lost for one in done)
    if not done:
        return "nothing could be read of it"
    lossy = ", ".join(f"{one.table} {one.lost}" for one in done if one.lost)
    told = f"{taken} rows were taken over, {lost} lost" + (f" ({lossy})" if lossy else "")
    return told if all(one.is_end_known for one in done) else f"{told}, at most, as far as one can tell"


def _set_aside(path: str, aside: str) -> None:
    if file_bytes(path + "-wal"):
        os.rename(path + "-wal", aside + "-wal")
    try:
        # A second name first: were the old file's only one taken away, whoever is killed now would leave no ledger at
        # all, and the next program would begin an empty one without a word.
        os.link(path, aside)
    except OSError:
        os.rename(path, aside)
    for tail in ("-wal", "-shm"):
        # An empty log, and the index that SQLite makes from a log.
        with suppress(FileNotFoundError):
            os.unlink(path + tail)


def _free_name(name: str) -> str:
    number, free = 1, name
    while os.path.lexists(free):
        number += 1
        free = f"{name}-{number}"
    return free
