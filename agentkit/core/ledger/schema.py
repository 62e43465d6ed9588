"""What tables does the ledger have?

Only SQL that SQLite 3.31 understands (no STRICT, no RETURNING): each interpreter brings its own SQLite, and some are
old. Every table has a rowid, because a malformed ledger is saved by walking rowids around the bad pages.
"""

import sqlite3

VERSION = 1
# "aKit" at offset 68 of the header (https://www.sqlite.org/fileformat2.html): a foreign database is no ledger.
APPLICATION_ID = 0x614B6974
PAGE_BYTES = 4096

TABLES: dict[str, str] = {
    # Long texts that repeat in every run (host, boot id) stand here once: ten million runs must stay small.
    "words": "id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE",
    "jobs": """
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, first_seen_at REAL NOT NULL, expect TEXT, next_due_at REAL,
        last_run INTEGER, last_state TEXT, last_seen_at REAL, last_started_at REAL, last_ended_at REAL,
        last_success_at REAL, streak INTEGER NOT NULL DEFAULT 0, skipped_in_a_row INTEGER NOT NULL DEFAULT 0,
        runs INTEGER NOT NULL DEFAULT 0, accepted_at REAL, accept_reason TEXT, extra TEXT""",
    # Beside `jobs`, not in it: a blob of kilobytes in each row would make every list of jobs read a page a job.
    "learned": "job_id INTEGER PRIMARY KEY, data BLOB NOT NULL",
    # judged: NULL while the run is open, 0 until a check has judged it, then 1.
    "runs": """
        id INTEGER PRIMARY KEY, host_id INTEGER NOT NULL, job_id INTEGER NOT NULL, run TEXT NOT NULL,
        attempt INTEGER NOT NULL, state TEXT NOT NULL, started_at REAL, ended_at REAL, duration_s REAL, status INTEGER,
        signal INTEGER, cpu_s REAL, max_rss_bytes INTEGER, blocks_in INTEGER, blocks_out INTEGER, stdout_bytes INTEGER,
        stdout_lines INTEGER, stderr_bytes INTEGER, stderr_lines INTEGER, pid INTEGER, pid_start INTEGER,
        boot_id INTEGER, pid_namespace INTEGER, boottime_s REAL, ended_boottime_s REAL, timeout_s REAL, detail TEXT,
        judged INTEGER, UNIQUE (run, attempt)""",
    # day: days since the epoch, UTC.
    "days": """
        id INTEGER PRIMARY KEY, job_id INTEGER NOT NULL, day INTEGER NOT NULL, runs INTEGER NOT NULL DEFAULT 0,
        ok INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, timeout INTEGER NOT NULL DEFAULT 0,
        lost INTEGER NOT NULL DEFAULT 0, idle INTEGER NOT NULL DEFAULT 0, skipped INTEGER NOT NULL DEFAULT 0,
        duration_sum_s REAL NOT NULL DEFAULT 0, duration_max_s REAL NOT NULL DEFAULT 0, UNIQUE (job_id, day)""",
    "findings": """
        fingerprint TEXT PRIMARY KEY, host TEXT NOT NULL, source TEXT NOT NULL, type TEXT NOT NULL,
        subject TEXT NOT NULL, key TEXT NOT NULL, severity TEXT NOT NULL, title TEXT NOT NULL, evidence TEXT,
        state TEXT NOT NULL, first_seen_at REAL NOT NULL, last_seen_at REAL NOT NULL, resolved_at REAL,
        count INTEGER NOT NULL""",
    "spool_files": """
        place TEXT NOT NULL, name TEXT NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL,
        offset INTEGER NOT NULL, PRIMARY KEY (place, name)""",
    "crontab_lines": """
        identity TEXT PRIMARY KEY, file TEXT NOT NULL, user TEXT, schedule TEXT NOT NULL, command TEXT NOT NULL,
        job TEXT, first_seen_at REAL NOT NULL, last_seen_at REAL NOT NULL, gone_at REAL""",
    "notes": """
        id INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, detail TEXT,
        seen INTEGER NOT NULL DEFAULT 0""",
    "accepts": "id INTEGER PRIMARY KEY, at REAL NOT NULL, job TEXT NOT NULL, reason TEXT NOT NULL, by TEXT NOT NULL",
    "outbox": """
        id INTEGER PRIMARY KEY, channel TEXT NOT NULL, fingerprint TEXT, payload TEXT NOT NULL,
        created_at REAL NOT NULL, tried INTEGER NOT NULL DEFAULT 0, tried_at REAL, last_error TEXT""",
    "meta": "key TEXT PRIMARY KEY, value TEXT NOT NULL",
}

INDEXES: tuple[str, ...] = (
    "CREATE INDEX runs_of_job ON runs (job_id)",
    "CREATE INDEX runs_open ON runs (id) WHERE state = 'started'",
    "CREATE INDEX runs_unjudged ON runs (ended_at, id) WHERE judged = 0",
    "CREATE INDEX jobs_due ON jobs (next_due_at) WHERE next_due_at IS NOT NULL",
    "CREATE INDEX findings_by_state ON findings (state, resolved_at)",
    "CREATE INDEX notes_unseen ON notes (id) WHERE seen = 0",
    "CREATE INDEX accepts_of_job ON accepts (job)",
)


def create_schema(connection: sqlite3.Connection) -> None:
    """Give an empty database the tables of the present version, in one transaction."""
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    # Without it the file could only shrink by VACUUM, which needs the whole size again and holds writers off meanwhile.
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("BEGIN IMMEDIATE")
    for name, columns in TABLES.items():
        connection.execute(f"CREATE TABLE {name} ({columns})")
    for statement in INDEXES:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
