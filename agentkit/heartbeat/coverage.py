"""Which scheduled lines of this machine leave evidence, which can fail without a word, and which never run?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agentkit.core.anacrontab import read_anacrontab
from agentkit.core.config import Configuration
from agentkit.core.cronline import DroppedLine
from agentkit.core.crontab import find_zone, read_crontabs
from agentkit.core.cronusers import read_users
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.schedule import next_run
from agentkit.heartbeat.coveredline import Line, write_dropped, write_unread
from agentkit.heartbeat.folders import find_folder_lines
from agentkit.heartbeat.linejudging import DEAD, Judged, find_fix, judge_line
from agentkit.heartbeat.program import PROGRAM, find_program
from agentkit.heartbeat.timerlines import find_timer_lines
from agentkit.heartbeat.voice import Voice, find_voice
from agentkit.heartbeat.wrapping import Names

# One of these is in the root folder of every machine, and of what is kept of one.
TOPS = ("etc", "var", "usr", "lib")


@dataclass(frozen=True, slots=True)
class Coverage:
    """The lines of the machine with this root, in the order in which cron reads them, and who is told of a failure.

    `unchecked` are users whose lines leave evidence that no scheduled check of theirs reads; `notes` say what was left
    out, and why.
    """

    root: str
    lines: tuple[Line, ...]
    voice: Voice
    unchecked: tuple[str, ...]
    notes: tuple[str, ...]


def find_coverage_of(
    configuration: Configuration,
    environ: Mapping[str, str],
    *,
    root: str,
    now: float,
    user: str | None = None,
    has_fixes: bool = False,
) -> Coverage:
    """Return the coverage of a machine; what this one's configuration and programs say counts for this one only."""
    is_here = os.path.realpath(root) == "/"
    settings = configuration.heartbeat
    return find_coverage(
        root,
        user=user,
        notify=settings.notify if is_here else (),
        has_ping=is_here and settings.ping is not None,
        program=find_program(environ) if is_here else None,
        now=now,
        has_fixes=has_fixes,
    )


def find_coverage(
    root: str,
    *,
    user: str | None,
    notify: Sequence[str],
    has_ping: bool,
    program: str | None,
    now: float,
    has_fixes: bool = True,
) -> Coverage:
    """Return how the scheduled lines of the machine with this root folder stand; those of one user with `user`.

    `notify` and `has_ping` are what the configuration says, `program` the agentkit that a fix names. Raises
    AgentkitError (unavailable) where there is no such folder or user.
    """
    if not any(os.path.isdir(os.path.join(root, name)) for name in TOPS):
        raise AgentkitError(f"--root: {root} has no etc in it", hint="the root folder of a machine's files is meant")
    users = read_users(root)
    if user is not None and user not in users.uids:
        raise AgentkitError(f"--user: there is no user {user!r}", status=Exit.UNAVAILABLE)
    crontabs, anacron = read_crontabs(root, now=now), read_anacrontab(root)
    altered = _group((*crontabs.altered, *anacron.altered))
    judged = [
        judge_line(line, altered.get((line.file, line.number), ()), users.homes.get(line.user, "/"), root)
        for line in (*crontabs.lines, *anacron.lines)
    ]
    names = Names(job for one in judged for job in one.silence.jobs)

    def write(one: Judged) -> Line:
        zone = find_zone(one.line, crontabs.cron)
        fix = None
        # To write what would mend a silent line takes most of the time.
        if has_fixes or one.state == DEAD:
            fix = find_fix(one, names, program=program or PROGRAM, rules=crontabs.cron)
        return _write(one, _find_next(one, zone, now), fix)

    alive = [write(one) for one in judged]
    dropped = [write_dropped(one, crontabs.cron, root) for one in (*crontabs.dropped, *anacron.dropped)]
    unread = [write_unread(path, why) for path, why in (*crontabs.unreadable, *anacron.unreadable)]
    folders = find_folder_lines(root, list(zip(judged, alive, strict=True)))
    timers, timer_checks, notes = find_timer_lines(root, now=now)
    checks = [(words, dict(one.line.environment)) for one in judged for words in one.silence.checks]
    voice = find_voice(root, [*checks, *timer_checks], notify=notify, has_ping=has_ping)
    lines = [*_in_order([*alive, *dropped, *unread]), *folders, *timers]
    shown = tuple(line for line in lines if user is None or line.user in (user, None))
    return Coverage(root, shown, voice, _find_unchecked(judged, has_timer_check=bool(timer_checks)), notes)


def _find_unchecked(judged: Sequence[Judged], *, has_timer_check: bool) -> tuple[str, ...]:
    """Return the users who leave evidence in a state folder that no scheduled check of this machine reads."""

    def find_folder(one: Judged) -> str:
        return dict(one.line.environment).get("AGENTKIT_HOME") or one.line.user

    read = {find_folder(one) for one in judged if one.silence.checks}
    if has_timer_check:
        read.add("root")
    return tuple(sorted({one.line.user for one in judged if one.silence.jobs and find_folder(one) not in read}))


def _group(altered: Iterable[DroppedLine]) -> Mapping[tuple[str, int], Sequence[DroppedLine]]:
    groups: dict[tuple[str, int], list[DroppedLine]] = {}
    for line in altered:
        groups.setdefault((line.file, line.number), []).append(line)
    return groups


def _in_order(lines: list[Line]) -> list[Line]:
    """Return the lines of each file together and by their numbers, files as they came first."""
    places: dict[str, int] = {}
    for line in lines:
        places.setdefault(line.file, len(places))
    return sorted(lines, key=lambda line: (places[line.file], line.number or 0))


def _find_next(judged: Judged, zone: str | None, now: float) -> float | None:
    if judged.state == DEAD or judged.line.kind == "anacron":
        return None
    try:
        return next_run(judged.line.schedule, now, zone)
    except AgentkitError:
        return next_run(judged.line.schedule, now)  # cronie takes a zone that it does not know for the machine's


def _write(judged: Judged, next_at: float | None, fix: str | None) -> Line:
    line = judged.line
    return Line(
        file=line.file,
        number=line.number,
        user=line.user,
        schedule=line.schedule,
        next=next_at,
        command=line.command,
        state=judged.state,
        reasons=judged.reasons,
        fix=fix,
        jobs=tuple(judged.silence.jobs),
    )
