"""What does busybox's crond make of a crontab?

It reads user crontabs only, each line by itself. It knows two assignments and no `%`; `7` is no day to it, and a value
out of range is written to its log while the line runs at other times than it says. Schedules come back as Debian's cron
would write them: where day of month and day of week are both given, either counts.
"""

from agentkit.core.cronfields import DAYS, MACROS, MONTHS, REBOOT, never_comes
from agentkit.core.cronline import FIXES, CronLine, DroppedLine
from agentkit.core.crontext import Parsed
from agentkit.core.cronwords import BLANKS, split_fields, split_word

MOST_LINES = 255  # of users other than root
MOST_ROOT_LINES = 65534
FIELDS: tuple[tuple[int, int, tuple[str, ...]], ...] = (
    (60, 0, ()),
    (24, 0, ()),
    (32, 0, ()),
    (12, -1, MONTHS),
    (7, 0, DAYS),
)
MOST_STEPS = 1024


def parse_busybox(text: str, *, file: str, owner: str) -> Parsed:
    """Return what busybox's crond makes of a user's crontab."""
    parsed = Parsed()
    environment: dict[str, str] = {}
    count = 0
    most = MOST_ROOT_LINES if owner == "root" else MOST_LINES
    for number, row in enumerate(text.split("\n"), 1):
        content = row.strip(BLANKS)
        if not content or content[0] == "#":
            continue
        count += 1

        def note(into: list[DroppedLine], code: str, why: str, number: int = number, row: str = row) -> None:
            into.append(DroppedLine(file, number, owner, row, code, why, FIXES[code]))

        if count > most:
            note(parsed.dropped, "too-many-lines", f"crond stops reading after {most} lines of this user")
            continue
        if content.startswith(("MAILTO=", "SHELL=")):
            name, _, value = content.partition("=")
            environment[name] = split_word(value)[0]
            continue
        schedule, command, fault = _read_line(content)
        if fault is None:
            in_force = tuple(environment.items())
            parsed.lines.append(CronLine(file, number, owner, schedule, command, None, in_force, row, "user"))
        elif "=" in split_word(content)[0]:
            note(
                parsed.altered, "assignment-ignored", "crond takes only MAILTO= and SHELL=, with no blank before the ="
            )
        else:
            # What runs at other times than it says is altered, not dropped.
            note(parsed.altered if fault[0] == "other-times" else parsed.dropped, *fault)
    return parsed


def _read_line(content: str) -> tuple[str, str, tuple[str, str] | None]:
    """Return schedule, command and what is wrong."""
    if content[0] == "@":
        word, command = split_word(content)
        if not command:
            return word, "", ("no-command", "there is no command")
        return word, command, None if word in MACROS or word == REBOOT else ("bad-time", f"crond knows no {word}")
    fields, command = split_fields(content, plain=False)
    if not command:
        return "", "", ("bad-time", "crond leaves out lines of less than six words")
    values: list[set[int]] = []
    wrong: str | None = None
    for place, field in enumerate(fields):
        got, fault = _read_field(field, place)
        if fault and not got:
            return "", "", ("bad-time", f"crond does not understand {field!r}")
        if fault:
            wrong = field
        values.append(got)
    if wrong is not None:
        return "", "", ("other-times", f"crond does not understand {wrong!r} and runs the line at other times")
    minutes, hours, days, months, weekdays = values
    schedule = " ".join(
        (_write(minutes, 0, 59), _write(hours, 0, 23), *_write_days(days, weekdays, {month + 1 for month in months}))
    )
    if "" in schedule.split(" "):
        return schedule, command, ("never", "these times never come")
    return schedule, command, ("never", "these times never come") if never_comes(schedule) else None


def _write(values: set[int], low: int, high: int) -> str:
    values = {value for value in values if low <= value <= high}
    return "*" if len(values) == high - low + 1 else ",".join(map(str, sorted(values)))


def _write_days(days: set[int], weekdays: set[int], months: set[int]) -> tuple[str, str, str]:
    """Return day, month and weekday as Debian's cron would have them."""
    day, month, weekday = _write(days, 1, 31), _write(months, 1, 12), _write(weekdays, 0, 6)
    given, weekly = len(days) < 32, len(weekdays) < 7
    if given != weekly:
        return (day, month, "*") if given else ("*", month, weekday)
    if "*" in (day, weekday):
        return "*", month, "*"
    return day or "*", month, weekday or "*"


def _read_field(field: str, place: int) -> tuple[set[int], bool]:
    """Return the values that crond would set, counted from 0, and whether it complains."""
    modulus, offset, names = FIELDS[place]
    values: set[int] = set()
    for piece in field.split(","):
        first, last, rest = -1, -1, piece
        while True:
            if rest.startswith("*"):
                first, last, rest = 0, modulus - 1, rest[1:]
            elif rest[:1].isascii() and rest[:1].isdigit():
                digits = len(rest) - len(rest.lstrip("0123456789"))
                number, rest = int(rest[: min(digits, 9)]) + offset, rest[digits:]
                first, last = (number, last) if first < 0 else (first, number)
            elif rest[:3].lower() in names:
                number, rest = names.index(rest[:3].lower()), rest[3:]
                first, last = (number, last) if first < 0 else (first, number)
            else:
                return values, True
            if not (rest.startswith("-") and last < 0):
                break
            rest = rest[1:]
        last = first if last < 0 else last
        step = 1
        if rest.startswith("/"):
            rest = rest[1:]
            digits = len(rest) - len(rest.lstrip("0123456789"))
            step, rest = int(rest[: min(digits, 9)] or 0), rest[digits:]
        if not 0 <= last < modulus:
            return set(range(modulus)), True  # it goes round and round until it gives up
        values.update(_walk(first, last, step, modulus))
        if rest:
            return values, True
    return values, False


def _walk(first: int, last: int, step: int, modulus: int) -> set[int]:
    """Return the values from first to last, round the end where last is the smaller one."""
    length = (last - first) % modulus
    return {(first + walked) % modulus for walked in range(0, length + 1, step or MOST_STEPS)}
