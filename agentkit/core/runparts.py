"""Which files of cron.hourly, cron.daily and their like would run-parts run, and which would it leave out?"""

import os
import stat

from agentkit.core.cronline import FIXES, CronLine, DroppedLine
from agentkit.core.cronnames import is_left_over, is_run_by_run_parts

FOLDERS = {
    "etc/cron.hourly": "@hourly",
    "etc/cron.daily": "@daily",
    "etc/cron.weekly": "@weekly",
    "etc/cron.monthly": "@monthly",
    "etc/cron.yearly": "@yearly",
}


def read_run_parts(root: str = "/") -> tuple[tuple[CronLine, ...], tuple[DroppedLine, ...]]:
    """Return what run-parts would run, and what it would leave out, each with number 0 and its path as the file."""
    lines: list[CronLine] = []
    dropped: list[DroppedLine] = []
    for folder, schedule in FOLDERS.items():
        try:
            names = sorted(os.listdir(os.path.join(root, folder)))
        except OSError:
            continue  # a machine need not have them all
        for name in names:
            path = f"/{folder}/{name}"
            trouble = _judge(os.path.join(root, folder, name), name)
            if trouble is None:
                lines.append(CronLine(path, 0, "root", schedule, path, None, (), path, "run-parts"))
            elif trouble[0]:
                dropped.append(DroppedLine(path, 0, "root", path, *trouble, FIXES[trouble[0]]))
    return tuple(lines), tuple(dropped)


def _judge(path: str, name: str) -> tuple[str, str] | None:
    """Return code and reason when run-parts leaves the file out; an empty code where no one expects it to run."""
    if is_left_over(name):
        return "", "put aside"
    try:
        status = os.stat(path)
    except OSError:
        return "symlink-broken", "the link leads nowhere"
    if stat.S_ISDIR(status.st_mode):
        return "", "a folder"
    if not is_run_by_run_parts(name):
        return "run-parts-name", f"run-parts runs no file named {name}"
    if not stat.S_ISREG(status.st_mode):
        return "not-regular", "run-parts runs plain files only"
    if not status.st_mode & 0o111:
        return "not-executable", f"the file is not executable (mode {status.st_mode & 0o7777:04o})"
    return None
