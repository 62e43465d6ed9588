"""Does cron read this file at all, and if so, what is in it?

Debian's cron and cronie look at owner, mode, links and name before they read; what does not please them is dropped
with a line in syslog, or without one.
"""

import errno
import os
import stat
from dataclasses import dataclass, replace

from agentkit.core.cronbytes import make_printable, read_content, tell_unreadable
from agentkit.core.cronline import FIXES, DroppedLine, drop
from agentkit.core.cronnames import is_left_over, is_read_by_cronie, is_read_by_debian
from agentkit.core.crontext import Parsed, parse_crontab
from agentkit.core.cronusers import Users, find_uid
from agentkit.core.rooted import resolve

SYSTEM, FOLDER, SPOOL = "etc/crontab", "etc/cron.d", "var/spool/cron/crontabs"
LIST_LIMIT_S = 10
NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


@dataclass(frozen=True)
class Machine:
    """Where the files are, whose rules hold (`debian`, `cronie`, `busybox`), and who the users are."""

    root: str
    rules: str
    users: Users

    def path(self, name: str, *, follow_last: bool = True) -> str:
        """Return where a file of this machine is from here (see resolve)."""
        return resolve(self.root, name, follow_last=follow_last)


def read_system_file(machine: Machine, name: str) -> Parsed:
    """Return what cron makes of /etc/crontab or a file of /etc/cron.d (a path without the leading slash)."""
    base = os.path.basename(name)
    if name != SYSTEM and is_left_over(base):
        return Parsed()
    link = _look(machine, name)
    if isinstance(link, Parsed):
        return link
    if stat.S_ISDIR(link.st_mode):
        # busybox's crond does not look here at all.
        busybox = machine.rules == "busybox"
        return Parsed() if busybox else _no_lines(name, None, "not-regular", "cron reads plain files only")
    if stat.S_ISLNK(link.st_mode) and not _leads_somewhere(machine, name):
        return _no_lines(name, None, "symlink-broken", "the link leads nowhere")
    got = read_content(machine.root, name)
    if isinstance(got, Parsed):
        return got
    status, content = got
    if not stat.S_ISREG(status.st_mode):
        return _no_lines(name, None, "not-regular", "cron reads plain files only")
    parsed = _parse(machine, name, content, None)
    trouble = _judge_system(machine, name, link, status)
    return _drop_all(parsed, *trouble) if trouble else parsed


def read_user_file(machine: Machine, name: str, user: str) -> Parsed:
    """Return what cron makes of a user's crontab."""
    debian = machine.rules == "debian"
    if user.startswith((".", "tmp.")) or (machine.rules == "cronie" and not is_read_by_cronie(user)):
        return Parsed()
    link = _look(machine, name)
    if isinstance(link, Parsed):
        return link
    if stat.S_ISDIR(link.st_mode):
        # A folder in the spool such as atjobs is in no user's way.
        if find_uid(machine.users, user) is None:
            return Parsed()
        return _no_lines(name, user, "not-regular", "cron reads plain files only")
    if stat.S_ISLNK(link.st_mode):
        if debian:
            return _no_lines(name, user, "symlink", "cron follows no link to a user's crontab")
        if not _leads_somewhere(machine, name):
            return _no_lines(name, user, "symlink-broken", "the link leads nowhere")
    got = read_content(machine.root, name, flags=os.O_NOFOLLOW if debian else 0)
    if isinstance(got, Parsed):
        return got
    status, content = got
    if not stat.S_ISREG(status.st_mode):
        return _no_lines(name, user, "not-regular", "cron reads plain files only")
    parsed = _parse(machine, name, content, user)
    trouble = _judge_user(machine, user, status)
    return _drop_all(parsed, *trouble) if trouble else parsed


def ask_crontab(machine: Machine, folder: str) -> Parsed:
    """Return what cron makes of our own crontab, as crontab(1) tells it: the spool is closed to others than root."""
    import pwd
    import subprocess

    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
        answer = subprocess.run(
            ["crontab", "-l"], capture_output=True, timeout=LIST_LIMIT_S, stdin=subprocess.DEVNULL, check=False
        )
    except (KeyError, OSError, subprocess.TimeoutExpired) as error:
        return Parsed(unreadable=[(f"/{folder}", f"crontab -l: {error}")])
    # Without a crontab it ends with 1 and says so.
    return _parse(machine, f"{folder}/{user}", answer.stdout, user) if answer.returncode == 0 else Parsed()


