"""What does cron make of the text of one crontab, and which of its lines would it drop?

The rules of vixie cron, as Debian (3.0pl1) and cronie have them. Debian reads a file whole or not at all: one bad line,
or no newline at the end, and none of its lines runs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from agentkit.core.cronfields import FIELDS, MACROS, REBOOT, find_fault, never_comes
from agentkit.core.cronline import FIXES, CronLine, DroppedLine, drop
from agentkit.core.cronwords import (
    BLANKS,
    C_SPACES,
    LONGEST_ASSIGNMENT,
    is_plain,
    read_assignment,
    split_command,
    split_fields,
    split_word,
)

LONGEST_COMMAND = 998  # bytes; Debian takes one more for a command that was cut off, and that for an error
LAST_LINE = 10_003  # Debian: 10,000 and the header of three that crontab(1) once wrote


@dataclass
class Parsed:
    """What is known of one file's lines; `unreadable` holds its path and the reason when it could not be read."""

    lines: list[CronLine] = field(default_factory=list)
    dropped: list[DroppedLine] = field(default_factory=list)
    altered: list[DroppedLine] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def parse_crontab(
    text: str, *, file: str, owner: str | None, is_user: Callable[[str], bool], rules: str = "debian"
) -> Parsed:
    """Return what cron makes of a crontab's text.

    `owner` is None for files with a user field, `rules` is `debian` or `cronie`. The good lines of a file that a bad
    one kills come back as dropped, and name that line.
    """
    reader = _Reader(file, owner, is_user, rules, plain=is_plain(text))
    rows = text.split("\n")
    unended = rows.pop()
    for number, row in enumerate(rows, 1):
        reader.read(number, row)
    if not _is_empty(unended.lstrip(BLANKS)):
        what = "the whole file" if reader.debian else "it"
        reader.fail(len(rows) + 1, unended, "no-newline", f"cron ignores {what}: the last line has no newline")
    if reader.debian:
        reader.kill_all()
    return reader.parsed


def _is_empty(content: str) -> bool:
    return not content or content[0] == "#"


