"""Is every line of a generated crontab accounted for, and does what runs come when its fields say?

Each row is written together with what it means. The times are worked out here from the sets of values that a field was
written from, day by day: a day counts when both its fields name it, where one of them begins with a star; else when
either does.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.core.crontext import Parsed, parse_crontab
from agentkit.core.schedule import next_run

FIELDS = ((0, 59, ""), (0, 23, ""), (1, 31, ""), (1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"))
WEEK = (0, 7, "sun mon tue wed thu fri sat")
MACROS = {
    "@yearly": ({0}, {0}, {1}, {1}, set(range(7))),
    "@annually": ({0}, {0}, {1}, {1}, set(range(7))),
    "@monthly": ({0}, {0}, {1}, set(range(1, 13)), set(range(7))),
    "@weekly": ({0}, {0}, set(range(1, 32)), set(range(1, 13)), {0}),
    "@daily": ({0}, {0}, set(range(1, 32)), set(range(1, 13)), set(range(7))),
    "@midnight": ({0}, {0}, set(range(1, 32)), set(range(1, 13)), set(range(7))),
    "@hourly": ({0}, set(range(24)), set(range(1, 32)), set(range(1, 13)), set(range(7))),
}
BLANKS = (" ", " ", " ", "\t", "  ", " \t ", "\t\t")
# As it is written, what the shell gets, what is fed to it.
COMMANDS: tuple[tuple[str, str, str | None], ...] = (
    ("run", "run", None),
    ("run --now  >/dev/null 2>&1", "run --now  >/dev/null 2>&1", None),
    ("date +\\%F", "date +%F", None),
    ("mail ada%hello%", "mail ada", "hello\n"),
    ("cat % a\\%b %c", "cat ", " a%b \nc\n"),
    ("sed 's/\\\\/x/'", "sed 's/\\/x/'", None),
    ("echo é \udce4 \u00a0", "echo é \udce4 \u00a0", None),
    ("A=b c=d # e", "A=b c=d # e", None),
    ('"quo ted" \\', '"quo ted" \\', None),
    ("@daily", "@daily", None),
)
ASSIGNMENTS = (
    ("MAILTO=ada", "MAILTO", "ada"),
    ("  PATH = /bin:/usr/bin  ", "PATH", "/bin:/usr/bin"),
    ("A='b  c'", "A", "b  c"),
    ('MAILTO=""', "MAILTO", ""),
    ("'A'=é", "A", "é"),
    ("B=* * * * * run", "B", "* * * * * run"),
    ("C=%\\%", "C", "%\\%"),
)
SILENT = ("", " \t", "# * * * * * run", "\t# é \udce4", "#")
BAD = (
    *(
        "* * * *",
        "60 * * * * run",
        "* 24 * * * run",
        "* * 0 * * run",
        "* * * 13 * run",
        "* * * * 8 run",
        "*/0 * * * * run",
    ),
    *(
        "1/2 * * * * run",
        "1- * * * * run",
        "1,, * * * * run",
        "@Daily run",
        "@never run",
        "x",
        "MAILTO=",
        "A='b' c d e f g",
    ),
    *("\u00a0* * * * * run", "* * * * monday run", "* * * janu * run", "-1 * * * * run", "\f* * * * * run", "A B=c"),
)
LONG = 1_000_000
YEARS = 41  # after at most 40, a 29 February has the weekday that is asked for


@dataclass(frozen=True)
class Row:
    """A row of a crontab and what it means; `times` are the values of the five fields, None for @reboot."""

    text: str
    kind: str
    command: str = ""
    stdin: str | None = None
    times: tuple[set[int], ...] | None = None
    is_both: bool = False
    assignment: tuple[str, str] = ("", "")


def _write_value(choices: random.Random, value: int, low: int, names: list[str]) -> str:
    if names and value - low < len(names) and choices.random() < 0.4:
        return choices.choice([str.lower, str.upper, str.title])(names[value - low])
    return choices.choice(["%d", "%d", "%02d"]) % value


def _write_field(choices: random.Random, low: int, high: int, spelt: str) -> tuple[str, set[int], bool]:
    """Return a field, the values that it names, and whether it begins with a star."""
    names, pieces, values = spelt.split(), [], set()
    for _ in range(choices.choice([1, 1, 1, 2, 3])):
        kind = choices.randrange(6)
        first, last = choices.randint(low, high), choices.randint(low, high)
        step = choices.choice([1, 2, 5, 7, 10, 40])
        if kind < 2:
            pieces.append("*" if kind else f"*/{step}")
            values |= set(range(low, high + 1, 1 if kind else step))
        elif kind == 2:
            pieces.append(_write_value(choices, first, low, names))
            values.add(first)
        else:
            if choices.random() < 0.9:
                first, last = sorted((first, last))
            written = [_write_value(choices, value, low, names) for value in (first, last)]
            step = 1 if kind < 5 else step
            pieces.append("-".join(written) + (f"/{step}" if kind == 5 else ""))
            values |= set(range(first, last + 1, step))
    text = ",".join(pieces) + choices.choice([""] * 9 + [".x"])
    return text, values, text.startswith("*")


def _make_row(choices: random.Random, *, has_user: bool) -> Row:
    kind = choices.randrange(20)
    if kind < 3:
        text, name, value = choices.choice(ASSIGNMENTS)
        return Row(text, "assignment", assignment=(name, value))
    if kind < 6:
        return Row(choices.choice(SILENT), "silent")
    if kind == 6:
        return Row(choices.choice(BAD), "bad") if choices.random() < 0.5 else Row("", "silent")
    written, command, stdin = choices.choice(COMMANDS)
    blank = choices.choice(BLANKS)
    rest = f"{blank}root{choices.choice(BLANKS)}{written}" if has_user else f"{blank}{written}"
    begin = choices.choice(["", "", " ", "\t"])
    if kind == 7:
        return Row(f"{begin}@reboot{rest}", "entry", command, stdin)
    if kind < 10:
        macro = choices.choice(list(MACROS))
        return Row(f"{begin}{macro}{rest}", "entry", command, stdin, MACROS[macro], is_both=True)
    fields = [_write_field(choices, *field) for field in (*FIELDS, WEEK)]
    text = begin + "".join(field[0] + choices.choice(BLANKS) for field in fields).rstrip() + rest
    *others, week = (field[1] for field in fields)
    times = (*others, {day % 7 for day in week})
    return Row(text, "entry", command, stdin, times, is_both=fields[2][2] or fields[4][2])


def _is_day(row: Row, day: datetime) -> bool:
    assert row.times is not None
    _, _, days, months, week = row.times
    matches = day.day in days, day.isoweekday() % 7 in week
    return day.month in months and (all(matches) if row.is_both else any(matches))


def _find_next(row: Row, after: int) -> float | None:
    """Return the first minute after a time, in seconds since 1970 and in UTC, that the row names."""
    assert row.times is not None
    minutes, hours = sorted(row.times[0]), sorted(row.times[1])
    if not minutes or not hours:
        return None
    day = datetime.fromtimestamp(after, UTC).replace(hour=0, minute=0, second=0)
    end = day + timedelta(days=366 * YEARS)
    while day < end:
        if row.times[3].isdisjoint({day.month}):
            day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            continue
        if _is_day(row, day):
            for hour in hours:
                for minute in minutes:
                    at = day.replace(hour=hour, minute=minute).timestamp()
                    if at > after:
                        return at
        day += timedelta(days=1)
    return None


def _parse(text: str, *, has_user: bool) -> Parsed:
    return parse_crontab(text, file="/x", owner=None if has_user else "root", is_user=lambda user: user == "root")


@settings(max_examples=1000, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 2**32), min_size=1, max_size=8),
    has_user=st.booleans(),
    newline=st.sampled_from(["\n", "\n", "\n", "\r\n"]),
    is_ended=st.sampled_from([True, True, True, False]),
    after=st.integers(0, 2**31),
)
def test_a_generated_crontab_is_read_as_it_was_meant(
    seeds: list[int], has_user: bool, newline: str, is_ended: bool, after: int
) -> None:
    rows = [_make_row(random.Random(seed), has_user=has_user) for seed in seeds]
    text = newline.join(row.text for row in rows) + (newline if is_ended else "")
    carriage = newline.removesuffix("\n")
    parsed = _parse(text, has_user=has_user)
    # With a carriage return a row of blanks is one of a bad line, and at its end it is part of the command.
    bad = [place for place, row in enumerate(rows) if row.kind == "bad" or (carriage and row.text.strip(" \t") == "")]
    if not is_ended:
        bad = [place for place in bad if place < len(rows) - 1 or rows[place].text.strip(" \t")]
        if rows[-1].text.strip(" \t") and not rows[-1].text.lstrip(" \t").startswith("#"):
            bad.append(len(rows) - 1)
    entries = [place for place, row in enumerate(rows) if row.kind == "entry"]
    lines = {line.number - 1: line for line in parsed.lines}
    dropped = {line.number - 1: line.code for line in parsed.dropped}
    assert len(lines) + len(dropped) == len(parsed.lines) + len(parsed.dropped)
    assert set(lines) | set(dropped) == {*entries, *bad}
    if bad:
        assert lines == {}
        return
    environment: dict[str, str] = {}
    for place, row in enumerate(rows):
        if row.kind == "assignment":
            environment[row.assignment[0]] = row.assignment[1]
        if row.kind != "entry":
            continue
        expected = None if row.times is None else _find_next(row, after)
        if row.times is not None and expected is None:
            assert dropped[place] == "never"
            continue
        line = lines[place]
        if row.stdin is None:
            assert (line.command, line.stdin) == (row.command + carriage, None)
        else:
            assert line.command == row.command
        assert line.environment == tuple(environment.items())
        assert next_run(line.schedule, float(after), "UTC") == expected, row


def test_a_line_of_a_million_letters_is_told_apart_from_its_neighbours() -> None:
    for place, long in enumerate(
        ("#" + "é" * LONG, "A=" + "x" * LONG, "@daily " + "x" * LONG, "\t" * LONG, "x" * LONG)
    ):
        parsed = _parse(f"@hourly a\n{long}\n@hourly b\n", has_user=False)
        if place in (2, 4):
            assert [line.number for line in parsed.dropped] == [1, 2, 3]
        else:
            assert [line.number for line in parsed.lines] == [1, 3]
