"""What would anacron run, how often, and which of its lines would it skip?

The rules of Debian's anacron (2.3), found by running it; cronie's build knows more names of periods. Both take every
backslash out of a line, join lines at a backslash before the newline, and run all commands by /bin/sh.
"""

import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from agentkit.core.cronbytes import make_printable, read_content
from agentkit.core.cronline import FIXES, CronLine, DroppedLine, drop
from agentkit.core.crontext import Parsed
from agentkit.core.cronusers import MOST_BYTES
from agentkit.core.rooted import is_whole, resolve

FILE, SPOOL = "etc/anacrontab", "var/spool/anacron"
PROGRAMS = ("usr/sbin/anacron", "sbin/anacron", "usr/bin/anacron")

EMPTY = re.compile(r"[ \t]*(?:#|\Z)")
ASSIGNMENT = re.compile(r"[ \t]*([^ \t=]+)[ \t]*=(.*)\Z", re.DOTALL)
JOB = re.compile(r"[ \t]*([0-9]+|@[^ \t]+)[ \t]+([0-9]+)[ \t]+([^ \t/]+)[ \t]+([^ \t].*)\Z", re.DOTALL)

# How a period begins, what it means, and the fewest and the most days from run to run.
DEBIAN_PERIODS = (("@monthl", "@monthly", 28, 31), ("@yearly", "@yearly", 365, 366))
CRONIE_PERIODS = (
    ("@monthly", "@monthly", 28, 31),
    ("@yearly", "@yearly", 365, 366),
    ("@annually", "@yearly", 365, 366),
    ("@daily", "@daily", 1, 1),
    ("@weekly", "@weekly", 7, 7),
)
ALWAYS = "0d"
MOST = 2**31 - 1
LONGEST_NAME = 255  # bytes of a file's name: the identifier is one
LONGEST_COMMAND = 131_071  # bytes of one argument that the kernel hands on (MAX_ARG_STRLEN)


@dataclass(frozen=True)
class Anacrontab:
    """The jobs of a machine's anacrontab: those that run, those that do not, those that run otherwise than written.

    `unreadable` names the file, with the reason, when it could not be read; `anacron` is whose rules held, `debian` or
    `cronie`.
    """

    lines: tuple[CronLine, ...]
    dropped: tuple[DroppedLine, ...]
    altered: tuple[DroppedLine, ...]
    unreadable: tuple[tuple[str, str], ...]
    anacron: str


def read_anacrontab(root: str = "/", *, anacron: str | None = None) -> Anacrontab:
    """Return what anacron makes of /etc/anacrontab on the machine with this root folder.

    Lines are of kind `anacron` and user root; a schedule is `7d` (days), `0d` (whenever anacron starts), `@monthly` or
    `@yearly`. On a whole machine without anacron, or without its spool folder, all lines are dropped. `anacron` is
    `debian` or `cronie`; without it, the one that is installed. Never raises on what the file holds.
    """
    rules = anacron or find_anacron(root)
    parsed = _read(root, rules or "debian")
    if rules is None and is_whole(root):
        _drop_all(parsed, "no-anacron", "anacron is not installed")
    elif rules is not None and anacron is None and not os.path.isdir(_find(root, SPOOL) or ""):
        _drop_all(parsed, "no-spool", f"anacron ends at once without the folder /{SPOOL}")
    parsed.dropped.sort(key=lambda line: line.number)
    return Anacrontab(
        tuple(parsed.lines),
        tuple(parsed.dropped),
        tuple(parsed.altered),
        tuple(parsed.unreadable),
        rules or "debian",
    )


def find_anacron(root: str = "/") -> str | None:
    """Return which anacron is installed: `debian` or `cronie`; None where there is none."""
    for name in PROGRAMS:
        try:
            with open(resolve(root, name), "rb") as file:
                # A variable that only cronie knows.
                return "cronie" if b"START_HOURS_RANGE" in file.read(MOST_BYTES) else "debian"
        except OSError:
            continue
    return None


def parse_anacrontab(text: str, *, file: str = f"/{FILE}", rules: str = "debian") -> Parsed:
    """Return what anacron makes of an anacrontab's text (anacrontab(5), and what the program really does)."""
    parsed = Parsed()
    environment: dict[str, str] = {}
    jobs: list[tuple[CronLine, str, int, int]] = []
    killer: int | None = None
    for number, rows in _join(text):
        content = _write_line(rows)

        def note(into: list[DroppedLine], code: str, why: str, number: int = number, row: str = rows[0]) -> None:
            into.append(DroppedLine(file, number, "root", row, code, why, FIXES[code]))

        if EMPTY.match(content):
            for below, row in enumerate(rows[1:], number + 1):
                if not EMPTY.match(row):
                    note(parsed.dropped, "swallowed", "the comment above goes on: it ends with a backslash", below, row)
            continue
        assignment = ASSIGNMENT.match(content)
        if assignment is not None:
            environment[assignment[1]] = assignment[2]
            for code, why in _judge_assignment(assignment[1], assignment[2]):
                note(parsed.altered, code, why)
            continue
        job = JOB.match(content)
        if job is None:
            if content.strip(" \t\r\n"):
                note(parsed.dropped, "bad-anacron", "anacron expects period, delay, job identifier and command")
            continue
        period, delay, identifier, command = job.groups()
        if _is_too_large(delay) or (period[0] != "@" and _is_too_large(period)):
            note(parsed.dropped, "bad-anacron", f"anacron takes no number above {MOST}")
            continue
        schedule, fewest, most = _read_period(period, rules)
        line = CronLine(file, number, "root", schedule, command, None, tuple(environment.items()), rows[0], "anacron")
        if identifier in (".", "..") or _count_bytes(identifier) > LONGEST_NAME:
            note(parsed.dropped, "bad-identifier", f"anacron ends at once: no file can be named {identifier[:40]}")
            killer = killer or number
            continue
        jobs.append((line, identifier, fewest, most))
        for code, why in _judge_job(period, schedule, rows, command):
            note(parsed.altered, code, why)
    if killer is not None:
        why = f"line {killer} (bad-identifier) makes anacron end before it runs anything"
        parsed.dropped.extend(drop(line, "killed-by-line", why) for line, *_ in jobs)
        parsed.altered.clear()
    else:
        _keep(parsed, jobs)
    parsed.dropped.sort(key=lambda line: line.number)
    return parsed


