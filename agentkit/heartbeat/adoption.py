"""What is a crontab with each of its lines wrapped, and what was it before?

Only lines that leave no evidence change, and only so that their effects stay the same; every other byte of the file
stays. What was changed is remembered line by line, so that it can be taken back whatever a person did meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

from agentkit.core.anacrontab import parse_anacrontab
from agentkit.core.cronbusybox import parse_busybox
from agentkit.core.cronline import CronLine, DroppedLine
from agentkit.core.cronrow import escape_command, split_row
from agentkit.core.crontext import Parsed, parse_crontab
from agentkit.heartbeat.crontabplace import Place
from agentkit.heartbeat.linejudging import COVERED, DEAD, Judged, find_fix, judge_line
from agentkit.heartbeat.wrapping import (
    Mended,
    Names,
    find_obstacle,
    is_like_wrapped,
    rules_of,
    unwrap_command,
    wrap_line,
)

TOO_LONG = "wrapped it has more bytes than cron takes (Debian's 998), or the kernel"
# The line that kills its file tells of all that it takes along.
KILLED = "killed-by-line"
NOT_WRITTEN = "stays silent: no line could be written that cron takes for the same command"
CUT_OFF = "busybox's crond ends a line at its #"
GOES_ON = "it goes on over several rows"


@dataclass(frozen=True, slots=True)
class Change:
    """One row of a crontab as it was and as it is now (bytes that are no UTF-8 as surrogates), and the job it runs."""

    old: str
    new: str
    job: str


@dataclass(frozen=True, slots=True)
class Left:
    """A row that stays as it is, or that stays silent though it is wrapped: why, and what a person may do."""

    number: int
    why: str
    fix: str | None


@dataclass(frozen=True, slots=True)
class Adoption:
    """A crontab before and after; `changes` has the rows by their numbers, from 1."""

    old: bytes
    new: bytes
    changes: dict[int, Change]
    left: tuple[Left, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known of the machine: whose cron it has, who is a user and where at home, which jobs there are.

    `program` is the path that lines shall name, `bash` that of a bash, None where there is none.
    """

    cron: str
    is_user: Callable[[str], bool]
    find_home: Callable[[str], str]
    program: str
    jobs: frozenset[str]
    bash: str | None = None


@dataclass(frozen=True, slots=True)
class Back:
    """A crontab whose wrapped rows are as they were; which of them a person had changed, and which stay wrapped."""

    content: bytes
    edited: tuple[int, ...]
    stuck: tuple[int, ...]


def plan_adoption(content: bytes, place: Place, around: Surroundings) -> Adoption:
    """Return the crontab with each silent line wrapped, as far as its effects stay the same."""
    text = _decode(content)
    parsed = _parse(text, place, around)
    rows = text.split("\n")
    altered: dict[int, list[DroppedLine]] = defaultdict(list)
    for note in parsed.altered:
        altered[note.number].append(note)
    judged = [judge_line(line, altered[line.number], around.find_home(line.user), "/") for line in parsed.lines]
    names = Names([*around.jobs, *(job for one in judged for job in one.silence.jobs)])
    wanted: dict[int, Mended] = {}
    left = [
        Left(one.number, f"cron will not run it: {one.why}", one.fix) for one in parsed.dropped if one.code != KILLED
    ]
    for one in judged:
        if one.state == COVERED:
            continue
        why, mended = _wrap(one, rows[one.line.number - 1], names, around)
        if mended is not None:
            wanted[one.line.number] = mended
        if why is not None:
            left.append(Left(one.line.number, why, _find_fix(one, names, around)))
    changes = {number: Change(rows[number - 1], mended.row, mended.job) for number, mended in wanted.items()}
    read = partial(_parse, place=place, around=around)
    left += [Left(number, NOT_WRITTEN, None) for number in _take_out_wrong(rows, changes, wanted, parsed, read)]
    new = _encode(_put(rows, changes))
    return Adoption(content, new, changes, tuple(sorted(left, key=lambda one: one.number)))


def take_back(
    content: bytes, changes: Sequence[Change], place: Place, around: Surroundings, *, kept: Collection[str] = ()
) -> Back:
    """Return a crontab with its wrapped rows as they were.

    A row that is as it was written becomes the row that it was before; one that is in `kept` was never ours. Of one
    that was changed since the command is unwrapped; its times, and whatever else is new in it, stay.
    """
    text = _decode(content)
    known = {change.new: change.old for change in changes}
    by_command = _sort_by_command(changes, place, around)
    rows = text.split("\n")
    edited: list[int] = []
    stuck: list[int] = []
    wrapped = {line.number: line for line in _parse(text, place, around).lines if is_like_wrapped(line.command)}
    for number, row in enumerate(rows, 1):
        if row in known:
            rows[number - 1] = known[row]
        elif number in wrapped and row not in kept:
            back = _unwrap_row(wrapped[number], by_command, around.cron)
            rows[number - 1] = row if back is None else back
            (stuck if back is None else edited).append(number)
    return Back(_encode("\n".join(rows)), tuple(edited), tuple(stuck))


