"""What is wrong around the jobs: foreign locks of dead owners, a ledger in need, a clock that jumped?"""

from __future__ import annotations

import json
import os
import time

from agentkit.core.evidence import Note, Run, read_number, read_object
from agentkit.core.lines import CRITICAL, WARNING
from agentkit.core.spool import spool_places
from agentkit.core.times import format_duration, format_instant
from agentkit.core.tree import process_start
from agentkit.heartbeat.sighting import Sighting

LEAST_FREE_BYTES = 16 << 20
LEAST_FREE_INODES = 100
JUMP_S = 60.0
# A process that is younger than the lock by more than this cannot have made it.
RECYCLED_S = 60.0


def find_stale_locks(paths: tuple[str, ...], old_s: float, now: float) -> list[Sighting]:
    """Return the lock and pid files, and lock folders, whose owner is dead or that nobody seems to hold."""
    seen = []
    for path in paths:
        try:
            found = os.stat(path)
        except OSError:
            continue  # no lock is what a lock should be most of the time
        age_s = now - found.st_mtime
        why = _find_dead_owner(path, found, age_s, old_s)
        if why:
            title = f"{path} is a stale lock: {why}"
            evidence = {"path": path, "age_s": round(age_s, 3)}
            seen.append(Sighting("stale-lock", f"file:{path}", CRITICAL, title, evidence=evidence))
    return seen


def _find_dead_owner(path: str, found: os.stat_result, age_s: float, old_s: float) -> str | None:
    pid = _read_pid(path)
    if pid is not None:
        start = process_start(pid)
        if start is None:
            return f"process {pid} is gone"
        started_at = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + start / os.sysconf("SC_CLK_TCK")
        if started_at > found.st_mtime + RECYCLED_S:
            return f"process {pid} is another one, started after the lock was made"
        return None
    if age_s < old_s or _is_locked(found):
        return None
    return f"it names no process, nobody holds it, and it is {format_duration(age_s)} old"


def _read_pid(path: str) -> int | None:
    """Return the process that a lock names: in the file, in its target, or in `pid` of a lock folder."""
    for candidate in (path, f"{path}/pid"):
        try:
            descriptor = os.open(candidate, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            words = os.read(descriptor, 64).split()
        except OSError:
            words = []
        finally:
            os.close(descriptor)
        if words and words[0].isdigit() and len(words[0]) <= 10:
            return int(words[0])
    return None


def _is_locked(found: os.stat_result) -> bool:
    inode = f" {os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino} "
    try:
        with open("/proc/locks", encoding="ascii", errors="replace") as file:
            return any(inode in line for line in file)
    except OSError:
        return False


def see_notes(notes: list[Note], folder: str) -> list[Sighting]:
    """Return what the ledger's keeper has to say, as findings of type `ledger`."""
    severity = {"corrupt": CRITICAL}
    return [
        Sighting("ledger", f"file:{folder}", severity.get(note.kind, WARNING), note.text, f"{note.kind}:{note.id}")
        for note in notes
    ]


def find_ledger_needs(folder: str, environ: dict[str, str]) -> list[Sighting]:
    """Return what threatens the evidence: too little room, or evidence that had to go elsewhere."""
    seen = []
    try:
        room = os.statvfs(folder)
    except OSError:
        room = None
    if room and room.f_bavail * room.f_frsize < LEAST_FREE_BYTES:
        title = f"{folder} has {room.f_bavail * room.f_frsize // 1024} KiB left: evidence may soon find no room"
        seen.append(Sighting("ledger", f"file:{folder}", CRITICAL, title, "space"))
    elif room and room.f_files and room.f_favail < LEAST_FREE_INODES:
        title = f"{folder} has {room.f_favail} inodes left: evidence may soon find no room"
        seen.append(Sighting("ledger", f"file:{folder}", CRITICAL, title, "inodes"))
    for place in spool_places(environ)[1:]:
        spool = f"{place}/spool"
        try:
            files = [name for name in os.listdir(spool) if name.endswith(".jsonl")]
        except OSError:
            continue
        if files and place != folder:
            title = f"evidence was spooled in {place}, because {folder} could not be written at some time"
            seen.append(Sighting("ledger", f"file:{folder}", WARNING, title, f"spooled:{place}", {"files": files}))
    return seen


def find_clock_jumps(runs: list[Run], remembered: str | None) -> tuple[list[Sighting], str | None]:
    """Return the jumps of the wall clock that the runs show, and what to remember for the next check.

    Each run tells the wall clock and the seconds since boot: within one boot their difference stays, unless the clock
    is set.
    """
    last = read_object(remembered)
    boot, offset = last.get("boot"), read_number(last.get("offset"))
    seen: list[Sighting] = []
    for run in runs:
        readings = ((run.started_at, run.boottime_s), (run.ended_at, run.ended_boottime_s))
        for at, since_boot in readings:
            if at is None or since_boot is None or run.boot is None:
                continue
            here = at - since_boot
            if run.boot == boot and offset is not None and abs(here - offset) > JUMP_S:
                way = "forward" if here > offset else "back"
                title = f"the clock was set {way} by {format_duration(abs(here - offset))} (seen in a run of {run.job})"
                evidence = {"at": format_instant(at), "jump_s": round(here - offset, 3), "run": run.run}
                seen.append(Sighting("clock-jump", "host:clock", WARNING, title, run.run, evidence))
            boot, offset = run.boot, here
    return seen, json.dumps({"boot": boot, "offset": offset}) if boot else None