def _read(root: str, rules: str) -> Parsed:
    path = _find(root, FILE)
    if path is not None and not os.path.lexists(path):
        return Parsed()
    got = read_content(root, FILE)
    if isinstance(got, Parsed):
        return got
    status, content = got
    if not stat.S_ISREG(status.st_mode):
        what = ("not-regular", "anacron reads plain files only")
        return Parsed(dropped=[DroppedLine(f"/{FILE}", 0, "root", "", *what, FIXES[what[0]])])
    text = content.decode(errors="surrogateescape")
    parsed = parse_anacrontab(text, rules=rules)
    return parsed if text.isascii() else make_printable(parsed)


def _find(root: str, name: str) -> str | None:
    """Return where a file of the machine is from here; None where its links lead round in circles."""
    try:
        return resolve(root, name)
    except OSError:
        return None


def _join(text: str) -> Iterable[tuple[int, list[str]]]:
    """Return each of anacron's lines with the number of its first row; a backslash before the newline joins rows."""
    rows = text.split("\n")
    begin = 0
    for place, row in enumerate(rows):
        if not row.endswith("\\") or place == len(rows) - 1:
            yield begin + 1, rows[begin : place + 1]
            begin = place + 1


def _write_line(rows: list[str]) -> str:
    """Return a line as anacron sees it: no backslash, no NUL, a blank where rows were joined."""
    content = " ".join(row.replace("\\", "").replace("\0", "") for row in rows)
    if len(rows) > 1 and not rows[-1]:
        return content[:-1] + "\n"
    # Only the end of the file can follow.
    return content + "\\" if rows[-1].endswith("\\") else content


def _count_bytes(text: str) -> int:
    return len(text.encode(errors="surrogateescape"))


def _is_too_large(digits: str) -> bool:
    digits = digits.lstrip("0")
    return len(digits) > len(str(MOST)) or int(digits or 0) > MOST


def _read_period(period: str, rules: str) -> tuple[str, int, int]:
    """Return the schedule, and the fewest and the most days from run to run."""
    if period[0] != "@":
        days = int(period.lstrip("0") or 0)
        return f"{days}d", days, days
    for begin, name, fewest, most in DEBIAN_PERIODS if rules == "debian" else CRONIE_PERIODS:
        if period.startswith(begin):
            return name, fewest, most
    return ALWAYS, 0, 0


def _judge_assignment(name: str, value: str) -> Iterable[tuple[str, str]]:
    if value.endswith("\r"):
        yield "carriage-return", f"the value of {name} ends with a carriage return"
    bare = value.removesuffix("\r")
    if bare != bare.strip(" \t") or bare[:1] in ("'", '"'):
        yield "literal-value", f"{name} is {value!r} to the letter"
    if name == "PATH" and "$" in value:
        yield "no-expansion", f"PATH is {value!r} to the letter"
    if name == "SHELL" and value.strip(" \t\r") != "/bin/sh":
        yield "shell-ignored", "anacron runs every command by /bin/sh"


def _judge_job(period: str, schedule: str, rows: list[str], command: str) -> Iterable[tuple[str, str]]:
    if schedule == ALWAYS and period[0] == "@":
        yield (
            "period-unknown",
            f"anacron knows no {period}: it runs the job whenever it starts, or in a long file ends there",
        )
    elif schedule == ALWAYS:
        yield "period-zero", "anacron runs the job whenever it starts, several times a day"
    # The last letter of a row that goes on is the joint.
    if any("\\" in row[:-1] for row in rows) or "\\" in rows[-1][:-1]:
        yield "backslash-removed", f"anacron takes the backslashes out: {command[-60:]}"
    if command.endswith("\r"):
        yield "carriage-return", "the command ends with a carriage return"


def _keep(parsed: Parsed, jobs: list[tuple[CronLine, str, int, int]]) -> None:
    """Sort jobs into those that run and those that cannot."""
    often: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for line, identifier, _, most in jobs:
        often[identifier].append((most, line.number))
    for line, identifier, fewest, _ in jobs:
        most, number = min(often[identifier])
        if _count_bytes(line.command) > LONGEST_COMMAND:
            why = f"the command has over {LONGEST_COMMAND} bytes: the kernel hands it to no shell"
            parsed.dropped.append(drop(line, "command-too-long", why))
        elif most < fewest:
            why = f"line {number} has the same identifier and runs more often: this job is never due"
            parsed.dropped.append(drop(line, "same-identifier", why))
        else:
            parsed.lines.append(line)


def _drop_all(parsed: Parsed, code: str, why: str) -> None:
    parsed.dropped.extend(drop(line, code, why) for line in parsed.lines)
    parsed.lines.clear()
    parsed.altered.clear()
