"""Is each secret used by those who are to use it, and by nobody else?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from shlex import quote

from agentkit.core.asides import read_instant
from agentkit.core.lines import INFO, WARNING
from agentkit.core.times import format_duration
from agentkit.vault.checks.checkingsighting import Sighting
from agentkit.vault.lastuses import Past, Use
from agentkit.vault.rows import Row

# What runs once in a quarter is used.
UNUSED_S = 100 * 86400.0


def look_at_uses(row: Row, past: Past, now: float) -> Iterator[Sighting]:
    """Yield who uses a secret undeclared, and which declared ones do not; `now` is what `LogClock` makes of it."""
    consumers = row.texts("consumers")
    users = past.users()
    if consumers:
        yield from _find_undeclared(row, consumers, users)
    set_at = read_instant(row.fields.get("set_at"))
    # A row that changed lately may have got its consumers then.
    if set_at is None or now - set_at < UNUSED_S:
        return
    last = past.last_use
    if last is None or _is_old(last, now):
        when = f"since {last.at}" if last else f"in the {format_duration(now - set_at)} since it was set"
        title = f"nobody has used {row.name} {when}"
        step = "if nobody needs it, revoke it where it is valid"
        yield Sighting(
            "unused", f"secret:{row.name}", INFO, title, step, evidence={"last_use": last.at if last else None}
        )
        return
    # Of a secret with very many users not every one is known.
    for consumer in consumers if not past.forgotten else ():
        uses = [use for _, use in users if is_use_of(consumer, use)]
        if not uses or _is_old(uses[0], now):
            title = f"{consumer} is declared for {row.name} and has not used it for {format_duration(UNUSED_S)} or ever"
            others = [other for other in consumers if other != consumer]
            step = f"if it needs it no more: {_say_consumers(row.name, others or ['…'])}"
            yield Sighting("unused", f"secret:{row.name}", INFO, title, step, consumer, {"consumer": consumer})


def is_use_of(consumer: str, use: Use) -> bool:
    """Tell whether a use was by a consumer: the program that asked, or the one that it was for.

    A consumer without a slash is the name of a program, wherever it lies.
    """
    return any(consumer in (program, os.path.basename(program)) for program in (use.parent, use.argv0))


def _find_undeclared(row: Row, consumers: list[str], users: list[tuple[int, Use]]) -> Iterator[Sighting]:
    told: set[str] = set()
    for count, use in users:
        # Before this version the row may have said something else.
        if use.version != row.version or use.program in told:
            continue
        if any(is_use_of(consumer, use) for consumer in consumers):
            continue
        told.add(use.program)
        who = use.program or "a program that does not say its name"
        yield Sighting(
            "undeclared-consumer", f"secret:{row.name}", WARNING,
            f"{row.name} was given to {who} ({use.op}, uid {use.uid}, {use.at}), which is not declared",
            f"if it may: {_say_consumers(row.name, [*consumers, use.program])}; else issue a new value",
            use.program,
            {"program": use.program, "parent": use.parent, "uid": use.uid, "record": use.seq, "uses": count},
        )  # fmt: skip


def _say_consumers(name: str, consumers: list[str]) -> str:
    """Return the command that declares these consumers and no others."""
    words = " ".join(f"--consumer {quote(consumer)}" for consumer in consumers)
    return f"agentkit vault set {name} --keep-value {words}"


def _is_old(use: Use, now: float) -> bool:
    at = read_instant(use.at)
    return at is not None and now - at >= UNUSED_S
