"""Which runs does the ledger hold: open ones, unjudged ones, those of a job?"""

# ruff: noqa: S608  # what is put into a statement here are lists of columns from this module
from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.evidence import Run
from agentkit.core.ledger.applying import Batch, apply_beat, flush
from agentkit.core.ledger.beats import Beat
from agentkit.core.ledger.store import Ledger

PAGE_ROWS = 500
AMBIGUOUS_SHOWN = 8
# CROSS JOIN keeps SQLite from starting at the small tables: the order of the runs' index is wanted.
SELECT = """
SELECT runs.id, coalesce(hosts.word, ''), jobs.name, run, attempt, state, started_at, ended_at, duration_s, status,
    signal, cpu_s, max_rss_bytes, blocks_in, blocks_out, stdout_bytes, stdout_lines, stderr_bytes, stderr_lines, pid,
    pid_start, boots.word, pid_namespace, boottime_s, ended_boottime_s, timeout_s, detail, judged
FROM runs CROSS JOIN jobs ON jobs.id = job_id LEFT JOIN words AS hosts ON hosts.id = host_id
    LEFT JOIN words AS boots ON boots.id = boot_id
"""
OPEN = f"{SELECT} WHERE state = 'started' ORDER BY runs.id"
UNJUDGED = f"{SELECT} WHERE judged = 0 AND (ended_at, runs.id) > (?, ?) ORDER BY ended_at, runs.id LIMIT ?"
OF_JOB = f"{SELECT} WHERE job_id = (SELECT id FROM jobs WHERE name = ?) AND runs.id < ? ORDER BY runs.id DESC LIMIT ?"
BY_PREFIX = f"{SELECT} WHERE run >= ? AND run < ? ORDER BY run, attempt LIMIT ?"


def find_open_runs(ledger: Ledger) -> list[Run]:
    """Return the runs that started and were not closed, oldest first."""
    return [_run(row) for row in ledger.select(OPEN)]


def close_as_lost(ledger: Ledger, run: Run, at: float, why: str) -> bool:
    """Close an open run whose process is gone; return whether it was still open.

    Take in the spool again before: a run that ended in the meantime left its own record there (which wins even later).
    """
    beat = Beat(run.job, run.run, run.attempt, "lost", None, at, None, None, None, {}, {"why": why})
    with ledger.transaction():
        batch = Batch(run.host, at)
        is_closed = apply_beat(ledger, batch, beat)
        flush(ledger, batch)
    return is_closed


def iterate_unjudged(ledger: Ledger, *, limit: int | None = None) -> Iterator[Run]:
    """Yield the closed runs that no check has judged, in the order in which they ended.

    Read in pages, so that the caller may mark runs as judged while he goes.
    """
    after, left = (float("-inf"), 0), limit
    while left is None or left > 0:
        page = [_run(row) for row in ledger.select(UNJUDGED, (*after, min(PAGE_ROWS, left or PAGE_ROWS)))]
        if not page:
            return
        yield from page
        after = (page[-1].ended_at or 0.0, page[-1].id)
        left = None if left is None else left - len(page)


def mark_judged(ledger: Ledger, run_ids: Iterable[int]) -> None:
    """Say that a check has judged these runs."""
    ledger.execute_many("UPDATE runs SET judged = 1 WHERE id = ?", [(run_id,) for run_id in run_ids])


def find_runs_of(ledger: Ledger, job: str, *, limit: int, before: int | None = None) -> list[Run]:
    """Return the newest runs of a job, newest first; `before` is the id from which to go on."""
    return [_run(row) for row in ledger.select(OF_JOB, (job, (1 << 62) if before is None else before, limit))]


def find_run(ledger: Ledger, text: str) -> list[Run]:
    """Return the attempts of the one run whose id begins with the text, first attempt first.

    Raises AgentkitError: unavailable when no run does, usage (with the candidates) when several do.
    """
    found: list[Run] = []
    for prefix in dict.fromkeys((text, text.upper())):
        if prefix:
            # An id is printable ASCII: DEL comes after all of them.
            found += [_run(row) for row in ledger.select(BY_PREFIX, (prefix, prefix + "\x7f", 1000))]
    whole = [run for run in found if run.run == text] or found
    names = list(dict.fromkeys(run.run for run in whole))
    if not names:
        raise AgentkitError(f"no run {text!r}", hint="agentkit heartbeat history JOB lists the runs of a job")
    if len(names) > 1:
        shown = [f"{run.run} ({run.job})" for run in {run.run: run for run in whole}.values()][:AMBIGUOUS_SHOWN]
        more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
        raise AgentkitError(f"{text!r} begins several runs: {', '.join(shown)}{more}", status=Exit.USAGE)
    return whole


def count_runs(ledger: Ledger) -> int:
    """Return how many runs the ledger holds, about: the id of the newest one less that of the oldest."""
    row = ledger.first("SELECT coalesce((SELECT max(id) FROM runs) - (SELECT min(id) FROM runs) + 1, 0)")
    return int(row[0]) if row else 0


def _run(row: sqlite3.Row) -> Run:
    return Run(*(*row[:27], row[27] == 1))