class _Reader:
    """One file on its way through the grammar: what stands in force, and what came of the lines so far."""

    def __init__(
        self, file: str, owner: str | None, is_user: Callable[[str], bool], rules: str, *, plain: bool
    ) -> None:
        self.file = file
        self.owner = owner
        self.is_user = is_user
        self.debian = rules == "debian"
        self.plain = plain
        self.parsed = Parsed()
        self.killer: tuple[int, str] | None = None
        self.environment: dict[str, str] = {}
        self.in_force: tuple[tuple[str, str], ...] = ()
        self.judged: dict[str, tuple[str, str] | None] = {}
        self.last_read = 0

    def read(self, number: int, row: str) -> None:
        content = row.lstrip(BLANKS)
        if _is_empty(content):
            return
        self.last_read = number
        if "=" in content:
            assignment = read_assignment(content, debian=self.debian)
            if assignment is not None:
                self.assign(number, content, *assignment)
                return
        if not self.debian and content[0] == "-" and self.owner in (None, "root"):
            content = content[1:]  # cronie: do not log this one
        self.read_entry(number, row, content)

    def assign(self, number: int, content: str, name: str, value: str) -> None:
        self.environment[name] = value
        self.in_force = tuple(self.environment.items())
        if self.debian and len(content) > LONGEST_ASSIGNMENT:
            self.alter(number, content, "long-assignment", f"cron cuts the line off after {LONGEST_ASSIGNMENT} bytes")
        if name == "PATH" and "$" in value:
            self.alter(number, content, "no-expansion", f"PATH is {value!r} to the letter")

    def read_entry(self, number: int, row: str, content: str) -> None:
        if content[0] == "@":
            schedule, rest = split_word(content)
            fault = None if schedule in MACROS or schedule == REBOOT else ("bad-time", f"cron knows no {schedule}")
        else:
            fields, rest = split_fields(content, plain=self.plain)
            schedule = " ".join(fields)
            if "~" in schedule and not self.debian:
                schedule = " ".join(fields := [_settle(field, place) for place, field in enumerate(fields)])
            try:
                fault = self.judged[schedule]
            except KeyError:
                fault = self.judged[schedule] = self.judge(fields, schedule)
        if fault is not None and fault[0] != "never":
            self.fail(number, row, *(_explain_assignment(content) or fault))
            return
        user, gap = self.owner, 0
        if user is None:
            words = rest
            user, rest = split_word(words)
            # Debian reads a name on into the next line, and so finds none.
            if len(user) == len(words) or not self.is_user(user):
                self.fail(number, row, *_explain_user(user, rest), user=user or None)
                return
            # Debian counts the blanks after the first as the command's, and hands them over; no shell minds them.
            gap = len(words) - len(user) - 1 - len(rest)
        elif rest.startswith("*"):
            self.fail(number, row, "bad-time", "the command begins with *: one field too many")
            return
        if not rest and not self.debian:
            self.fail(number, row, "no-command", "there is no command", user=user)
            return
        if self.debian and _is_too_long(rest, gap):
            self.fail(number, row, "command-too-long", f"the command has over {LONGEST_COMMAND} bytes", user=user)
            return
        command, stdin = rest, None
        if "%" in rest or "\\" in rest or "\0" in rest or rest[-1:] == "\r":
            command, stdin = self.read_command(number, row, rest, user)
        kind = "system" if self.owner is None else "user"
        line = CronLine(self.file, number, user, schedule, command, stdin, self.in_force, row, kind)
        if fault is None:
            self.parsed.lines.append(line)
        else:
            self.parsed.dropped.append(drop(line, *fault))

    def judge(self, fields: list[str], schedule: str) -> tuple[str, str] | None:
        """Return code and reason when cron does not take these times, or when they never come."""
        if len(fields) < 5:
            return "bad-time", f"expected five times and a command, got {len(fields)} words"
        fault = find_fault(fields, strict=not self.debian)
        if fault is not None:
            return "bad-time", fault
        return ("never", "these times never come") if never_comes(schedule) else None

    def read_command(self, number: int, row: str, rest: str, user: str) -> tuple[str, str | None]:
        rest = rest.partition("\0")[0]
        if not self.debian and rest.startswith(("-n ", "-n\t")):
            rest = rest[3:].lstrip(BLANKS)
        command, stdin = split_command(rest, debian=self.debian)
        if stdin is not None:
            self.alter(number, row, "percent", f"cron runs only what stands before the %: {command[-60:]}", user)
        if self.debian and "\\\\" in rest:
            self.alter(number, row, "backslash-halved", "cron makes one backslash of two", user)
        if rest.endswith("\r"):
            self.alter(number, row, "carriage-return", "the command ends with a carriage return", user)
        return command, stdin

    def fail(self, number: int, row: str, code: str, why: str, *, user: str | None = None) -> None:
        if self.killer is None:
            self.killer = (number, code)
        self.parsed.dropped.append(DroppedLine(self.file, number, user or self.owner, row, code, why, FIXES[code]))

    def alter(self, number: int, row: str, code: str, why: str, user: str | None = None) -> None:
        self.parsed.altered.append(DroppedLine(self.file, number, user or self.owner, row, code, why, FIXES[code]))

    def kill_all(self) -> None:
        """Drop all lines of a file that Debian's cron gives up."""
        if self.killer is not None:
            number, reason = self.killer
            code, why = "killed-by-line", f"line {number} ({reason}) makes cron ignore the whole file"
        elif self.last_read > LAST_LINE:
            code, why = "too-many-lines", f"cron ignores a file that goes on after line {LAST_LINE}"
        else:
            return
        self.parsed.dropped.extend(drop(line, code, why) for line in self.parsed.lines)
        self.parsed.dropped.sort(key=lambda dropped: dropped.number)
        self.parsed.lines.clear()
        self.parsed.altered.clear()


def _is_too_long(command: str, gap: int) -> bool:
    # A letter has at most four bytes.
    return len(command) * 4 + gap > LONGEST_COMMAND and len(command.encode(errors="replace")) + gap > LONGEST_COMMAND


def _explain_user(user: str, rest: str) -> tuple[str, str]:
    if not user:
        return "no-command", "there is no user and no command after the times"
    if user.isascii() and user.replace("-", "").replace("_", "").replace(".", "").isalnum() and not user[0].isdigit():
        return ("unknown-user", f"there is no user {user}") if rest else ("no-command", f"nothing stands after {user}")
    return "no-user", f"{user!r} stands where files in /etc have the user"


def _explain_assignment(content: str) -> tuple[str, str] | None:
    name, equals, value = content.partition("=")
    name = name.strip(C_SPACES)
    if equals and not value.strip(C_SPACES) and name.replace("_", "").isalnum():
        return "assignment-empty", f"{name}= with nothing behind it is no assignment to cron"
    return None


def _settle(field: str, place: int) -> str:
    """Return a field of cronie with its random values (`0~29`) at their latest: late is what a check asks for."""
    pieces = []
    for piece in field.split(","):
        _, tilde, last = piece.partition("~")
        pieces.append((last or str(FIELDS[place][2])) if tilde else piece)
    return ",".join(pieces)
