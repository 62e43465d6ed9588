"""What does a person, or a program, see of the coverage of a machine?"""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from agentkit.core.asides import say_count, warn
from agentkit.core.cronline import FIXES
from agentkit.core.errors import Exit
from agentkit.core.lines import WARNING, Finding, write_record
from agentkit.core.screen import GAP, Cell, Column, Styled, find_look, print_line, print_table
from agentkit.core.times import format_instant
from agentkit.heartbeat.coverage import Coverage, find_coverage_of
from agentkit.heartbeat.coveredline import Line, find_here
from agentkit.heartbeat.linejudging import COVERED, DEAD, NO_LIMIT, NO_MAIL, NO_WRAPPER, SILENT, UNKNOWN
from agentkit.heartbeat.viewing import read_settings
from agentkit.heartbeat.wording import say_distance
from agentkit.heartbeat.wrapping import unwrap_command

STATES = (DEAD, UNKNOWN, SILENT, COVERED)
LOOKS = {DEAD: "critical", UNKNOWN: "warning", SILENT: "warning", COVERED: "ok"}
COLUMNS = (
    Column("state"),
    Column("where", folds=True),
    Column("user", rank=3),
    Column("schedule", rank=2),
    Column("next", is_right=True, rank=4),
    Column("why", folds=True),
    Column("command", rank=1),
)
# In a pipe a command is cut to this, on a terminal to what is left of a line, if that is worth it.
SHOWN_COMMAND, LEAST_COMMAND = 60, 20
LONGEST_FIX = 120
COMMON = frozenset({NO_WRAPPER.code, NO_LIMIT.code})
# The line that kills its file tells of all that it takes along.
KILLED = "killed-by-line"
NO_VOICE = "nobody would be told: there is no mail program for cron, and no check with --notify or --ping"
ADOPT = "agentkit heartbeat adopt"


def print_coverage(
    environ: Mapping[str, str], *, root: str, user: str | None, as_json: bool, is_quiet: bool, now: float
) -> int:
    """Print how the scheduled lines of a machine stand, and return the status: 1 when one is not covered."""
    configuration = read_settings(environ)
    coverage = find_coverage_of(configuration, environ, root=root, user=user, now=now, has_fixes=as_json)
    for note in coverage.notes:
        warn(note)
    findings = find_machine_findings(coverage, configuration.host, now)
    if as_json:
        for line in coverage.lines:
            write_record(to_record(line, configuration.host, now))
        for finding in findings:
            write_record(finding.to_record())
    elif not is_quiet:
        _print_page(coverage, findings, environ, now)
    is_well = all(line.state == COVERED for line in coverage.lines) and not findings
    return Exit.OK if is_well else Exit.FINDINGS


def to_record(line: Line, host: str, now: float) -> dict[str, object]:
    """Return the record that travels (kind `coverage`)."""
    return {
        "v": 1,
        "kind": "coverage",
        "at": format_instant(now),
        "host": host,
        "file": line.file,
        "line": line.number,
        "user": line.user,
        "schedule": line.schedule,
        "next": None if line.next is None else format_instant(line.next),
        "command": line.command,
        "state": line.state,
        "reasons": [{"code": reason.code, "text": reason.text} for reason in line.reasons],
        "fix": line.fix,
        "jobs": list(line.jobs),
    }


def find_machine_findings(coverage: Coverage, host: str, now: float) -> list[Finding]:
    """Return what is wrong with the machine as a whole: nobody would be told, or nobody checks what is left."""
    found = []
    if coverage.lines and not coverage.voice.is_there:
        found.append(("no-voice", f"host:{host}", NO_VOICE))
    for user in coverage.unchecked:
        title = f"no scheduled line of {user} runs heartbeat check, and what the jobs of {user} leave is read by nobody"
        found.append(("unchecked", f"user:{user}", title))
    return [
        Finding("heartbeat.coverage", code, subject, WARNING, title, host, now, key=code)
        for code, subject, title in found
    ]


def count_states(coverage: Coverage) -> str:
    """Return how many lines there are of each state, in words."""
    counts = Counter(line.state for line in coverage.lines)
    told = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    return f"{say_count(len(coverage.lines), 'scheduled line')}: {told}" if told else "no scheduled line"


