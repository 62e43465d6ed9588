"""What would cron run on this machine, when, as whom, and what would it drop?

Three crons are known: Debian's (3.0pl1), cronie and busybox's crond. No line is dropped by another's rule.
"""

import os
from dataclasses import dataclass

from agentkit.core.cronbytes import make_printable
from agentkit.core.cronfiles import FOLDER, SPOOL, SYSTEM, Machine, ask_crontab, read_system_file, read_user_file
from agentkit.core.cronline import CronLine, DroppedLine, drop
from agentkit.core.crontext import Parsed
from agentkit.core.cronusers import DAY_S, MOST_BYTES, find_expiry, read_users
from agentkit.core.plainfiles import open_plain
from agentkit.core.rooted import is_whole, resolve

Look = tuple[str, int, int, int, int]


@dataclass(frozen=True)
class Crontabs:
    """All lines of a machine's crontabs: those that run, those that do not, those that run otherwise than written.

    `unreadable` names files that cron may read and we could not, each with the reason; `cron` is whose rules held.
    """

    lines: tuple[CronLine, ...]
    dropped: tuple[DroppedLine, ...]
    altered: tuple[DroppedLine, ...]
    unreadable: tuple[tuple[str, str], ...]
    cron: str


def read_crontabs(root: str = "/", *, cron: str | None = None, now: float | None = None) -> Crontabs:
    """Return what cron makes of the user crontabs, /etc/crontab and /etc/cron.d of the machine with this root folder.

    `cron` is `debian`, `cronie` or `busybox`; without it, the one that is installed. With `now`, lines of users whose
    account or password has run out are dropped, as PAM does. Never raises on what the files hold.
    """
    rules = cron or find_cron(root) or "debian"
    machine = Machine(root, rules, read_users(root))
    whole = Parsed()
    _take(whole, read_system_file(machine, SYSTEM))
    for name in _list(machine, FOLDER, whole):
        _take(whole, _print_name(name, read_system_file(machine, f"{FOLDER}/{name}")))
    spool = _find_spool(root, rules)
    for name in _list(machine, spool, whole):
        _take(whole, _print_name(name, read_user_file(machine, f"{spool}/{name}", name)))
    if rules != "busybox":
        _judge_users(machine, whole.lines, now, whole.dropped)
    return Crontabs(tuple(whole.lines), tuple(whole.dropped), tuple(whole.altered), tuple(whole.unreadable), rules)


def find_cron(root: str = "/") -> str | None:
    """Return which cron is installed: `debian`, `cronie` or `busybox`; None where there is none."""
    for name in ("usr/sbin/cron", "usr/sbin/crond", "sbin/crond", "usr/bin/crond"):
        try:
            path = resolve(root, name)
            if os.path.basename(os.path.realpath(path)) == "busybox":
                return "busybox"
            with open_plain(path) as file:
                # A variable that only cronie knows.
                return "cronie" if b"RANDOM_DELAY" in file.read(MOST_BYTES) else "debian"
        except OSError:
            continue
    return None


def find_zone(line: CronLine, cron: str) -> str | None:
    """Return the time zone in which a line's schedule counts; None is the machine's. Only cronie minds CRON_TZ."""
    return dict(line.environment).get("CRON_TZ") if cron == "cronie" else None


def stamp(root: str = "/", *, now: float | None = None) -> tuple[Look, ...] | None:
    """Return what changes whenever read_crontabs could answer otherwise, by stat alone; None where we may not look.

    With `now` it changes every day, too, as accounts run out by the day.
    """
    found = [_look(root, name) for name in ("etc/passwd", "etc/shadow", "etc/default/cron", SYSTEM)]
    found.extend(_look(root, name) for name in ("usr/sbin/cron", "usr/sbin/crond", "sbin/crond", "usr/bin/crond"))
    if now is not None:
        found.append(("day", int(now // DAY_S), 0, 0, 0))
    for folder in (FOLDER, SPOOL, os.path.dirname(SPOOL)):
        found.append(_look(root, folder))
        try:
            names = sorted(os.listdir(resolve(root, folder)))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return None
        found.extend(_look(root, f"{folder}/{name}") for name in names)
    return tuple(found)


def _look(root: str, name: str) -> Look:
    path = os.path.join(root, name)
    try:
        status = os.stat(resolve(root, name))
    except OSError:
        try:
            status = os.lstat(resolve(root, name, follow_last=False))
        except OSError:
            return (path, 0, 0, 0, 0)
    # A change of owner, mode or links shows in ctime.
    return (path, status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)


def _take(whole: Parsed, part: Parsed) -> None:
    whole.lines.extend(part.lines)
    whole.dropped.extend(part.dropped)
    whole.altered.extend(part.altered)
    whole.unreadable.extend(part.unreadable)


def _print_name(name: str, part: Parsed) -> Parsed:
    return part if name.isascii() else make_printable(part)


def _find_spool(root: str, rules: str) -> str:
    """Return the folder of the user crontabs; cronie has it one up, but not as Debian builds it."""
    if rules == "cronie" and not _is_folder(root, SPOOL):
        return os.path.dirname(SPOOL)
    return SPOOL


def _is_folder(root: str, name: str) -> bool:
    try:
        return os.path.isdir(resolve(root, name))
    except OSError:
        return False  # links in circles


def _list(machine: Machine, folder: str, whole: Parsed) -> list[str]:
    try:
        return sorted(os.listdir(machine.path(folder)))
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        whole.unreadable.append((f"/{folder}", "not a folder"))
        return []
    except OSError as error:
        whole.unreadable.append((f"/{folder}", error.strerror or str(error)))
        if folder != FOLDER and os.path.realpath(machine.root) == "/":
            _take(whole, ask_crontab(machine, folder))
        return []


def _judge_users(machine: Machine, lines: list[CronLine], now: float | None, dropped: list[DroppedLine]) -> None:
    """Drop the lines that cron starts as a user for whom it cannot: PAM turns them down, or cronie finds no home."""
    judged: dict[tuple[str, str | None], tuple[str, str] | None] = {}
    kept: list[CronLine] = []
    for line in lines:
        home = dict(line.environment).get("HOME") if machine.rules == "cronie" else None
        key = (line.user, home)
        if key not in judged:
            judged[key] = _judge_user(machine, line.user, home, now)
        trouble = judged[key]
        if trouble is None:
            kept.append(line)
        else:
            dropped.append(drop(line, *trouble))
    lines[:] = kept


def _judge_user(machine: Machine, user: str, home: str | None, now: float | None) -> tuple[str, str] | None:
    code = None if now is None else find_expiry(machine.users, user, now)
    if code is not None:
        what = "account" if code == "account-expired" else "password"
        return code, f"the {what} of {user} has expired: PAM turns cron down"
    home = home or machine.users.homes.get(user)
    judges_homes = machine.rules == "cronie" and is_whole(machine.root)
    if judges_homes and home and not _is_folder(machine.root, home):
        return "no-home", f"cron starts nothing for {user}, whose home {home} is missing"
    return None
