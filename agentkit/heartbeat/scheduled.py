"""Which jobs does cron run into this ledger, which of their lines have gone, and which will cron never run?

A line counts only when its user and its AGENTKIT_HOME lead to this ledger. What was found is kept in the ledger, so
that a check whose crontabs have not changed reads none of them.
"""

from __future__ import annotations

import json
import os
import pwd
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from agentkit.core.cronline import CronLine, DroppedLine
from agentkit.core.crontab import Crontabs, read_crontabs, stamp
from agentkit.core.evidence import CrontabLine
from agentkit.core.ledger import Ledger
from agentkit.core.ledger.lines import find_lines, mark_lines_gone, see_lines
from agentkit.core.ledger.notes import read_value, write_value
from agentkit.core.paths import state_folder
from agentkit.heartbeat.sighting import CRITICAL, WARNING, Sighting

STAMP_KEY, DEAD_KEY = "crontab-stamp", "crontab-dead-lines"
PUNCTUATION = frozenset(";|&()<>")


@dataclass(frozen=True, slots=True)
class Scheduled:
    """The jobs that crontab lines run: `schedules` by job, `since` when each was first seen; and what is wrong."""

    schedules: Mapping[str, str]
    since: Mapping[str, float]
    vanished: frozenset[str]
    sightings: tuple[Sighting, ...]


def look_at_crontabs(ledger: Ledger, folder: str, now: float, root: str = "/") -> Scheduled:
    """Return what the crontabs say about the jobs of this ledger, after taking in what changed in them."""
    look = stamp(root, now=now)
    seen = json.dumps(look)
    if look is None or seen != read_value(ledger, STAMP_KEY):
        _take_in(ledger, read_crontabs(root, now=now), folder, now)
        write_value(ledger, STAMP_KEY, seen)
    lines = [line for line in find_lines(ledger) if line.job]
    present = [line for line in lines if line.gone_at is None]
    here = {line.job for line in present}
    vanished: dict[str, CrontabLine] = {
        line.job: line for line in lines if line.gone_at is not None and line.job and line.job not in here
    }
    dead = json.loads(read_value(ledger, DEAD_KEY) or "[]")
    return Scheduled(
        {line.job: line.schedule for line in present if line.job},
        {line.job: line.first_seen_at for line in present if line.job},
        frozenset(vanished),
        (*map(_see_vanished, vanished.values()), *map(_see_dead, dead)),
    )


def find_job_name(command: str) -> str | None:
    """Return the job that a shell command runs through `heartbeat run`, or None."""
    words = _split(command)
    for index in range(1, len(words) - 2):
        if words[index : index + 2] == ["heartbeat", "run"] and _is_agentkit(words[index - 1]):
            name = next((word for word in words[index + 2 :] if not word.startswith("-")), None)
            return name if name and not PUNCTUATION & set(name) else None
    return None


def _take_in(ledger: Ledger, crontabs: Crontabs, folder: str, now: float) -> None:
    here = [_remembered(line, now) for line in crontabs.lines if _is_ours(line, folder)]
    known = {line.identity for line in find_lines(ledger) if line.gone_at is None}
    see_lines(ledger, here)
    mark_lines_gone(ledger, known - {line.identity for line in here}, now)
    dead = [_describe(line) for line in crontabs.dropped if "heartbeat" in line.text and "agentkit" in line.text]
    write_value(ledger, DEAD_KEY, json.dumps(dead))


def _remembered(line: CronLine, now: float) -> CrontabLine:
    identity = "\n".join(line.identity)
    job = find_job_name(line.command)
    return CrontabLine(identity, line.file, line.user, line.schedule, line.command, job, now, now, None)


def _is_ours(line: CronLine, folder: str) -> bool:
    if "heartbeat" not in line.command or find_job_name(line.command) is None:
        return False
    environment = dict(line.environment)
    try:
        environment.setdefault("HOME", pwd.getpwnam(line.user).pw_dir)
        user = pwd.getpwnam(line.user).pw_uid
    except KeyError:
        return False
    for word in _split(line.command):
        # `AGENTKIT_HOME=/srv/x agentkit heartbeat run …` says it for this line alone.
        name, given, value = word.partition("=")
        if given and name in ("AGENTKIT_HOME", "XDG_STATE_HOME", "HOME"):
            environment[name] = value
    leads_to = state_folder(environment)
    return (user == os.getuid() or "AGENTKIT_HOME" in environment) and _same(leads_to, folder)


def _same(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _is_agentkit(word: str) -> bool:
    return os.path.basename(word) == "agentkit"


def _split(command: str) -> list[str]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:
        return command.split()  # a quote that is never closed: the shell will say so


def _see_vanished(line: CrontabLine) -> Sighting:
    title = f"the crontab line of {line.job} has gone from {line.file}; if that was meant: heartbeat accept {line.job}"
    evidence = {"file": line.file, "schedule": line.schedule}
    return Sighting("vanished", f"job:{line.job}", WARNING, title, evidence=evidence)


def _describe(line: DroppedLine) -> dict[str, object]:
    return {
        "file": line.file,
        "line": line.number,
        "code": line.code,
        "why": line.why,
        "fix": line.fix,
        "job": find_job_name(line.text),
    }


def _see_dead(dead: Mapping[str, object]) -> Sighting:
    subject = f"job:{dead['job']}" if dead["job"] else f"file:{dead['file']}"
    title = f"cron will not run {dead['file']} line {dead['line']}: {dead['why']}; {dead['fix']}"
    return Sighting("dead-line", subject, CRITICAL, title, f"{dead['file']}:{dead['code']}", dict(dead))
