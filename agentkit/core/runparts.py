"""Which files of a folder would run-parts run, and which would it leave out?"""

import errno
import os
import re
import stat
from collections.abc import Sequence
from enum import Enum

from agentkit.core.cronbytes import make_printable, tell_unreadable
from agentkit.core.cronline import FIXES, CronLine, DroppedLine
from agentkit.core.cronnames import is_left_over
from agentkit.core.crontext import Parsed
from agentkit.core.cronusers import MOST_BYTES
from agentkit.core.plainfiles import open_plain
from agentkit.core.rooted import is_whole, resolve
from agentkit.core.runpartschoice import choose_names

FOLDERS = {
    "etc/cron.hourly": "@hourly",
    "etc/cron.daily": "@daily",
    "etc/cron.weekly": "@weekly",
    "etc/cron.monthly": "@monthly",
    "etc/cron.yearly": "@yearly",
}
PROGRAMS = ("usr/bin/run-parts", "bin/run-parts", "usr/sbin/run-parts", "sbin/run-parts")
NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
LONGEST_FIRST_LINE = 255  # bytes that the kernel reads to tell how to run a file (BINPRM_BUF_SIZE)
LISTS = ("jobs.allow", "jobs.deny", "whitelist")  # names that the script of crontabs is told to run or not


def read_run_parts(root: str = "/") -> tuple[tuple[CronLine, ...], tuple[DroppedLine, ...]]:
    """Return what run-parts would run of cron.hourly, cron.daily and their like, and what it would leave out."""
    flavour = find_run_parts_flavour(root) or "debian"
    parts = [read_folder(root, folder, flavour=flavour, schedule=schedule) for folder, schedule in FOLDERS.items()]
    lines = tuple(line for part in parts for line in part.lines)
    return lines, tuple(line for part in parts for line in part.dropped)


def find_run_parts_flavour(root: str = "/") -> str | None:
    """Return which run-parts is installed: `debian`, `busybox` or `crontabs` (a shell script); None where none is."""
    for name in PROGRAMS:
        try:
            with open_plain(resolve(root, name)) as file:
                content = file.read(MOST_BYTES)
        except OSError:
            continue
        if content.startswith(b"#!"):
            return "crontabs"
        return "busybox" if b"BusyBox v" in content else "debian"
    return None


def read_folder(
    root: str,
    folder: str,
    *,
    flavour: str = "debian",
    options: Sequence[str] = (),
    schedule: str = "",
    user: str = "root",
) -> Parsed:
    """Return what root's run-parts would run of a folder of the machine with this root folder, in its order.

    Lines are of kind `run-parts`, with number 0 and the path as file and command; `schedule` and `user` are theirs.
    `options` are the words that run-parts is given before the folder, `flavour` is as from find_run_parts_flavour.
    Among the dropped are files that run-parts tries in vain; what is no file, or put aside, is no news. A folder that
    is missing has no lines; one that cannot be read is in `unreadable`.
    """
    folder = folder.strip("/")
    parsed = Parsed()
    try:
        names = sorted(os.listdir(resolve(root, folder)), key=os.fsencode)
        choice = choose_names(names, flavour=flavour, options=options)
    except FileNotFoundError:
        return parsed
    except NotADirectoryError:
        return Parsed(unreadable=[(f"/{folder}", "not a folder")])
    except OSError as error:
        return tell_unreadable(folder, error)
    except ValueError as error:
        return Parsed(unreadable=[(f"/{folder}", str(error))])
    taken = choice.taken
    if flavour == "crontabs":
        taken = _apply_lists(root, folder, names, taken)
        names = [name for name in names if name not in LISTS]
    refusal, end = choice.refusal, _End.NOT
    for name in reversed(names) if choice.reverse else names:
        path = f"/{folder}/{name}"
        try:
            trouble = _judge(root, path, name, is_taken=name in taken, flavour=flavour)
        except OSError as error:
            parsed.unreadable.extend(tell_unreadable(path[1:], error).unreadable)
            continue
        if choice.exits_on_error and name in taken and refusal is None:
            end = _find_end(root, path, flavour, trouble[0] if trouble else None, end)
        if trouble is None and refusal is not None:
            trouble = "run-parts-option", refusal
        if end is _End.HERE:
            refusal, end = f"with --exit-on-error run-parts ends at {name}", _End.NOT
        if trouble is None:
            parsed.lines.append(CronLine(path, 0, user, schedule, path, None, (), path, "run-parts"))
        elif trouble[0]:
            parsed.dropped.append(DroppedLine(path, 0, user, path, *trouble, FIXES[trouble[0]]))
    return make_printable(parsed)


