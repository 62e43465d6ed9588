"""Many writers, many readers, readers killed at any moment: every record is in the ledger once."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.ledger import jobs, open_ledger, runs, take_in_spool

ROOT = Path(__file__).parents[3]
NOW = 1_790_000_000.0
LIMIT_S = 120.0
WRITE = """
import json, sys
from agentkit.core.spool import append_record
place, job, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
for number in range(count):
    same = {"v": 1, "kind": "beat", "job": job, "run": f"{job}-{number}", "started_at": "2026-09-21T13:33:20Z"}
    ended = {"ended_at": "2026-09-21T13:33:22Z", "duration_s": 2.0, "tail": "x" * 500}
    for more in ({"state": "started"}, {"state": "ok", **ended}):
        append_record([place], json.dumps(same | more).encode(), 1790000000.0)
"""
# Small chunks: many transactions, so that a kill or a rival comes between them.
READ = """
import sys
from agentkit.core.ledger import intake, open_ledger, take_in_spool
intake.CHUNK_BYTES = 3000
while True:
    with open_ledger(sys.argv[1]) as ledger:
        take_in_spool(ledger, [sys.argv[1]], "web-1", 1790000000.0)
"""


def start(script: str, *words: str) -> "subprocess.Popen[bytes]":
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", script, *words], env=environ, stderr=subprocess.PIPE)


def finish(process: "subprocess.Popen[bytes]") -> None:
    _, errors = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, errors) == (0, b"")


def kill(process: "subprocess.Popen[bytes]") -> bytes:
    process.send_signal(signal.SIGKILL)
    return process.communicate(timeout=LIMIT_S)[1]


def assert_each_is_there_once(state: str, writers: int, count: int) -> None:
    with open_ledger(state) as ledger:
        taken = take_in_spool(ledger, [state], "web-1", NOW)
        assert (taken.torn, taken.odd) == (0, 0)
        found = [(run.run, run.state) for run in runs.iterate_unjudged(ledger)]
        assert sorted(found) == sorted((f"w{who}-{which}", "ok") for who in range(writers) for which in range(count))
        assert runs.find_open_runs(ledger) == []
        for job in jobs.iterate_jobs(ledger):
            (day,) = jobs.find_day_sums(ledger, job.name, 0)
            assert (job.runs, job.streak, day.runs, day.ok, day.duration_sum_s) == (count,) * 4 + (2.0 * count,)


def test_many_writers_beside_readers_lose_and_double_nothing(state):
    readers = [start(READ, state) for _ in range(2)]
    writers = [start(WRITE, state, f"w{number}", "20") for number in range(12)]
    for writer in writers:
        finish(writer)
    for reader in readers:
        assert kill(reader) == b""
    assert_each_is_there_once(state, 12, 20)


def test_a_reader_that_is_killed_at_any_moment_loses_and_doubles_nothing(state, random_choices: random.Random):
    writers = [start(WRITE, state, f"w{number}", "150") for number in range(3)]
    for _ in range(12):
        reader = start(READ, state)
        time.sleep(random_choices.uniform(0.05, 0.4))
        assert kill(reader) == b""
    for writer in writers:
        finish(writer)
    assert_each_is_there_once(state, 3, 150)


def test_a_lock_of_somebody_else_delays_a_reader_and_no_writer(state):
    open_ledger(state).close()
    with_lock = sqlite3.connect(f"{state}/ledger.db", isolation_level=None)
    with_lock.execute("PRAGMA locking_mode = EXCLUSIVE")
    with_lock.execute("BEGIN EXCLUSIVE")
    reader = start(READ, state)
    finish(start(WRITE, state, "w0", "20"))
    assert reader.poll() is None
    with pytest.raises(AgentkitError) as caught, open_ledger(state, busy_s=0.1) as ledger:
        take_in_spool(ledger, [state], "web-1", NOW)
    assert caught.value.status == Exit.TRY_LATER
    assert "ledger is locked" in caught.value.message
    with_lock.execute("ROLLBACK")
    with_lock.close()
    assert kill(reader) == b""
    assert_each_is_there_once(state, 1, 20)
