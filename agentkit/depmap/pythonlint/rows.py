"""What bounds a call of a library: which argument, the maker of its object, a setting before it, what is around it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agentkit.depmap.boundsgap import ASK_S, Gap
from agentkit.depmap.python.program import PyCall
from agentkit.depmap.pythonlint.around import Around
from agentkit.depmap.pythonlint.limits import ABSENT, HIDDEN, NEGATIVE, NONE, ZERO, Limits
from agentkit.depmap.pythonlint.view import View
from agentkit.depmap.wait import UNBOUNDED

NEVER = frozenset({NONE})
NEVER_BELOW = frozenset({NONE, NEGATIVE})
NEVER_AT_ZERO = frozenset({NONE, ZERO})


@dataclass(frozen=True, slots=True)
class Asked:
    """One call, by one of the names that it may have, and what is known of its program."""

    call: PyCall
    name: str
    view: View
    limits: Limits
    around: Around


def escape(text: str) -> str:
    """Return a text of the program as a part of what is put in the place of a call, where braces stand for parts."""
    return text.replace("{", "{{")


Judge = Callable[[Asked], Gap | None]


@dataclass(frozen=True, slots=True)
class Row:
    """A call that one argument bounds.

    `keyword` and `position` are that argument's (position counted from 0; no keyword: there is none), `add` is what is
    put between the brackets. Without it the call is `default` (None: bounded, by a limit of the library's own, which
    what is in `loose` takes away). What is in `loose` is no limit. A `block` argument that is false makes it return at
    once.
    `maker` is an argument of what made its object that bounds it as well. It `heeds_default` where
    socket.setdefaulttimeout bounds it, `is_async` where limits of asyncio do, `is_polled` where it was asked before
    whether something is there, and `serves` where a loop without an end may wait in it: that is what a service is for.
    `instead` is the whole expression to put in its place, in which {call}, {func}, {object}, {arguments}, {first} and
    {rest} stand for its parts.
    """

    why: str
    keyword: str = ""
    position: int | None = None
    add: str | None = None
    default: str | None = UNBOUNDED
    loose: frozenset[str] = NEVER
    block: tuple[str, int | None] | None = None
    maker: str = ""
    heeds_default: bool = False
    is_async: bool = False
    serves: bool = False
    is_polled: bool = False
    instead: str | None = None
    limit_s: int = ASK_S


def judge_row(row: Row, asked: Asked) -> Gap | None:
    """Return what a call that a row describes leaves open; None where it is bounded."""
    limits, call = asked.limits, asked.call
    if row.block is not None and limits.read(call, *row.block).state == ZERO:
        return None
    state = limits.read(call, row.keyword, row.position).state if row.keyword else ABSENT
    if state == HIDDEN:
        # It may be among what nobody knows: to name all of these would name nothing.
        return None
    is_loose = state in row.loose
    if state != ABSENT and not is_loose:
        return None
    if state == ABSENT and row.default is None:
        return None
    if not is_loose and _is_bound_by_maker(row, asked):
        return None
    if state == ABSENT and row.heeds_default and asked.around.has_socket_default(call):
        return None
    if row.serves and asked.around.is_service(call):
        return None
    if row.is_polled and asked.around.is_polled(call):
        return None
    if row.is_async and asked.around.is_limited(call):
        return None
    add = row.add if row.add is not None else f"{row.keyword}={row.limit_s}" if row.keyword else None
    return Gap(row.default or UNBOUNDED, row.why, add, row.limit_s, row.instead, row.position)


def _is_bound_by_maker(row: Row, asked: Asked) -> bool:
    if not row.maker:
        return False
    for maker in asked.view.find_makers(asked.call):
        state = asked.limits.read(maker, row.maker, None).state
        if state not in (ABSENT, *row.loose):
            return True
    return False


Rows = Mapping[str, Row]
Judges = Mapping[str, Judge]
