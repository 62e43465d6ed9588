"""Which runs did a job have, and how does a run travel as a record?"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.evidence import Run
from agentkit.core.ledger import Ledger
from agentkit.core.ledger.jobs import find_job, iterate_jobs
from agentkit.core.ledger.runs import find_runs_of
from agentkit.core.lines import write_record
from agentkit.core.masking import mask_records
from agentkit.core.screen import Cell, Column, Styled, find_look, print_table
from agentkit.core.times import format_instant
from agentkit.heartbeat.viewing import open_evidence, read_settings, refuse_unknown_job
from agentkit.heartbeat.wording import say_duration, say_instant, say_size

PAGE_RUNS = 100
COLUMNS = (
    Column("started"),
    Column("state"),
    Column("status", is_right=True, rank=1),
    Column("took", is_right=True),
    Column("cpu", is_right=True, rank=5),
    Column("memory", is_right=True, rank=4),
    Column("lines", is_right=True, rank=2),
    Column("try", is_right=True, rank=3),
    Column("run"),
    Column("marks", folds=True, rank=6),
)
MEASURED = (
    "duration_s", "status", "signal", "cpu_s", "max_rss_bytes", "blocks_in", "blocks_out", "stdout_bytes",
    "stdout_lines", "stderr_bytes", "stderr_lines", "pid", "pid_start", "boot", "pid_namespace", "boottime_s",
    "timeout_s",
)  # fmt: skip
ALWAYS = frozenset({"duration_s", "status"})


def print_history(environ: Mapping[str, str], name: str, *, limit: int, now: float, as_json: bool) -> None:
    """Print the newest runs of a job, newest first: a line each, or `beat` records.

    Raises AgentkitError: usage for a limit below 1, unavailable for a job that nobody knows.
    """
    if limit < 1:
        raise AgentkitError(f"--limit: {limit} is no whole number above 0", status=Exit.USAGE)
    configuration = read_settings(environ)
    with open_evidence(environ, configuration, now) as ledger:
        if find_job(ledger, name) is None:
            known = [*(job.name for job in iterate_jobs(ledger)), *configuration.jobs]
            raise refuse_unknown_job(name, known)
        runs = iterate_runs(ledger, name, limit)
        if as_json:
            for record in mask_records(map(to_record, runs), environ):
                write_record(record)
            return
        look = find_look(sys.stdout, environ)
        rows = [_draw(run, is_local=look.width is not None) for run in runs]
    if rows:
        print_table(COLUMNS, rows, look=look)


def iterate_runs(ledger: Ledger, name: str, limit: int) -> Iterator[Run]:
    """Yield the newest runs of a job, newest first; read in pages, because each may hold 64 KiB of output."""
    before = None
    while limit > 0:
        page = find_runs_of(ledger, name, limit=min(limit, PAGE_RUNS), before=before)
        yield from page
        if not page:
            return
        before, limit = page[-1].id, limit - len(page)


def to_record(run: Run) -> dict[str, object]:
    """Return the record that travels (kind `beat`): what the run wrote down, whatever it was."""
    known = {name: getattr(run, name) for name in MEASURED}
    return {
        "v": 1,
        "kind": "beat",
        "at": format_instant(run.ended_at or run.started_at or 0.0),
        "host": run.host,
        "job": run.job,
        "run": run.run,
        "attempt": run.attempt,
        "state": run.state,
        "started_at": None if run.started_at is None else format_instant(run.started_at),
        "ended_at": None if run.ended_at is None else format_instant(run.ended_at),
        **{name: value for name, value in known.items() if value is not None or name in ALWAYS},
        **run.detail(),
    }


def say_marks(run: Run) -> str:
    """Return what the job said of itself: its counters and its note."""
    detail = run.detail()
    counters, note = detail.get("counters"), detail.get("note")
    words = [f"{key}={value}" for key, value in counters.items()] if isinstance(counters, dict) else []
    return " ".join([*words, str(note)] if note else words)


def say_end(run: Run) -> str:
    """Return how the program ended: its status, or the signal that ended it."""
    return f"signal {run.signal}" if run.signal else "-" if run.status is None else str(run.status)


def _draw(run: Run, *, is_local: bool) -> list[Cell]:
    lines = None if run.stdout_lines is None else run.stdout_lines + (run.stderr_lines or 0)
    return [
        say_instant(run.started_at if run.started_at is not None else run.ended_at, is_local=is_local),
        Styled("running" if run.state == "started" else run.state, run.state),
        say_end(run),
        say_duration(run.duration_s),
        say_duration(run.cpu_s),
        "-" if run.max_rss_bytes is None else say_size(run.max_rss_bytes),
        "-" if lines is None else str(lines),
        str(run.attempt),
        run.run,
        say_marks(run),
    ]