def find_next_step(coverage: Coverage) -> str | None:
    """Return the command that wraps the most silent lines at once."""
    files = Counter(line.file for line in coverage.lines if line.state == SILENT and line.number is not None)
    return f"{ADOPT} {shlex.quote(find_here(coverage.root, files.most_common(1)[0][0]))}" if files else None


def _print_page(coverage: Coverage, findings: list[Finding], environ: Mapping[str, str], now: float) -> None:
    look = find_look(sys.stdout, environ)
    worst_first = sorted(_fold_folders(coverage.lines), key=lambda line: STATES.index(line.state))
    if worst_first:
        rows = _draw(worst_first, now, look.width)
        print_table(_fold(rows, look.width), rows, look=look)
        print_line(look=look)
    hidden = len(coverage.lines) - len(worst_first)
    folded = f" ({say_count(hidden, 'file')} of run-parts not shown: they stand as the lines above)" if hidden else ""
    print_line(Styled(count_states(coverage) + folded, "heading"), look=look)
    for finding in findings:
        print_line(" ", Styled("warning ", "warning"), finding.title, look=look)
    for line in worst_first:
        if line.state in (DEAD, UNKNOWN) and line.reasons[0].code != KILLED:
            told = f"{line.place}: {line.reasons[0].text}; {_say_fix(line)}"
            print_line(" ", Styled(f"{line.state:<8}", LOOKS[line.state]), told, look=look)
    step = find_next_step(coverage)
    if step:
        print_line(" ", Styled("next:   ", "dim"), step, look=look)


def _fold_folders(lines: tuple[Line, ...]) -> list[Line]:
    """Return the lines without the files of folders that stand as the line does that runs them."""
    states = {line.place: line.state for line in lines if line.runner is None}
    return [line for line in lines if line.runner is None or line.state != states.get(line.runner)]


def _draw(lines: list[Line], now: float, width: int | None) -> list[list[Cell]]:
    """Return the rows of a table; the command is last, and gets what is left of the width."""
    rows: list[list[Cell]] = [
        [
            Styled(line.state, LOOKS[line.state]),
            line.place,
            line.user or "-",
            line.schedule or "-",
            say_distance(line.next, now),
            _say_why(line),
        ]
        for line in lines
    ]
    room = SHOWN_COMMAND if width is None else max(LEAST_COMMAND, _find_room(rows, width))
    for row, line in zip(rows, lines, strict=True):
        command = unwrap_command(line.command or "") or line.command or "-"
        row.append(command if len(command) <= room else f"{command[: room - 1]}…")
    return rows


def _fold(rows: list[list[Cell]], width: int | None) -> list[Column]:
    """Return the columns; a place is kept in one piece unless it takes a third of the line."""
    longest = max(len(str(row[1])) for row in rows)
    is_long = width is not None and longest * 3 > width
    return [replace(column, folds=is_long) if column.name == "where" else column for column in COLUMNS]


def _find_room(rows: list[list[Cell]], width: int) -> int:
    """Return how many columns are left for the command, when what is worth less has given way to it."""
    widths = [
        max(len(column.name), *(len(cell.text if isinstance(cell, Styled) else cell) for cell in cells)) + GAP
        for column, cells in zip(COLUMNS, zip(*rows, strict=True), strict=False)
    ]
    for place in sorted(range(len(widths)), key=lambda place: -COLUMNS[place].rank):
        if width - sum(widths) >= LEAST_COMMAND or not COLUMNS[place].rank:
            break
        widths[place] = 0
    return width - sum(widths)


def _say_why(line: Line) -> str:
    """Return the names of a line's reasons, the jobs of its wrappers before them."""
    codes = [reason.code for reason in line.reasons]
    # Nearly every line has these: they are told where there is nothing else to tell.
    telling = [code for code in codes if code not in COMMON]
    telling = telling if set(telling) - {NO_MAIL.code} else [*codes[:1], *telling]
    told = [f"job {' and '.join(line.jobs)}"] if line.jobs else []
    return ", ".join([*told, *(code.replace("-", " ") for code in telling)]) or "-"


def _say_fix(line: Line) -> str:
    fix = line.fix or ""
    return fix if len(fix) <= LONGEST_FIX else FIXES.get(line.reasons[0].code, "--json has the fix")
