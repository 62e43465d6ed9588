"""Which times do the five fields of a cron line name, and does cron accept them at all?

The rules are those of Debian's cron (3.0pl1), to the letter: `*`, `a`, `a-b`, `*/n`, `a-b/n`, lists with commas, names
of months and days, 7 for Sunday, and `@daily` and its like. Imported by the hot verbs: nothing but errors here.
"""

from agentkit.core.errors import AgentkitError, Exit

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

# Name, lowest, highest, names of the values from the lowest on.
FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("day of week", 0, 7, DAYS),
)

# cron compares these to the letter: @Daily is an error.
MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
REBOOT = "@reboot"
LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

ALPHANUMERIC = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
LONGEST_NUMBER = 999  # letters that cron collects before it gives up

MOST_KNOWN = 4096
_KNOWN: dict[tuple[str, int, bool], str] = {}


def validate_schedule(text: str) -> None:
    """Raise AgentkitError (usage) unless cron takes the text as a schedule: five fields, or `@daily` and its like.

    Cron also takes times that never come, such as February 31st: nothing could ever be late, so nobody means them.
    """
    fields = _split(text)
    if fields and fields[0].startswith("@"):
        if len(fields) > 1 or (fields[0] not in MACROS and fields[0] != REBOOT):
            raise _bad(text, f"{text.strip()!r} is none of {', '.join([*MACROS, REBOOT])}")
        return
    if len(fields) != 5 or "\n" in text:
        raise _bad(text, f"expected 5 fields (minute hour day-of-month month day-of-week), got {len(fields)}")
    fault = find_fault(fields)
    if fault:
        raise _bad(text, fault)
    if never_comes(" ".join(fields)):
        raise _bad(text, "these times never come")


def _split(text: str) -> list[str]:
    """Return the words between blanks and tabs; a carriage return or a no-break space is part of a word."""
    return [word for word in text.replace("\t", " ").split(" ") if word]


def _bad(text: str, fault: str) -> AgentkitError:
    return AgentkitError(f"bad cron schedule {text!r}: {fault}", status=Exit.USAGE)


def find_fault(fields: list[str], *, strict: bool = False) -> str | None:
    """Return what cron would not accept in five fields, as one phrase; None when it accepts them.

    `strict` is cronie's rule: nothing may follow a value but a comma. Debian's cron skips what does.
    """
    for place, field in enumerate(fields):
        name, low, high, names = FIELDS[place]
        try:
            read_field(field, place, strict=strict)
        except ValueError as error:
            named = f" or {names[0]}-{names[-1]}" if names else ""
            return f"{name} {field!r}: {error}; expected *, {low}-{high}{named}, a-b, */n, a-b/n or a list with commas"
    return None


def read_field(field: str, place: int, *, strict: bool = False) -> str:
    """Return the field in numbers: steps of ranges written out, names replaced, what cron skips left out.

    A field that begins with `*` still does, as day of month and day of week then must both match. Empty where cron
    accepts the field and it names no time at all, such as `30-10`. Raises ValueError when cron does not accept it.
    """
    # Ten thousand lines share a few hundred fields.
    key = (field, place, strict)
    known = _KNOWN.get(key)
    if known is None:
        if len(_KNOWN) > MOST_KNOWN:
            _KNOWN.clear()
        known = _KNOWN[key] = _read_field(field, place, strict)
    return known


def _read_field(field: str, place: int, strict: bool) -> str:
    _, low, high, names = FIELDS[place]
    pieces: list[str] = []
    rest = field
    while True:
        if rest.startswith("*"):
            first, last, rest = low, high, rest[1:]
            star = True
        else:
            star = False
            first, rest = _read_number(rest, low, names)
            if not rest.startswith("-"):
                if rest.startswith("/"):
                    raise ValueError(f"a step needs a range before it: {first}-{high}{rest}")
                last = first
            else:
                last, rest = _read_number(rest[1:], low, names)
        step = 1
        if rest.startswith("/"):
            step, rest = _read_number(rest[1:], 0, ())
            if step <= 0:
                raise ValueError(f"step {step} is not above 0")
        for value in (first, last):
            if not low <= value <= high:
                raise ValueError(f"{value} is out of {low}-{high}")
        # cron looks at the first letter of what is written: `30-10,*` names no day first, and begins with no star.
        if star and (pieces or field.startswith("*")):
            pieces.append("*" if step == 1 else f"*/{step}")
        elif step == 1 and first < last:
            pieces.append(f"{first}-{last}")
        else:
            pieces.extend(map(str, range(first, last + 1, step)))
        if not rest.startswith(","):
            if strict and rest:
                raise ValueError(f"{rest!r} after a value")
            # What follows a whole value up to the next blank is skipped by Debian's cron: `5.7` is 5.
            return ",".join(pieces)
        rest = rest[1:]


def _read_number(text: str, low: int, names: tuple[str, ...]) -> tuple[int, str]:
    end = 0
    while end < len(text) and text[end] in ALPHANUMERIC:
        end += 1
    word, rest = text[:end], text[end:]
    if not word:
        raise ValueError(f"a value is missing before {rest!r}" if rest else "a value is missing")
    if word.lower() in names:
        return names.index(word.lower()) + low, rest
    if not word.isdigit() or end > LONGEST_NUMBER:
        raise ValueError(f"{word[:40]!r} is no value")
    # A C int, as atoi gives it: 4294967301 is 5.
    number = min(int(word), 2**63 - 1) & 0xFFFFFFFF
    return (number if number < 2**31 else number - 2**32), rest


def read_schedule(schedule: str) -> tuple[str, str, str, str, str]:
    """Return the five fields of a schedule in numbers (see read_field), macros replaced; raises ValueError.

    `@reboot` has no times: ValueError.
    """
    fields = _split(MACROS.get(schedule, schedule))
    if len(fields) != 5:
        raise ValueError(f"{schedule!r} has no five fields")
    return (
        read_field(fields[0], 0),
        read_field(fields[1], 1),
        read_field(fields[2], 2),
        read_field(fields[3], 3),
        read_field(fields[4], 4),
    )


def list_values(field: str, place: int) -> frozenset[int]:
    """Return the values that a field from read_field names; 7 as a day of week counts as 0."""
    _, low, high, _ = FIELDS[place]
    values: set[int] = set()
    for piece in field.split(","):
        if piece.startswith("*"):
            values.update(range(low, high + 1, int(piece[2:] or 1)))
        elif "-" in piece:
            first, _, last = piece.partition("-")
            values.update(range(int(first), int(last) + 1))
        elif piece:
            values.add(int(piece))
    if place == 4 and 7 in values:
        values.remove(7)
        values.add(0)
    return frozenset(values)


def is_dated(day: str, month: str) -> bool:
    """Tell whether one of the days of month is in one of the months; fields as from read_field."""
    days = list_values(day, 2)
    return any(value <= LONGEST_MONTHS[number - 1] for number in list_values(month, 3) for value in days)


def never_comes(schedule: str) -> bool:
    """Tell whether cron accepts a schedule that names no moment, such as `30 2 31 2 *` or `30-10 * * * *`."""
    if schedule == REBOOT:
        return False
    minute, hour, day, month, weekday = read_schedule(schedule)
    if not (minute and hour and month):
        return True
    both = day.startswith("*") or weekday.startswith("*")
    dated = is_dated(day, month)
    return not (dated and weekday) if both else not (dated or weekday)
