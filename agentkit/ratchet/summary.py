"""What is there to say about the repository of this folder, on a few lines? Nothing is changed, and nothing is run."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from agentkit.core.asides import say_when
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import CRITICAL, WARNING, write_record
from agentkit.core.repo.repository import Repository, find_repository
from agentkit.core.summary import Line, Summary, draw_summary, to_record
from agentkit.ratchet.intent import has_intent
from agentkit.ratchet.standing import SHALLOW, Standing, find_standing
from agentkit.ratchet.status import say_ahead
from agentkit.ratchet.viewing import SHORT, count_outcomes, name_branch, read_host, say_counts

DOCTOR = "agentkit ratchet doctor"


def print_summary(folder: str, environ: Mapping[str, str], *, as_json: bool) -> None:
    """Print the summary for a person, or as a record; a folder without a repository has one, too."""
    now = time.time()
    summary = read_summary(folder, environ, now)
    if as_json:
        write_record(to_record(summary, read_host(environ), now))
    else:
        draw_summary(summary)


def read_summary(folder: str, environ: Mapping[str, str], now: float) -> Summary:
    """Return what there is to say about the repository around a folder."""
    try:
        repository = find_repository(folder, environ)
    except AgentkitError as error:
        if "no git repository" in error.message or "lies in a git folder" in error.message:
            return Summary("ratchet: no repository here", (Line(error.message),), None)
        return Summary("ratchet: nothing known", (Line(error.message, WARNING),), error.hint)
    name = os.path.basename(repository.root or repository.common_dir)
    try:
        return _sum_up(repository, name, find_standing(repository), now)
    except AgentkitError as error:
        if error.status == Exit.UNAVAILABLE:
            return Summary(f"ratchet: no baseline in {name}", (Line(error.message),), error.hint)
        return Summary(f"ratchet: {name} cannot be read", (Line(error.message, CRITICAL),), DOCTOR)


def _sum_up(repository: Repository, name: str, standing: Standing, now: float) -> Summary:
    lines = [
        Line(trouble.error.message, WARNING if trouble.type == SHALLOW else CRITICAL) for trouble in standing.troubles
    ]
    if has_intent(repository):
        lines.append(Line("something moves right now, or was cut off: the next command goes on from there"))
    state = standing.state
    if state is None:
        return Summary(f"ratchet: {name} has lost its baseline", tuple(lines), DOCTOR)
    when = say_when(standing.accepted_at, now)
    lines.append(Line(f"{name_branch(state.branch)}: {state.accepted[:SHORT]} accepted {when}, state {state.number}"))
    lines.append(Line(say_counts(count_outcomes(state.baseline))))
    is_bad = standing.on_tip is not None and standing.on_tip.text("answer") != "accept"
    if standing.ahead:
        lines.append(Line(say_ahead(standing), WARNING if is_bad else "info"))
    if standing.troubles:
        return Summary(f"ratchet: {name} is not as it was left", tuple(lines), DOCTOR)
    if is_bad and standing.on_tip is not None:
        step = f"agentkit ratchet show {standing.on_tip.place.commit[:SHORT]}"
        return Summary(f"ratchet: {name} is ahead of what is accepted", tuple(lines), step)
    if standing.ahead:
        return Summary(f"ratchet: {name} is ahead of what is accepted", tuple(lines), "agentkit ratchet accept")
    return Summary(f"ratchet: what worked in {name} works", tuple(lines), None)