class _End(Enum):
    """Does run-parts end at a file, with --exit-on-error?"""

    NOT, HERE, AFTER_NEXT = range(3)


def _find_end(root: str, path: str, flavour: str, code: str | None, before: _End) -> _End:
    """Return whether run-parts ends at what is no program; a program's own failure cannot be foreseen."""
    if code == "no-interpreter":
        return _End.HERE
    if flavour == "busybox":
        # It passes over pipes, and tries to run devices and sockets.
        tried = code == "not-regular" and not stat.S_ISFIFO(os.stat(resolve(root, path)).st_mode)
        return _End.HERE if tried else _End.NOT
    if code in ("symlink-broken", "exec-format"):
        return _End.HERE
    # Debian's program sees an error about what is no plain file only after the next program.
    if code == "not-regular":
        return _End.AFTER_NEXT
    return _End.HERE if code is None and before is _End.AFTER_NEXT else before


def _judge(root: str, path: str, name: str, *, is_taken: bool, flavour: str) -> tuple[str, str] | None:
    """Return code and reason when run-parts does not run the file; an empty code where no one expects it to."""
    try:
        where = resolve(root, path)
        status = os.stat(where)
    except OSError as error:
        if error.errno not in NOWHERE:
            raise
        return "" if is_left_over(name) and not is_taken else "symlink-broken", "the link leads nowhere"
    if stat.S_ISDIR(status.st_mode):
        return "", "a folder"
    if not is_taken:
        aside = is_left_over(name)
        return "" if aside else "run-parts-name", f"run-parts runs no file named {name} here"
    if not stat.S_ISREG(status.st_mode):
        return "not-regular", "run-parts runs plain files only"
    if not status.st_mode & 0o111:
        code = "" if is_left_over(name) else "not-executable"
        return code, f"the file is not executable (mode {status.st_mode & 0o7777:04o})"
    return _judge_content(root, where, flavour)


def _judge_content(root: str, where: str, flavour: str) -> tuple[str, str] | None:
    """Return code and reason when the kernel does not run the file (execve(2))."""
    with open_plain(where) as file:
        first = file.read(LONGEST_FIRST_LINE).partition(b"\n")[0]
    words = re.split(rb"[ \t\0]", first[2:].lstrip(b" \t"), maxsplit=1)
    interpreter = words[0]
    if not first.startswith(b"#!") or not interpreter:
        # Shells, and busybox, then run the file as a script of their own; what is no text may be known to the kernel.
        is_text = re.search(rb"[^\t\r -~\x80-\xff]", first) is None
        why = "the first line names no program with #!, so the kernel does not run it"
        return ("exec-format", why) if is_text and flavour == "debian" else None
    if interpreter[:1] != b"/" or not is_whole(root):
        return None
    name = os.fsdecode(interpreter)
    try:
        if os.path.exists(resolve(root, name)):
            return None
    except OSError:
        pass  # links in circles lead nowhere
    return "no-interpreter", f"there is no {name!r} to run it"


def _apply_lists(root: str, folder: str, names: Sequence[str], taken: frozenset[str]) -> frozenset[str]:
    """Return the names without those that the script of crontabs is told to leave out; each row is an expression."""
    for name in LISTS:
        if name not in names:
            continue
        try:
            with open_plain(resolve(root, f"{folder}/{name}")) as file:
                rows = set(file.read(65536).decode(errors="surrogateescape").split("\n"))
        except OSError:
            continue  # the script asks whether it can read the list
        # The script looks for the file's name in the list, where a dot stands for any letter.
        found = frozenset(
            file for file in taken if any(re.fullmatch(re.escape(file).replace("\\.", "."), row) for row in rows)
        )
        taken = taken - found if name == "jobs.deny" else found
    return taken
