"""Which jobs does cron run into this ledger, which of their lines have gone, and which will cron never run?

A line counts only when its user and its AGENTKIT_HOME lead to this ledger. What was found is kept in the ledger, so
that a check whose crontabs have not changed reads none of them.
"""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agentkit.core.cronline import CronLine, DroppedLine
from agentkit.core.crontab import Crontabs, find_zone, read_crontabs, stamp
from agentkit.core.evidence import CrontabLine
from agentkit.core.ledger import Ledger
from agentkit.core.ledger.lines import find_lines, mark_lines_gone, see_lines
from agentkit.core.ledger.notes import read_list, read_value, write_value
from agentkit.core.lines import CRITICAL, WARNING
from agentkit.core.paths import state_folder
from agentkit.heartbeat.expectation import ZONE_SIGN, find_schedules
from agentkit.heartbeat.sighting import Sighting
from agentkit.heartbeat.wrapped import Wrapped, find_job_name, find_wrapped, home_of

__all__ = ["Scheduled", "find_job_name", "look_at_crontabs"]

STAMP_KEY, DEAD_KEY = "crontab-stamp", "crontab-dead-lines"
DEAD_FIELDS = frozenset({"file", "line", "code", "why", "fix", "job"})


@dataclass(frozen=True, slots=True)
class Scheduled:
    """The jobs that crontab lines run: `schedules` by job, `since` when each was first seen; and what is wrong."""

    schedules: Mapping[str, tuple[str, ...]]
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
    schedules = find_schedules(lines)
    since: dict[str, float] = {}
    for line in lines:
        if line.job and line.gone_at is None:
            since[line.job] = min(line.first_seen_at, since.get(line.job, now))
    dead = [line for line in read_list(ledger, DEAD_KEY) if isinstance(line, dict) and line.keys() >= DEAD_FIELDS]
    # A line that stands there and that cron will not run is dead, which says more than that it has gone.
    known = {*schedules, *(line["job"] for line in dead)}
    vanished = {line.job: line for line in lines if line.job and line.job not in known}
    return Scheduled(
        schedules,
        since,
        frozenset(vanished),
        (*map(_see_vanished, vanished.values()), *_see_dead_lines(dead)),
    )


def _take_in(ledger: Ledger, crontabs: Crontabs, folder: str, now: float) -> None:
    here = [kept for line in crontabs.lines for kept in _remember(line, crontabs.cron, folder, now)]
    known = [line for line in find_lines(ledger) if line.gone_at is None and line.job]
    see_lines(ledger, here)
    identities = {line.identity for line in here}
    unread = [path for path, why in crontabs.unreadable if not _is_known_otherwise(path, why)]
    gone = [line for line in known if line.identity not in identities and not _is_among(line.file, unread)]
    mark_lines_gone(ledger, [line.identity for line in gone], now)
    dead = [_describe(line) for line in crontabs.dropped if _is_dead_and_ours(line, folder)]
    write_value(ledger, DEAD_KEY, json.dumps(dead))


def _is_known_otherwise(path: str, why: str) -> bool:
    """Tell whether a folder that is closed to us hides nothing of ours: crontab(1) has told our own lines."""
    return "crontab -l" not in why and os.getuid() != 0 and path.startswith("/var/spool/cron")


def _is_among(file: str, paths: list[str]) -> bool:
    # What could not be read today may well be as it was yesterday.
    return any(file == path or file.startswith(f"{path}/") for path in paths)


def _remember(line: CronLine, cron: str, folder: str, now: float) -> Iterator[CrontabLine]:
    """Yield what the ledger keeps of a line: once for each job that it runs into this ledger."""
    if "heartbeat" not in line.command:
        return
    environment = {"HOME": home_of(line.user), "LOGNAME": line.user, **dict(line.environment)}
    schedule, zone = line.schedule, find_zone(line, cron)
    if zone and _is_zone(zone):
        schedule = f"{ZONE_SIGN}{zone} {schedule}"
    identity = f"{line.file}\n{schedule}\n{line.command}"
    jobs = dict.fromkeys(
        wrapped.job for wrapped in find_wrapped(line.command, line.user, environment) if _is_ours(wrapped, folder)
    )
    for number, job in enumerate(jobs):
        own = f"{identity}\n{job}" if number else identity
        yield CrontabLine(own, line.file, line.user, schedule, line.command, job, now, now, None)


