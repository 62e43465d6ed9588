"""How does a person see the history of a test, and what does a program get?"""

from __future__ import annotations

from collections.abc import Mapping

from agentkit.core.asides import read_instant, say_when, warn
from agentkit.core.errors import Exit
from agentkit.core.lines import write_record
from agentkit.core.screen import Cell, Column, Styled, print_line, print_table
from agentkit.core.times import format_instant
from agentkit.ratchet.outcomes import MISSING, escape_id
from agentkit.ratchet.viewing import ANSWER_STYLES, SHORT, open_to_look, read_host
from agentkit.ratchet.whytest import Mention, Past, Span, find_past

SHOWN = 20
STYLES = {"pass": "ok", "xfail": "warning", "fail": "failed", "skip": "skipped", "missing": "lost"}
SPANS = (Column("outcome"), Column("states"), Column("since", is_right=True), Column("accepted", rank=1))
MENTIONS = (
    Column("verdict"), Column("when", is_right=True), Column("answer"), Column("candidate", rank=1),
    Column("said", folds=True),
)  # fmt: skip
REVISIONS = (
    Column("commit"), Column("when", is_right=True), Column("author", folds=True, rank=1),
    Column("subject", folds=True),
)  # fmt: skip


def print_past(folder: str, environ: Mapping[str, str], name: str, *, now: float, as_json: bool) -> int:
    """Print the history of a test; raises AgentkitError (unavailable) where nothing knows it."""
    repository, trouble = open_to_look(folder, environ)
    if trouble:
        warn(trouble.message)
    past = find_past(repository, name)
    if as_json:
        write_record(past.record(read_host(environ), format_instant(now)))
        return Exit.OK
    print_line(Styled(escape_id(past.name), "heading"), Styled(past.path, "dim"))
    print_line(" ", _sum_up(past, now))
    if len(past.spans) > 1:
        _print(SPANS, [_draw_span(span, now) for span in past.spans])
    if past.mentions:
        _print(MENTIONS, [_draw_mention(one, now) for one in past.mentions])
    if past.revisions:
        _print(
            REVISIONS,
            [[one.commit[:SHORT], say_when(one.at, now), one.author, one.subject] for one in past.revisions],
        )
    return Exit.OK


def _sum_up(past: Past, now: float) -> str:
    known = [span for span in past.spans if span.outcome != MISSING]
    if not known:
        return "no accepted state ever had it"
    newest, oldest = past.spans[0], known[-1]
    there = f"there since state {oldest.first}, {say_when(oldest.since, now)}"
    if newest.outcome == MISSING:
        return f"{there}; the accepted state does not have it any more"
    return f"{newest.outcome} since state {newest.first}, {say_when(newest.since, now)}; {there}"


def _draw_span(span: Span, now: float) -> list[Cell]:
    states = str(span.first) if span.first == span.last else f"{span.first}-{span.last}"
    shown = Styled(span.outcome, STYLES.get(span.outcome, ""))
    return [shown, states, say_when(span.since, now), span.accepted[:SHORT]]


def _draw_mention(one: Mention, now: float) -> list[Cell]:
    verdict = one.verdict
    answer = verdict.text("answer")
    return [
        verdict.place.commit[:SHORT],
        say_when(read_instant(verdict.record.get("at")), now),
        Styled(answer, ANSWER_STYLES[answer]),
        verdict.place.candidate[:SHORT],
        one.said,
    ]


def _print(columns: tuple[Column, ...], rows: list[list[Cell]]) -> None:
    print_line()
    print_table(columns, rows[:SHOWN])
    if len(rows) > SHOWN:
        print_line(Styled(f"and {len(rows) - SHOWN} more, which --json has", "dim"))
