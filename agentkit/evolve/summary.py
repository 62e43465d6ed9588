"""What is there to say about what was kept lately, what is at work, and what was left, on a few lines?

The archive alone is asked: no git, no ratchet.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from agentkit.core.asides import say_count, say_when, shorten
from agentkit.core.lines import WARNING, write_record
from agentkit.core.statefile import Store
from agentkit.core.summary import Line, Summary, draw_summary, to_record
from agentkit.evolve.candidate import ACCEPTED, DONE, NO_EVIDENCE, REJECTED, REVERTED
from agentkit.evolve.store import open_existing
from agentkit.evolve.telling import describe
from agentkit.evolve.underway import AT_WORK, CUT_OFF, WAITS, OpenCandidate, Underway, find_underway
from agentkit.evolve.viewing import BEGIN, find_last, has_many_repositories, read_host, say_usd

RESUME = "agentkit evolve resume"
LATELY_S, LATELY = 7 * 86400.0, "7 days"
LONGEST = 160
# An id begins with the milliseconds of its instant in twelve digits: the newest rows are found by the key alone.
COUNTS = "SELECT state, kept, step, count(*), total(cost_usd) FROM candidates WHERE id >= ? GROUP BY state, kept, step"
NAMES = {REJECTED: "rejected", NO_EVIDENCE: "without evidence", REVERTED: "taken back"}
Counts = dict[tuple[str, bool], int]


def print_summary(environ: Mapping[str, str], *, as_json: bool) -> None:
    """Print the summary for a person, or as a record."""
    host, now = read_host(environ), time.time()
    with open_existing(environ) as store:
        summary = summarise(store, now)
    if as_json:
        write_record(to_record(summary, host, now))
    else:
        draw_summary(summary)


def summarise(store: Store | None, now: float) -> Summary:
    """Return what there is to say; None: nothing was ever tried."""
    if store is None or store.first("SELECT 1 FROM candidates LIMIT 1") is None:
        return Summary("evolve: nothing was tried yet", (Line(f"no change was ever proposed: {BEGIN}"),), None)
    found = find_underway(store)
    lines = [*_tell_left(found, now), *_tell_at_work(found, now), Line(_say_lately(store, now))]
    last, is_placed = find_last(store), has_many_repositories(store)
    if last is not None:
        lines.append(Line(f"last: {last.state} {say_when(last.ended_at, now)}, {describe(last, is_placed=is_placed)}"))
    shown = tuple(Line(shorten(line.text, LONGEST), line.severity) for line in lines)
    return Summary(_name(found), shown, RESUME if found.is_left else None)


def _name(found: Underway) -> str:
    left = sum(one.how != AT_WORK for one in found.told)
    if left:
        return f"evolve: {say_count(left, 'candidate')} {'waits' if left == 1 else 'wait'} for resume"
    runs = sum(one.how != AT_WORK for one in found.batches)
    if runs:
        return f"evolve: {'a run waits' if runs == 1 else f'{runs} runs wait'} for resume"
    at_work = len(found.told)
    if at_work or found.batches:
        return f"evolve: {say_count(at_work, 'candidate')} under way" if at_work else "evolve: a run is under way"
    return "evolve: nothing is under way"


def _tell_left(found: Underway, now: float) -> Iterator[Line]:
    left = [one for one in found.batches if one.how != AT_WORK]
    if len(left) == 1:
        was = "was cut off" if left[0].how == CUT_OFF else "waits"
        yield Line(f"the run begun {say_when(left[0].at, now)} {was}, {left[0].progress}", WARNING)
    elif left:
        yield Line(f"{len(left)} runs did not end, the first begun {say_when(left[0].at, now)}", WARNING)
    cut_off = [one for one in found.told if one.how == CUT_OFF]
    if cut_off:
        was = "was" if len(cut_off) == 1 else "were"
        yield Line(f"{say_count(len(cut_off), 'candidate')} {was} left half-way, {_say_oldest(cut_off, now)}", WARNING)
    waiting = [one for one in found.told if one.how == WAITS]
    if waiting:
        waits = "waits" if len(waiting) == 1 else "wait"
        yield Line(
            f"{say_count(len(waiting), 'candidate')} {waits}, {_say_oldest(waiting, now)}: {waiting[0].said}", WARNING
        )


def _say_oldest(some: list[OpenCandidate], now: float) -> str:
    when = say_when(some[0].candidate.at, now)
    return f"proposed {when}" if len(some) == 1 else f"the first proposed {when}"


def _tell_at_work(found: Underway, now: float) -> Iterator[Line]:
    for batch in found.batches:
        if batch.how == AT_WORK:
            yield Line(f"a run begun {say_when(batch.at, now)}: {batch.progress}, by {batch.proposer}")
    alone = [one for one in found.told if one.how == AT_WORK and one.candidate.batch is None]
    for one in alone[:1]:
        more = f"; {len(alone) - 1} more at work" if len(alone) > 1 else ""
        yield Line(f"begun {say_when(one.candidate.at, now)} by {one.candidate.proposer}: {one.said}{more}")


def _say_lately(store: Store, now: float) -> str:
    since = f"{max(0, int((now - LATELY_S) * 1000)):012x}"
    counts: Counts = {}
    cost = 0.0
    rows = store.select(COUNTS, (since,))
    for state, kept, step, count, spent in rows:
        if step == DONE:
            counts[str(state), bool(kept)] = int(count or 0)
        cost += float(spent or 0.0)
    if not rows:
        return f"nothing was tried in {LATELY}"
    parts = [
        f"{counts.get((ACCEPTED, True), 0)} kept",
        *(f"{sum(counts.get((state, kept), 0) for kept in (True, False))} {name}" for state, name in NAMES.items()),
        f"{counts.get((ACCEPTED, False), 0)} accepted and not kept",
    ]
    told = [part for index, part in enumerate(parts) if index < 2 or not part.startswith("0 ")]
    spent_words = f"; {say_usd(cost)} spent by proposers" if cost else ""
    return f"in {LATELY}: {', '.join(told)}{spent_words}"