def _is_ours(wrapped: Wrapped, folder: str) -> bool:
    # Two users may share a home; the state folder of another is theirs unless somebody says that it is not.
    is_meant = bool(wrapped.environment.get("AGENTKIT_HOME"))
    if not is_meant and _find_uid(wrapped.user) != os.getuid():
        return False
    environment = dict(wrapped.environment)
    home = environment.setdefault("HOME", home_of(wrapped.user))
    if is_meant:
        # cron starts its lines in the home.
        environment["AGENTKIT_HOME"] = os.path.join(home, environment["AGENTKIT_HOME"])
    return os.path.realpath(state_folder(environment)) == os.path.realpath(folder)


def _find_uid(user: str) -> int | None:
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return None


def _is_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _is_dead_and_ours(line: DroppedLine, folder: str) -> bool:
    """Tell whether a line that cron drops would have led here, as far as its text alone tells."""
    if "heartbeat" not in line.text or "agentkit" not in line.text:
        return False
    uid = _find_uid(line.user) if line.user else None
    jobs = _find_dead_jobs(line)
    if any("AGENTKIT_HOME" in wrapped.environment for wrapped in jobs):
        return any(_is_ours(wrapped, folder) for wrapped in jobs)
    return uid is None or uid == os.getuid()


def _find_dead_jobs(line: DroppedLine) -> list[Wrapped]:
    user = line.user or ""
    environment = {"HOME": home_of(user)}
    # What is wrong may well be its times: without them first, then as it stands.
    before = (1 if line.text.lstrip().startswith("@") else 5) + line.file.startswith("/etc/")
    command = " ".join(line.text.split(None, before)[before:])
    return find_wrapped(command, user, environment) or find_wrapped(line.text, user, environment)


def _describe(line: DroppedLine) -> dict[str, object]:
    return {
        "file": line.file,
        "line": line.number,
        "code": line.code,
        "why": line.why,
        "fix": line.fix,
        "job": next((wrapped.job for wrapped in _find_dead_jobs(line)), None),
    }


def _see_vanished(line: CrontabLine) -> Sighting:
    title = f"the crontab line of {line.job} has gone from {line.file}"
    accepting = f"agentkit heartbeat accept {line.job} --reason TEXT"
    evidence = {"file": line.file, "schedule": line.schedule, "also": [f"if that was meant: {accepting}"]}
    return Sighting("vanished", f"job:{line.job}", WARNING, title, evidence=evidence)


def _see_dead_lines(dead: list[dict[str, object]]) -> Iterator[Sighting]:
    """Yield one finding a fault: a line that makes cron ignore its whole file is one trouble, not one a line."""
    faults: dict[tuple[object, object], list[dict[str, object]]] = {}
    for line in dead:
        faults.setdefault((line["file"], line["why"]), []).append(line)
    for lines in faults.values():
        first = lines[0]
        file, key = first["file"], f"{first['file']}:{first['code']}"
        if len(lines) == 1:
            subject = f"job:{first['job']}" if first["job"] else f"file:{file}"
            title = f"cron will not run {file} line {first['line']}: {first['why']}; {first['fix']}"
            yield Sighting("dead-line", subject, CRITICAL, title, key, first)
            continue
        jobs = sorted({str(line["job"]) for line in lines if line["job"]})
        title = f"cron will not run {len(lines)} lines of {file} ({', '.join(jobs)}): {first['why']}; {first['fix']}"
        yield Sighting("dead-line", f"file:{file}", CRITICAL, title, key, {**first, "jobs": jobs})
