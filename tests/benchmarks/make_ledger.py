"""How does a ledger with ten million runs come to be, in a few minutes?

    python tests/benchmarks/make_ledger.py FOLDER --jobs 10000 --runs 1000

Makes FOLDER/ledger.db as `check` would have left it: every job with so many runs in the order of time, judged but for
`--unjudged` of the newest, its daily sums, what was learnt about it, and a next_due_at in the future but for `--due`
jobs.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import sys
import time
from collections.abc import Iterator

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))

from agentkit.core.ledger.opening import NAME, make_folder, make_fresh_file, put_in_place, sync
from agentkit.core.ledger.schema import INDEXES

EVERY_S = 3600.0
CYCLE = 4099  # a prime: jobs and values do not march in step
COLUMNS = (
    "host_id, job_id, run, attempt, state, started_at, ended_at, duration_s, status, cpu_s, max_rss_bytes, blocks_in, "
    "blocks_out, stdout_bytes, stdout_lines, stderr_bytes, stderr_lines, pid, pid_start, boot_id, pid_namespace, "
    "boottime_s, ended_boottime_s, timeout_s, detail, judged"
)


def make_ledger(
    folder: str, jobs: int, runs: int, *, now: float, unjudged: int = 0, due: int = 0, learned_bytes: int = 3000,
    is_lean: bool = False, seed: int = 7,
) -> str:  # fmt: skip
    """Fill a new ledger; return its path."""
    make_folder(folder)
    path = os.path.join(folder, NAME)
    make_fresh_file(path + ".new")
    connection = sqlite3.connect(path + ".new", isolation_level=None)
    # Made anew when anything goes wrong: no log, no waiting for the disk.
    for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -200000", "locking_mode = EXCLUSIVE"):
        connection.execute(f"PRAGMA {setting}").fetchall()
    later = [statement for statement in INDEXES if " ON runs " in statement]
    for statement in later:
        connection.execute(f"DROP INDEX {statement.split()[2]}")
    choices = random.Random(seed)
    connection.execute("BEGIN")
    connection.execute("INSERT INTO words VALUES (1, 'web-1'), (2, '6a1f0c9e-58d4-4d0e-9b8a-0d8a4f0f7e11')")
    connection.executemany(
        f"INSERT INTO runs ({COLUMNS}) VALUES ({', '.join('?' * 26)})",
        _runs(choices, jobs, runs, now, unjudged, is_lean=is_lean),
    )
    connection.executemany(
        "INSERT INTO jobs (id, name, first_seen_at, expect, next_due_at, last_run, last_state, last_seen_at, "
        "last_started_at, last_ended_at, last_success_at, streak, runs) "
        "VALUES (?, ?, ?, ?, ?, ?, 'ok', ?, ?, ?, ?, ?, ?)",
        (
            (
                job, f"job-{job:05d}", now - runs * EVERY_S, '{"every_s":3600.0,"grace_s":null,"success_status":[0]}',
                now - 60 if job <= due else now + 60 + job % 3600, (runs - 1) * jobs + job, now - 300, now - 310,
                now - 300, now - 300, runs, runs,
            )
            for job in range(1, jobs + 1)
        ),
    )  # fmt: skip
    if learned_bytes:
        blob = choices.randbytes(learned_bytes)
        connection.executemany("INSERT INTO learned VALUES (?, ?)", ((job, blob) for job in range(1, jobs + 1)))
    days = max(1, int(runs * EVERY_S // 86400))
    connection.executemany(
        "INSERT INTO days (job_id, day, runs, ok, duration_sum_s, duration_max_s) VALUES (?, ?, 24, 24, 1500.0, 80.0)",
        ((job, int(now // 86400) - day) for job in range(1, jobs + 1) for day in range(days)),
    )
    connection.execute("COMMIT")
    for statement in later:
        connection.execute(statement)
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.close()
    sync(path + ".new")
    put_in_place(path + ".new", path)
    return path


def _runs(
    choices: random.Random, jobs: int, runs: int, now: float, unjudged: int, *, is_lean: bool
) -> Iterator[tuple[object, ...]]:
    durations = [choices.lognormvariate(4.0, 0.2) for _ in range(CYCLE)]
    digests = [choices.randbytes(32).hex() for _ in range(CYCLE)]
    number = 0
    for turn in range(runs):
        start = now - (runs - turn) * EVERY_S
        is_last = turn == runs - 1
        for job in range(1, jobs + 1):
            number += 1
            slot = number % CYCLE
            duration = durations[slot]
            started = start + job * EVERY_S / jobs
            digest = digests[slot]
            detail = (
                None
                if is_lean
                else f'{{"uid":0,"program":"/usr/local/bin/job","argv_digest":"{digests[job % CYCLE]}","cwd":"/root",'
                f'"output_sha256":"{digest}","tail":"done {slot} items\\n"}}'
            )
            # Twenty-six digits are a ULID as well, and rise with time.
            yield (
                1, job, f"01{number:024d}", 1, "ok", started, started + duration, duration, 0, duration / 7,
                30_000_000 + slot * 4096, slot * 8, slot * 16, 1000 + slot, 20 + slot % 5, 0, 0, 1000 + slot,
                100_000 + number, 2, 4026531836, 1e6 + number * 0.36, 1e6 + number * 0.36 + duration, 86400.0,
                detail, 0 if is_last and job <= unjudged else 1,
            )  # fmt: skip


def main() -> None:
    """Read the command line, make the ledger, say what it cost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=1000, help="runs of each job")
    parser.add_argument("--unjudged", type=int, default=0, help="jobs whose newest run no check has judged")
    parser.add_argument("--due", type=int, default=0, help="jobs that are overdue")
    parser.add_argument("--learned-bytes", type=int, default=3000)
    parser.add_argument("--lean", action="store_true", help="runs without detail: a third of the size")
    words = parser.parse_args()
    begun = time.monotonic()
    path = make_ledger(
        words.folder, words.jobs, words.runs, now=time.time(), unjudged=words.unjudged, due=words.due,
        learned_bytes=words.learned_bytes, is_lean=words.lean,
    )  # fmt: skip
    took = time.monotonic() - begun
    sys.stdout.write(f"{path}: {words.jobs * words.runs} runs, {os.path.getsize(path)} bytes, {took:.0f} s\n")


if __name__ == "__main__":
    main()
