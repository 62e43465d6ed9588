"""What is there to say about what waits, what may be spent, and who may be asked, on a few lines?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from agentkit.core.asides import say_count, say_when, shorten
from agentkit.core.config import Configuration
from agentkit.core.lines import CRITICAL, INFO, WARNING, write_record
from agentkit.core.summary import Line, Summary, draw_summary, to_record
from agentkit.think.breakers import CLOSED
from agentkit.think.caps import CALL, format_amount
from agentkit.think.inboxpage import Waiting, explain, find_waiting
from agentkit.think.outlook import Outlook, project
from agentkit.think.providerspage import UNASKED, find_standing
from agentkit.think.store import Store
from agentkit.think.viewing import open_existing, read_configuration, say_usd

INBOX, PROVIDERS, BUDGET = "agentkit think inbox", "agentkit think providers", "agentkit think budget"
LONGEST_TITLE, LONGEST_REASON = 80, 80


def print_summary(environ: Mapping[str, str], *, as_json: bool) -> None:
    """Print the summary for a person, or as a record."""
    configuration, now = read_configuration(environ), time.time()
    with open_existing(environ) as store:
        summary = summarise(store, configuration, now)
    if as_json:
        write_record(to_record(summary, configuration.host, now))
    else:
        draw_summary(summary)


def summarise(store: Store | None, configuration: Configuration, now: float) -> Summary:
    """Return what there is to say; None: nothing ever came in."""
    if store is None:
        told = Line("no finding ever came in: agentkit heartbeat check --json | agentkit think wake")
        return Summary("think: asleep", (told,), None)
    waiting = find_waiting(store)
    outlook = project(store, configuration.think.budget, now)
    lines = (
        *_tell_waiting(waiting, now),
        *_tell_budget(outlook),
        *_tell_providers(store, configuration, now),
    )
    title = f"think: {say_count(len(waiting), 'finding')} {'waits' if len(waiting) == 1 else 'wait'}"
    step = INBOX if waiting else None
    if step is None and any(line.severity != INFO for line in lines):
        step = BUDGET if any(not one.left and one.cap.window != CALL for one in outlook.caps) else PROVIDERS
    return Summary(title if waiting else "think: asleep", lines, step)


def _tell_waiting(waiting: list[Waiting], now: float) -> Iterator[Line]:
    if not waiting:
        yield Line("nothing that fires waits for anybody")
        return
    worst = waiting[0]
    critical = sum(one.severity == CRITICAL for one in waiting)
    count = say_count(len(waiting), "finding")
    yield Line(
        f"{count}, {critical} critical; the oldest came {_say_oldest(waiting, now)}",
        CRITICAL if critical else WARNING,
    )
    title = shorten(str(worst.record.get("title", worst.fingerprint)), LONGEST_TITLE)
    yield Line(f"{title}: waits: {shorten(explain(worst), LONGEST_REASON)}", worst.severity)


def _say_oldest(waiting: list[Waiting], now: float) -> str:
    return say_when(min((one.waiting_since for one in waiting if one.waiting_since is not None), default=None), now)


def _tell_budget(outlook: Outlook) -> Iterator[Line]:
    spent = outlook.month
    if not spent.calls:
        yield Line("no model was asked this month")
    else:
        yield Line(f"{say_count(spent.calls, 'call')} this month, {say_usd(spent.cost)} spent or reserved")
    for one in outlook.caps:
        if one.cap.window != CALL and not one.left and one.cap.most:
            yield Line(f"{one.cap.name} is used up: {format_amount(one.cap.unit, one.spent)}", WARNING)


def _tell_providers(store: Store, configuration: Configuration, now: float) -> Iterator[Line]:
    providers = configuration.think.providers
    if not providers:
        yield Line("no provider is configured: runbooks run, and what needs a mind waits")
    for provider in providers:
        standing = find_standing(store, provider, now)
        if standing.state not in (CLOSED, UNASKED) or standing.again_at is not None:
            when = "when its configuration changes" if standing.is_shut else say_when(standing.again_at, now)
            yield Line(
                f"{provider.name}: {standing.last_error}; asked again {when if when != '-' else 'at the next wake'}",
                WARNING,
            )
