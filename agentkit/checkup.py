"""How is this machine? One page: each command is asked for its summary, and nothing else is known here.

Read-only. A command that fails or hangs gets a line that says so, for an absent answer is a bad answer.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from agentkit.core.lines import CRITICAL, SEVERITIES, Record, write_record
from agentkit.core.ourselves import call_ourselves
from agentkit.core.process import Ended, Program, run_programs
from agentkit.core.screen import print_line
from agentkit.core.summary import Line, Summary, draw_summary, to_record
from agentkit.core.times import format_duration

LIMIT = timedelta(seconds=10)
LONGEST_ANSWER_BYTES = 1024 * 1024


def print_checkup(commands: Iterable[str], environ: Mapping[str, str], *, as_json: bool) -> None:
    """Print what the commands have to say: a page for a person, or one `summary` record a command."""
    summaries = ask_for_summaries(commands, environ)
    if as_json:
        for summary in summaries.values():
            write_record(summary)
        return
    for position, (command, summary) in enumerate(summaries.items()):
        if position:
            print_line()
        _print_summary(command, summary)


def ask_for_summaries(
    commands: Iterable[str], environ: Mapping[str, str], *, limit: timedelta = LIMIT
) -> dict[str, Record]:
    """Return {command: its `summary` record}; of a command without an answer one that says so."""
    asked = {command: _call(command, environ, limit) for command in commands}
    ended = run_programs(asked.values())
    return {
        command: _read_summary(end) or _describe_silence(command, end, limit)
        for command, end in zip(asked, ended, strict=True)
    }


def _call(command: str, environ: Mapping[str, str], limit: timedelta) -> Program:
    argv = call_ourselves(command, "summary", "--json")
    return Program(argv, limit=limit, environment=environ, keep_bytes=LONGEST_ANSWER_BYTES)


def _read_summary(ended: Ended) -> Record | None:
    """Return the record on stdout, or None where it is none. Status 1 says that there are findings, and is no fault."""
    if ended.outcome != "exited":
        return None
    try:
        record = json.loads(ended.stdout)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and _is_summary(record) else None


def _is_summary(record: Record) -> bool:
    lines = record.get("lines")
    return (
        record.get("kind") == "summary"
        and isinstance(record.get("title"), str)
        and isinstance(record.get("next"), (str, type(None)))
        and isinstance(lines, list)
        and all(isinstance(line, dict) and isinstance(line.get("text"), str) for line in lines)
        and all(line.get("severity") in SEVERITIES for line in lines)
    )


def _describe_silence(command: str, ended: Ended, limit: timedelta) -> Record:
    said = ended.stderr.decode("utf-8", "backslashreplace").strip().splitlines()
    if ended.outcome in ("timed-out", "unkillable"):
        why = f"no answer within {format_duration(limit.total_seconds())}"
    elif ended.outcome == "exited" and ended.status == 0:
        why = "its answer is no summary"
    else:
        why = f"no answer, it ended with status {ended.status}"
    told = said[0].removeprefix("agentkit: error: ") if said else ended.trouble
    lines = (Line(f"{why}: {told}" if told else why, CRITICAL),)
    summary = Summary(f"{command}: nothing known", lines, f"agentkit {command} summary")
    return to_record(summary, os.uname().nodename, time.time())


def _print_summary(command: str, record: Record) -> None:
    title, step, lines = str(record["title"]), record["next"], record["lines"]
    assert isinstance(lines, Sequence)
    told = tuple(Line(str(line["text"]), str(line["severity"])) for line in lines)
    draw_summary(
        Summary(title if command in title else f"{command}: {title}", told, None if step is None else str(step))
    )
