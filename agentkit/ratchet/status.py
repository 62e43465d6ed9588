"""How does a person see where the branch stands, and what does a program get?

    agentkit ratchet status [--json]

A hot verb: evolve asks it once a candidate. It is called before typer is imported, which declares the same words.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping

from agentkit.core.asides import read_instant, say_when
from agentkit.core.lines import write_record
from agentkit.core.optionwords import FLAG, demand_no_others, split_options
from agentkit.core.screen import Cell, Styled, print_line
from agentkit.core.times import format_instant
from agentkit.core.visible import print_odd_letters
from agentkit.ratchet.outcomes import escape_id
from agentkit.ratchet.standing import Standing, find_standing, tell_metric
from agentkit.ratchet.verdicts import Filed
from agentkit.ratchet.viewing import (
    ANSWER_STYLES,
    SHORT,
    count_outcomes,
    name_branch,
    open_to_look,
    read_host,
    say_counts,
)

WORDS = {"--json": FLAG}
TITLE_WIDTH = 9
SHOWN = 3


def main(words: list[str]) -> int:
    """Print where the branch of this folder stands, as the words of the command line say, and return the status."""
    as_json = read_words(words)
    print_odd_letters()
    return print_status(".", os.environ, now=time.time(), as_json=as_json)


def read_words(words: list[str]) -> bool:
    """Return whether JSON is asked for; raises AgentkitError (usage)."""
    others, values = split_options("ratchet status", words, WORDS)
    demand_no_others("ratchet status", others)
    return "--json" in values


def print_status(folder: str, environ: Mapping[str, str], *, now: float, as_json: bool) -> int:
    """Print where the branch stands; the status is that of the worst that is wrong, such as 65 for a lost baseline.

    Raises AgentkitError (unavailable) where there is no repository, or no baseline yet.
    """
    repository, cut_off = open_to_look(folder, environ)
    standing = find_standing(repository, cut_off)
    if as_json:
        write_record(standing.record(read_host(environ), format_instant(now)))
        return standing.status
    for title, *cells in _describe(standing, now):
        print_line(Styled(f"{title:<{TITLE_WIDTH}}", "dim"), *cells)
    for trouble in standing.troubles:
        print_line(Styled(f"{'trouble':<{TITLE_WIDTH}}", "critical"), trouble.error.message)
        if trouble.error.hint:
            print_line(Styled(f"{'next':<{TITLE_WIDTH}}", "dim"), trouble.error.hint)
    return standing.status


def say_ahead(standing: Standing) -> str:
    """Return how far the branch is ahead of what is accepted, and what is known of it."""
    count = "1 commit is" if standing.ahead == 1 else f"{standing.ahead} commits are"
    if not standing.ahead:
        return "no commit: all of it is accepted"
    if standing.on_tip is None or not standing.on_tip.record:
        return f"{count} not judged"
    return f"{count} not accepted; the last one: {standing.on_tip.text('answer')}, {standing.on_tip.text('reason')}"


def _describe(standing: Standing, now: float) -> Iterator[tuple[str, *tuple[Cell, ...]]]:
    state = standing.state
    if state is not None:
        here = "" if standing.checked_out == state.branch else f" (checked out is {_say_here(standing)})"
        yield "branch", f"{name_branch(state.branch)}{here}"
        yield "accepted", f"{state.accepted[:SHORT]} as state {state.number}, {say_when(standing.accepted_at, now)}"
        if state.place != state.number:
            yield "rollback", f"it has the content of state {state.place}"
        yield "tests", say_counts(count_outcomes(state.baseline))
        if state.unstable:
            names = sorted(state.unstable)
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            yield "unstable", f"{len(names)}: {', '.join(map(escape_id, names[:SHOWN]))}{more}"
        for metric in state.metrics:
            yield "best", tell_metric(metric)
        if standing.tip:
            yield "ahead", Styled(say_ahead(standing), "warning" if standing.ahead else "")
    if standing.last is not None and standing.last.record:
        yield "verdict", *_say_verdict(standing.last, now)


def _say_here(standing: Standing) -> str:
    return name_branch(standing.checked_out) or "no branch"


def _say_verdict(verdict: Filed, now: float) -> tuple[Cell, ...]:
    answer = verdict.text("answer")
    when = say_when(read_instant(verdict.record.get("at")), now)
    said = f"{verdict.text('reason')} ({verdict.place.commit[:SHORT]}, {when})"
    return Styled(answer, ANSWER_STYLES[answer]), said