def _look(machine: Machine, name: str) -> os.stat_result | Parsed:
    """Return the status of a file, links not followed; a missing one has no lines."""
    try:
        return os.lstat(machine.path(name, follow_last=False))
    except FileNotFoundError:
        return Parsed()
    except OSError as error:
        return tell_unreadable(name, error)


def _leads_somewhere(machine: Machine, name: str) -> bool:
    """Tell whether a link has a target; where we may not look, it has until reading it shows otherwise."""
    try:
        os.stat(machine.path(name))
    except OSError as error:
        return error.errno not in NOWHERE
    return True


def _parse(machine: Machine, name: str, content: bytes, owner: str | None) -> Parsed:
    text = content.decode(errors="surrogateescape")
    if machine.rules == "busybox" and owner is not None:
        from agentkit.core.cronbusybox import parse_busybox

        parsed = parse_busybox(text, file=f"/{name}", owner=owner)
    else:
        # busybox reads no system files: what lines they hold is told by the common rules.
        rules = "cronie" if machine.rules == "cronie" else "debian"

        def is_user(user: str) -> bool:
            return find_uid(machine.users, user) is not None

        parsed = parse_crontab(text, file=f"/{name}", owner=owner, is_user=is_user, rules=rules)
    return parsed if text.isascii() else make_printable(parsed)


def _judge_system(machine: Machine, name: str, link: os.stat_result, status: os.stat_result) -> tuple[str, str] | None:
    """Return code and reason when cron does not read the file."""
    debian = machine.rules == "debian"
    mode = status.st_mode & 0o7777
    if machine.rules == "busybox":
        return "not-read", "busybox's crond reads user crontabs only"
    base = os.path.basename(name)
    if name != SYSTEM and not (is_read_by_debian(base, machine.root) if debian else is_read_by_cronie(base)):
        return "file-name", f"cron reads no file named {base} in /{FOLDER}"
    if debian and stat.S_ISLNK(link.st_mode) and link.st_uid != 0:
        return "symlink-owner", f"the link belongs to user {link.st_uid}, not to root"
    if status.st_uid != 0:
        return "owner", f"the file belongs to user {status.st_uid}, not to root"
    if mode & 0o022 if debian else mode & 0o7533 != 0o400:
        return "mode-system", f"cron does not trust a file of mode {mode:04o}"
    if debian and status.st_nlink != 1:
        return "hard-links", f"the file has {status.st_nlink} names"
    if debian and name == SYSTEM and int(status.st_mtime) == 0:
        return "mtime-zero", "its last change is the first second of 1970, which cron takes for a missing file"
    return None


def _judge_user(machine: Machine, user: str, status: os.stat_result) -> tuple[str, str] | None:
    """Return code and reason when cron does not read the file."""
    uid = find_uid(machine.users, user)
    if uid is None:
        return "unknown-user", f"there is no user {user}"
    if machine.rules == "busybox":
        return ("owner", f"the file belongs to user {status.st_uid}, not to root") if status.st_uid != 0 else None
    if status.st_uid not in (uid, 0):
        return "owner-user", f"the file belongs to user {status.st_uid}, neither to {user} nor to root"
    mode = status.st_mode & 0o7777
    if mode != 0o600 if machine.rules == "debian" else mode & 0o7533 != 0o400:
        return "mode", f"cron does not trust a file of mode {mode:04o}"
    if status.st_nlink != 1:
        return "hard-links", f"the file has {status.st_nlink} names"
    return None


def _no_lines(name: str, user: str | None, code: str, why: str) -> Parsed:
    """Return a file of which no line can be known."""
    return Parsed(dropped=[DroppedLine(f"/{name}", 0, user, "", code, why, FIXES[code])])


def _drop_all(parsed: Parsed, code: str, why: str) -> Parsed:
    """Return the lines of a file as dropped for a reason that is not in its text."""
    dropped = [drop(line, code, why) for line in parsed.lines]
    for line in parsed.dropped:
        if line.code == "killed-by-line":
            dropped.append(replace(line, code=code, why=why, fix=FIXES[code]))
        elif code != "file-name":  # what is not named as a crontab need not be one
            dropped.append(line)
    return Parsed(dropped=sorted(dropped, key=lambda line: line.number))
