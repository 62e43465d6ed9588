"""Which scheduled lines of this machine leave evidence, which can fail without a word, and which never run?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agentkit.core.anacrontab import read_anacrontab
from agentkit.core.cronline import DroppedLine
from agentkit.core.cronrow import split_row
from agentkit.core.crontab import find_zone, read_crontabs
from agentkit.core.cronusers import read_users
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.schedule import next_run
from agentkit.heartbeat.linejudging import DEAD, UNKNOWN, Judged, find_fix, judge_line
from agentkit.heartbeat.silence import Reason
from agentkit.heartbeat.voice import Voice, find_voice
from agentkit.heartbeat.wrapping import Names

PROGRAM = "/usr/local/bin/agentkit"


@dataclass(frozen=True, slots=True)
class Line:
    """How one scheduled line stands, and which jobs its wrappers run.

    `next` is in seconds since 1970, `number` None where the file is the line.
    """

    file: str
    number: int | None
    user: str | None
    schedule: str | None
    next: float | None
    command: str | None
    state: str
    reasons: tuple[Reason, ...]
    fix: str | None
    jobs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """The lines of a machine, in the order in which cron reads them, and who would be told of a failure.

    `notes` say what was left out, and why.
    """

    lines: tuple[Line, ...]
    voice: Voice
    notes: tuple[str, ...]


def find_coverage(
    root: str, *, user: str | None, notify: Sequence[str], has_ping: bool, program: str | None, now: float
) -> Coverage:
    """Return how the scheduled lines of the machine with this root folder stand; those of one user with `user`.

    `notify` and `has_ping` are what the configuration says, `program` the agentkit that a fix names. Raises
    AgentkitError (unavailable) where there is no such folder or user.
    """
    if not os.path.isdir(root):
        raise AgentkitError(f"--root: {root} is no folder", hint="it is the root folder of a machine's files")
    users = read_users(root)
    if user is not None and user not in users.uids:
        raise AgentkitError(f"--user: there is no user {user!r}", status=Exit.UNAVAILABLE)
    crontabs, anacron = read_crontabs(root, now=now), read_anacrontab(root)
    altered = _group(crontabs.altered)
    judged = [
        judge_line(line, altered.get((line.file, line.number), ()), users.homes.get(line.user, "/"), root)
        for line in (*crontabs.lines, *anacron.lines)
    ]
    names = Names(job for one in judged for job in one.silence.jobs)

    def write(one: Judged) -> Line:
        zone = find_zone(one.line, crontabs.cron)
        fix = find_fix(one, names, program=program or PROGRAM, rules=crontabs.cron)
        return _write(one, _find_next(one, zone, now), fix)

    alive = [write(one) for one in judged]
    dropped = [_write_dropped(one, crontabs.cron) for one in (*crontabs.dropped, *anacron.dropped)]
    unread = [_write_unread(path, why) for path, why in (*crontabs.unreadable, *anacron.unreadable)]
    folders: list[Line] = []
    timers: list[Line] = []
    timer_checks: list[tuple[tuple[str, ...], dict[str, str]]] = []
    notes: tuple[str, ...] = ()
    checks = [(words, dict(one.line.environment)) for one in judged for words in one.silence.checks]
    voice = find_voice(root, [*checks, *timer_checks], notify=notify, has_ping=has_ping)
    lines = [*_in_order([*alive, *dropped, *unread]), *folders, *timers]
    return Coverage(tuple(line for line in lines if user is None or line.user in (user, None)), voice, notes)


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


def _write_dropped(dropped: DroppedLine, rules: str) -> Line:
    """Return a line that cron drops; what its schedule and command would be is told as far as the text tells."""
    schedule = command = None
    if (dropped.text and dropped.code not in ("killed-by-line", "bad-time")) or _looks_whole(dropped.text):
        before, command, fed = split_row(
            dropped.text, kind="system" if dropped.file.startswith("/etc/") else "user", rules=rules
        )
        words = before.split()
        schedule = " ".join(words[: 1 if before.lstrip().startswith("@") else 5])
        command += fed
    number = dropped.number or None
    return Line(
        dropped.file, number, dropped.user, schedule or None, None, command or dropped.text or None, DEAD,
        (Reason(dropped.code, dropped.why),), _fill_in(dropped),
    )  # fmt: skip


def _looks_whole(text: str) -> bool:
    return len(text.split()) > 5


def _fill_in(dropped: DroppedLine) -> str:
    """Return the fix with the names of the file and the user in it."""
    fix = dropped.fix.replace("FILE", dropped.file)
    return fix.replace("USER", dropped.user) if dropped.user else fix


def _write_unread(path: str, why: str) -> Line:
    reason = Reason("unreadable", f"it cannot be read: {why}")
    return Line(
        path, None, None, None, None, None, UNKNOWN, (reason,), "look as root: sudo agentkit heartbeat coverage"
    )
