"""What does a person see of the jobs: one line each, drawn once or again and again?"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import IO

from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.lines import write_record
from agentkit.core.screen import Cell, Column, Look, Styled, find_look, print_block, print_line, print_table, watch
from agentkit.core.visible import sparkline
from agentkit.heartbeat.breaks import Clocks
from agentkit.heartbeat.sighting import to_record as to_finding_record
from agentkit.heartbeat.status import JobStatus, find_statuses, to_record
from agentkit.heartbeat.viewing import open_evidence, read_settings
from agentkit.heartbeat.wording import say_distance, say_duration, say_instant, say_share, say_streak, word_finding

COLUMNS = (
    Column("job", folds=True),
    Column("state"),
    Column("last run", is_right=True),
    Column("next due", is_right=True, rank=1),
    Column("streak", is_right=True, rank=4),
    Column("30 days", is_right=True, rank=5),
    Column("took", is_right=True, rank=3),
    Column("last runs", rank=2),
    Column("findings", is_right=True),
)
LOOKS = {"missing": "critical", "odd": "warning", "running": "started", "waiting": "learning", "retired": "dim"}
# On a screen of less than this many columns the trend shows fewer runs.
WIDE, FEWER_RUNS = 110, 12
LINES_AROUND = 2


def print_statuses(environ: Mapping[str, str], names: Sequence[str], *, clocks: Clocks, as_json: bool) -> None:
    """Print how jobs stand, once; of named jobs also what is known beside the line."""
    configuration, now = read_settings(environ), clocks.now
    with open_evidence(environ, configuration, now) as ledger:
        statuses = find_statuses(ledger, configuration, names, clocks)
        if as_json:
            for status in statuses:
                write_record(to_record(status, configuration.host, now))
        elif not statuses:
            tell("agentkit: no job has left evidence yet; agentkit heartbeat run NAME --every 1h -- PROGRAM…\n")
        else:
            look = find_look(sys.stdout, environ)
            draw_statuses(statuses, now, sys.stdout, look)
            for status in statuses if names else ():
                _print_more(status, now, look)


def watch_statuses(
    environ: Mapping[str, str], names: Sequence[str], *, every_s: float, read: Callable[[], Clocks], as_json: bool
) -> None:
    """Draw how jobs stand again and again until Ctrl-C; raises AgentkitError (usage) where there is no screen."""
    if as_json or not find_look(sys.stdout, environ).is_live:
        raise AgentkitError(
            "--watch draws on a terminal, and this is none",
            hint="agentkit heartbeat status --json gives records to a pipe",
            status=Exit.USAGE,
        )
    configuration = read_settings(environ)

    def draw(stream: IO[str], look: Look) -> None:
        clocks = read()
        now = clocks.now
        with open_evidence(environ, configuration, now) as ledger:
            statuses = find_statuses(ledger, configuration, names, clocks)
        room = max(1, os.get_terminal_size(sys.stdout.fileno()).lines - LINES_AROUND)
        if not statuses:
            print_line("no job has left evidence yet", stream=stream, look=look)
        elif len(statuses) <= room:
            draw_statuses(statuses, now, stream, look)
        else:
            draw_statuses(statuses[: room - 1], now, stream, look)
            rest = statuses[room - 1 :]
            print_line(
                Styled(f"and {len(rest)} more, {_count_well(rest)} of them well", "dim"), stream=stream, look=look
            )

    watch(draw, timedelta(seconds=every_s))


def draw_statuses(statuses: Sequence[JobStatus], now: float, stream: IO[str], look: Look) -> None:
    """Print a table of jobs as the stream can show it."""
    runs = FEWER_RUNS if look.width is not None and look.width < WIDE else None
    print_table(COLUMNS, [_draw(status, now, look, runs) for status in statuses], stream=stream, look=look)


def _draw(status: JobStatus, now: float, look: Look, runs: int | None) -> list[Cell]:
    job = status.job
    durations = status.durations_s if runs is None else status.durations_s[-runs:]
    is_late = status.state in ("late", "missing")
    next_due = say_distance(status.next_at, now)
    return [
        job.name,
        Styled(status.state, LOOKS.get(status.state, status.state)),
        say_distance(job.last_seen_at if job.last_started_at is None else job.last_started_at, now),
        Styled(next_due, "late") if is_late else next_due,
        Styled(say_streak(job.streak), "failed") if job.streak < 0 else say_streak(job.streak),
        say_share(status.success_share),
        say_duration(durations[-1] if durations else None),
        sparkline(durations, has_bars=look.has_bars),
        Styled(str(status.alarms), "firing") if status.alarms else "-",
    ]


def _count_well(statuses: Sequence[JobStatus]) -> int:
    return sum(status.is_well for status in statuses)


def _print_more(status: JobStatus, now: float, look: Look) -> None:
    job, is_local = status.job, look.width is not None
    print_line()
    print_line(Styled(job.name, "heading"), look=look)
    expectation = status.expectation
    if expectation:
        print_line(f"  expected {expectation.describe()} (said by the {expectation.said_by})", look=look)
    else:
        print_line("  nobody says when it is to run, so its absence is no finding", look=look)
    if status.late_from_at is not None:
        print_line(f"  late from {say_instant(status.late_from_at, is_local=is_local)}", look=look)
    if job.last_success_at is not None:
        when = say_instant(job.last_success_at, is_local=is_local)
        print_line(f"  last good run {when} ({say_distance(job.last_success_at, now)})", look=look)
    if job.accepted_at is not None:
        print_line(f"  accepted {say_instant(job.accepted_at, is_local=is_local)}: {job.accept_reason}", look=look)
    for finding in status.findings:
        record = to_finding_record(finding, now)
        print_block("".join(f"  {line}\n" for line in word_finding(record, with_tail=is_local).splitlines()))