def _wrap(one: Judged, row: str, names: Names, around: Surroundings) -> tuple[str | None, Mended | None]:
    """Return what is to be told of a line that is not covered, and what it becomes."""
    line, silence = one.line, one.silence
    if one.state == DEAD:
        return _say_why(one), None
    if silence.is_wrapped and not silence.works:
        return f"stays silent: {_say_why(one)}", None
    # anacron takes a row that ends with a backslash and the next one for one line.
    goes_on = row != line.text or (line.kind == "anacron" and row.endswith("\\"))
    obstacle = GOES_ON if goes_on else find_obstacle(line)
    if obstacle is not None:
        return f"stays silent: {obstacle}", None
    mended = wrap_line(
        line,
        silence,
        job=names.choose(silence),
        program=around.program,
        rules=around.cron,
        only_quiet=True,
        bash=around.bash,
    )
    if mended is None:
        is_cut = around.cron == "busybox" and "#" in line.command
        return f"stays silent: {CUT_OFF if is_cut else TOO_LONG}", None
    after = judge_line(replace(line, command=mended.command, text=mended.row), (), around.find_home(line.user), "/")
    if after.state == COVERED:
        return None, mended
    # What goes on in the background may print for longer than a wrapper listens, and would be ended by that.
    is_left = "background" in after.silence.hidden or "background" in after.silence.reasons
    return f"stays silent: {_say_why(after)}", None if is_left else mended


def _say_why(judged: Judged) -> str:
    return judged.reasons[0].text if judged.reasons else "its shell can make nothing of it"


def _find_fix(one: Judged, names: Names, around: Surroundings) -> str | None:
    return find_fix(one, names.copy(), program=around.program, rules=around.cron)


def _sort_by_command(changes: Sequence[Change], place: Place, around: Surroundings) -> dict[tuple[str, str], str]:
    """Return what stood where a command as it is written now stands, by that."""
    kind, rules = place.kind, "anacron" if place.kind == "anacron" else around.cron
    return {
        split_row(change.new, kind=kind, rules=rules)[1:]: "".join(split_row(change.old, kind=kind, rules=rules)[1:])
        for change in changes
    }


def _unwrap_row(line: CronLine, by_command: dict[tuple[str, str], str], cron: str) -> str | None:
    rules = rules_of(line, cron)
    before, *written = split_row(line.text, kind=line.kind, rules=rules)
    # Where only the times were changed the command is the old one to the letter, what was cut from it included.
    known = by_command.get((written[0], written[1]))
    if known is not None:
        return before + known
    command = unwrap_command(line.command)
    return None if command is None else before + escape_command(command, rules) + written[1]


def _take_out_wrong(
    rows: list[str],
    changes: dict[int, Change],
    wanted: dict[int, Mended],
    before: Parsed,
    read: Callable[[str], Parsed],
) -> list[int]:
    """Take out the changes that cron would not read as they are meant, and return the numbers of their rows."""
    wrong: list[int] = []
    while True:
        after = read(_put(rows, changes))
        bad = [number for number in _find_wrong(before, wanted, after) if number in changes]
        if not bad:
            return wrong
        # One bad row kills a whole file, and then all of them seem to be wrong.
        killers = {one.number for one in after.dropped if one.code != "killed-by-line"}
        for number in [number for number in bad if number in killers] or bad:
            del changes[number]
            wrong.append(number)


def _find_wrong(before: Parsed, wanted: dict[int, Mended], after: Parsed) -> list[int]:
    """Return the rows that cron would not read as they are meant: nothing is written that was not read back."""
    read = {line.number: line for line in after.lines}
    meant = [
        replace(line, command=wanted[line.number].command, text=wanted[line.number].row)
        for line in before.lines
        if line.number in wanted
    ]
    return [line.number for line in meant if read.get(line.number) != line]


def _put(rows: list[str], changes: dict[int, Change]) -> str:
    return "\n".join(changes[number].new if number in changes else row for number, row in enumerate(rows, 1))


def _parse(text: str, place: Place, around: Surroundings) -> Parsed:
    file, owner = place.name, place.user if place.kind == "user" else None
    if place.kind == "anacron":
        return parse_anacrontab(text, file=file)
    if around.cron == "busybox" and owner is not None:
        return parse_busybox(text, file=file, owner=owner)
    rules = "cronie" if around.cron == "cronie" else "debian"
    return parse_crontab(text, file=file, owner=owner, is_user=around.is_user, rules=rules)


def _decode(content: bytes) -> str:
    return content.decode(errors="surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
