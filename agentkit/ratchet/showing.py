"""What does one verdict say, all of it: what got worse, what it said, and what the candidate changed?"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agentkit.core.asides import read_instant, say_when, warn
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import write_record
from agentkit.core.repo.changes import ALL
from agentkit.core.repo.repository import Repository
from agentkit.core.screen import Column, Styled, print_block, print_line, print_table
from agentkit.core.times import format_instant
from agentkit.ratchet.failedoutput import find_outputs, find_printed, read_runs
from agentkit.ratchet.outcomes import escape_id
from agentkit.ratchet.verdicts import Filed, Place, list_places, read_verdicts
from agentkit.ratchet.viewing import ANSWER_STYLES, SHORT, open_to_look

TITLE_WIDTH = 10
SHOWN, SHOWN_OUTPUTS, SHOWN_FILES = 20, 10, 20
LONGEST_OUTPUT, LONGEST_PRINTED = 3000, 1500
COLUMNS = (Column("file", folds=True), Column("added", is_right=True), Column("removed", is_right=True))
LISTS = ("missing", "fixed", "new", "unstable", "hints")


@dataclass(frozen=True)
class Change:
    """A file that a candidate changed; the counts are of lines, None where it holds no text."""

    path: str
    added: int | None
    removed: int | None


def print_verdict(folder: str, environ: Mapping[str, str], name: str, *, now: float, as_json: bool) -> int:
    """Print one verdict, named by the beginning of its own id or of its candidate's.

    Raises AgentkitError: usage where the name is no id or that of several, unavailable where there is none, bad data
    where its record cannot be read.
    """
    wanted = _read_name(name)
    repository, trouble = open_to_look(folder, environ)
    if trouble:
        warn(trouble.message)
    places = find_places(list_places(repository), wanted)
    one = read_verdicts(repository, places[:1])[0]
    if not one.record:
        raise AgentkitError(
            f"the verdict {one.place.commit[:SHORT]} cannot be read: {one.trouble}",
            hint=f"git show {one.place.commit[:SHORT]}",
            status=Exit.BAD_DATA,
        )
    runs = read_runs(repository, one.place.commit)
    outputs = find_outputs(runs, [str(change.get("id")) for change in one.tables("regressed")])
    changes = read_changes(repository, one)
    if as_json:
        write_record(
            {
                **one.record,
                "outputs": [{"id": test, "text": text} for test, text in outputs.items()],
                "changes": [
                    {"path": change.path, "added": change.added, "removed": change.removed} for change in changes
                ],
            }
        )
        return Exit.OK
    _draw(one, now, earlier=len(places) - 1)
    _draw_tests(one)
    _draw_outputs(outputs, runs, one)
    _draw_changes(one, changes)
    return Exit.OK


def find_places(places: Sequence[Place], wanted: str) -> list[Place]:
    """Return the verdict of that id, or those on a candidate of that id, the newest first.

    Raises AgentkitError: unavailable where there is none, usage where the beginning is that of several.
    """
    named = [place for place in places if place.commit.startswith(wanted)]
    found = named or [place for place in places if place.candidate.startswith(wanted)]
    if not found:
        raise AgentkitError(f"there is no verdict {wanted}", hint="agentkit ratchet log")
    ids = sorted({place.commit for place in named} or {place.candidate for place in found})
    if len(ids) > 1:
        shown = ", ".join(one[:SHORT] for one in ids[:3])
        raise AgentkitError(f"{wanted} is the beginning of {len(ids)} ids: {shown}", status=Exit.USAGE)
    return found


def read_changes(repository: Repository, one: Filed) -> list[Change]:
    """Return what the candidate changed against its base; nothing where one of them is not there any more."""
    base = one.text("base")
    if not re.fullmatch(r"[0-9a-f]{40,64}", base) or base == one.place.candidate:
        return []
    words = ["diff-tree", "-r", "-z", "--numstat", "--no-renames", ALL, "--no-ext-diff", "--no-textconv"]
    ended = repository.ask(*words, "--end-of-options", base, one.place.candidate)
    if ended.status != 0:
        return []
    rows = [row.split("\t", 2) for row in os.fsdecode(ended.stdout).split("\0") if row.count("\t") >= 2]
    return [
        Change(path, int(added) if added.isdigit() else None, int(removed) if removed.isdigit() else None)
        for added, removed, path in rows
    ]


def _read_name(name: str) -> str:
    wanted = name.rpartition("@")[2].lower()
    if not re.fullmatch(r"[0-9a-f]{4,64}", wanted):
        raise AgentkitError(
            f"{name!r} is no id of a verdict: expected 4 or more of its hexadecimal digits",
            hint="agentkit ratchet log",
            status=Exit.USAGE,
        )
    return wanted


def _draw(one: Filed, now: float, *, earlier: int) -> None:
    answer = one.text("answer")
    print_line(Styled(answer, ANSWER_STYLES[answer]), one.text("reason"))
    for title, text in _describe(one, now):
        print_line(" ", Styled(f"{title:<{TITLE_WIDTH}}", "dim"), text)
    if earlier:
        told = "an earlier verdict" if earlier == 1 else f"{earlier} earlier verdicts"
        print_line(" ", Styled(f"{'before':<{TITLE_WIDTH}}", "dim"), f"{told} on the same candidate")


def _describe(one: Filed, now: float) -> Iterator[tuple[str, str]]:
    yield "verdict", one.place.commit[:SHORT]
    yield "candidate", one.place.candidate[:SHORT]
    yield "base", one.text("base")[:SHORT]
    at = read_instant(one.record.get("at"))
    at = one.place.at if at is None else at
    yield "when", f"{format_instant(at)} ({say_when(at, now)}), on {one.text('host')}"
    if one.text("mechanism"):
        yield "mechanism", one.text("mechanism")
    if one.trouble:
        yield "trouble", one.trouble
    runs = Counter(
        ": ".join(str(run[key]) for key in ("name", "trouble") if run.get(key)) for run in one.tables("runs")
    )
    for told, times in runs.items():
        yield "run", told if times == 1 else f"{told}, {times} times"
    for metric in one.tables("metrics"):
        worse = f", {metric.get('why')}" if metric.get("worse") else ""
        yield "metric", f"{metric.get('name')}: best {metric.get('best')}, now {metric.get('now')}{worse}"
    for key in LISTS:
        names = one.texts(key)
        for name in names[:SHOWN]:
            yield key, escape_id(name)
        if len(names) > SHOWN:
            yield key, f"and {len(names) - SHOWN} more, which --json has"


def _draw_tests(one: Filed) -> None:
    changes = one.tables("regressed")
    if not changes:
        return
    print_line()
    columns = (Column("test", folds=True), Column("was"), Column("now"), Column("why", folds=True, rank=1))
    rows = [
        [escape_id(str(change.get("id"))), *(str(change.get(key, "")) for key in ("was", "now", "why"))]
        for change in changes[:SHOWN]
    ]
    print_table(columns, rows)
    if len(changes) > SHOWN:
        print_line(Styled(f"and {len(changes) - SHOWN} more, which --json has", "dim"))


def _draw_outputs(outputs: Mapping[str, str], runs: Sequence[str], one: Filed) -> None:
    for name, text in list(outputs.items())[:SHOWN_OUTPUTS]:
        print_line()
        print_line(Styled(f"-- {escape_id(name)}", "heading"))
        print_block(text[-LONGEST_OUTPUT:])
    printed = find_printed(runs[-1])[-LONGEST_PRINTED:] if runs else ""
    if not outputs and printed and one.text("answer") != "accept":
        # A runner other than pytest, or one that broke off: what it printed is all that there is.
        print_line()
        print_line(Styled("-- the end of what was printed", "heading"))
        print_block(printed)


def _draw_changes(one: Filed, changes: Sequence[Change]) -> None:
    if not changes:
        return
    print_line()
    rows = [
        [change.path, *("-" if count is None else str(count) for count in (change.added, change.removed))]
        for change in changes[:SHOWN_FILES]
    ]
    print_table(COLUMNS, rows)
    hidden = len(changes) - len(rows)
    more = f"and {hidden} more: " if hidden else ""
    print_line(Styled(f"{more}git diff {one.text('base')[:SHORT]} {one.place.candidate[:SHORT]}", "dim"))
