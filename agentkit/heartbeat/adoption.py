"""What is a crontab with each of its lines wrapped, and what was it before?

Only lines that leave no evidence change, and only so that their effects stay the same; every other byte of the file
stays. What was changed is remembered line by line, so that it can be taken back whatever a person did meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from agentkit.core.anacrontab import parse_anacrontab
from agentkit.core.cronbusybox import parse_busybox
from agentkit.core.cronline import CronLine
from agentkit.core.cronrow import escape_command, split_row
from agentkit.core.crontext import Parsed, parse_crontab
from agentkit.heartbeat.crontabplace import Place
from agentkit.heartbeat.launchers import SHELLS
from agentkit.heartbeat.linejudging import COVERED, DEAD, find_fix, judge_line
from agentkit.heartbeat.wrapping import LONGEST_BYTES, Mended, Names, find_shell, rules_of, unwrap_command, wrap_line


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
    """What is known of the machine: whose cron it has, who is a user and where at home, which jobs there are."""

    cron: str
    is_user: Callable[[str], bool]
    find_home: Callable[[str], str]
    program: str
    jobs: frozenset[str]


def plan_adoption(content: bytes, place: Place, around: Surroundings) -> Adoption:
    """Return the crontab with each silent line wrapped, as far as its effects stay the same."""
    text = _decode(content)
    parsed = _parse(text, place, around)
    rows = text.split("\n")
    judged = [
        judge_line(line, [one for one in parsed.altered if one.number == line.number], around.find_home(line.user), "/")
        for line in parsed.lines
    ]
    names = Names([*around.jobs, *(job for one in judged for job in one.silence.jobs)])
    changes: dict[int, Change] = {}
    wanted: dict[int, Mended] = {}
    left = [Left(one.number, f"cron will not run it: {one.why}", one.fix) for one in parsed.dropped]
    for one in judged:
        line, silence = one.line, one.silence
        if one.state == COVERED:
            continue
        fix = find_fix(one, names.copy(), program=around.program, rules=around.cron)
        if one.state == DEAD:
            left.append(Left(line.number, one.reasons[0].text, fix))
            continue
        if silence.is_wrapped and not silence.works:
            left.append(Left(line.number, f"stays silent: {one.reasons[0].text}", fix))
            continue
        if rows[line.number - 1] != line.text:
            left.append(Left(line.number, "stays silent: it goes on over several rows", fix))
            continue
        job = names.choose(silence)
        mended = wrap_line(line, silence, job=job, program=around.program, rules=around.cron, only_quiet=True)
        if mended is None:
            left.append(Left(line.number, f"stays silent: {_say_why_not(line)}", fix))
            continue
        wanted[line.number] = mended
        changes[line.number] = Change(rows[line.number - 1], mended.row, mended.job)
        after = judge_line(replace(line, command=mended.command, text=mended.row), (), around.find_home(line.user), "/")
        if after.state != COVERED:
            left.append(Left(line.number, f"stays silent: {after.reasons[0].text}", fix))
    for number in _find_wrong(parsed, wanted, _parse(_put(rows, changes), place, around)):
        del changes[number]
        left.append(Left(number, "stays silent: no line could be written that cron takes for the same command", None))
    new = _encode(_put(rows, changes))
    return Adoption(content, new, changes, tuple(sorted(left, key=lambda one: one.number)))


def take_back(content: bytes, changes: Sequence[Change], place: Place, around: Surroundings) -> tuple[bytes, list[int]]:
    """Return a crontab with its wrapped rows as they were, and the numbers of those that a person has changed since.

    A row that is as it was written becomes the row that it was before. Of one that was changed the command is
    unwrapped; its times, and whatever else is new in it, stay.
    """
    text = _decode(content)
    known = {change.new: change.old for change in changes}
    rows = text.split("\n")
    edited: list[int] = []
    wrapped = {line.number: line for line in _parse(text, place, around).lines if unwrap_command(line.command)}
    for number, row in enumerate(rows, 1):
        if row in known:
            rows[number - 1] = known[row]
        elif number in wrapped:
            rows[number - 1] = _unwrap_row(wrapped[number], changes, around.cron)
            edited.append(number)
    return _encode("\n".join(rows)), edited


def _unwrap_row(line: CronLine, changes: Sequence[Change], cron: str) -> str:
    rules = rules_of(line, cron)
    before, _, fed = split_row(line.text, kind=line.kind, rules=rules)
    for change in changes:
        # Only the times were changed: the command is the old one to the letter, what was cut from it included.
        if (
            split_row(change.new, kind=line.kind, rules=rules)[1:]
            == split_row(line.text, kind=line.kind, rules=rules)[1:]
        ):
            return before + "".join(split_row(change.old, kind=line.kind, rules=rules)[1:])
    return before + escape_command(unwrap_command(line.command) or "", rules) + fed


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


def _say_why_not(line: CronLine) -> str:
    shell = find_shell(line)
    if os.path.basename(shell) not in SHELLS:
        return f"{shell} reads other lines than sh does"
    return f"wrapped it has over {LONGEST_BYTES} bytes, and cron takes no longer command"


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
