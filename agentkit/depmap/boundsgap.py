"""What is open in a call: can it wait for ever, on all of its way or on a part, and which words close it?"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from agentkit.depmap.boundswords import Words, read_given
from agentkit.depmap.calls import Call
from agentkit.depmap.wait import PARTLY, UNBOUNDED

# How long things may take, in seconds, where a fix has to name a number: a question, a change, a transfer.
ASK_S, CHANGE_S, MOVE_S = 60, 300, 3600
KILL_AFTER_S = 10


@dataclass(frozen=True, slots=True)
class Gap:
    """Why a call can wait for ever (`type` says on how much of its way).

    `add` are the words that close it, put behind the program's name; without them `timeout` is put in front, with
    `limit_s`. `instead` is a whole command to put in its place. Of a call of Python `position` is where the argument
    that closes it may stand without a name, counted from 0.
    """

    type: str
    why: str
    add: str | None = None
    limit_s: int = ASK_S
    instead: str | None = None
    position: int | None = None


Rule = Callable[[Call], Gap | None]


@dataclass(frozen=True, slots=True)
class Limits:
    """A command whose options say it all.

    `letters` and `names` are its options with a value; each of `total` bounds the whole, each of `part` a part of it,
    where its value is above 0. With one of `instant` it only tells of itself. `default` is what it is without any
    (None: bounded, unless `total` is given as 0).
    """

    why: str
    letters: str = ""
    names: Words = ()
    total: Words = ()
    part: Words = ()
    instant: Words = ()
    add: str | None = None
    limit_s: int = ASK_S
    default: str | None = UNBOUNDED
    why_partly: str = ""
    stops: bool = False


def judge_limits(limits: Limits, call: Call) -> Gap | None:
    """Return what a call with these limits leaves open."""
    given = read_given(call.words, limits.letters, limits.names, stops=limits.stops)
    if given.has("--version", "--help", *limits.instant):
        return None
    if limits.total and given.limits(*limits.total):
        return None
    gives_up = given.gives_up(*limits.total)
    if limits.default is None and not gives_up:
        return None
    is_partly = given.limits(*limits.part) or (limits.default == PARTLY and not gives_up)
    if is_partly:
        return Gap(PARTLY, limits.why_partly or limits.why, limits.add, limits.limit_s)
    return Gap(UNBOUNDED, limits.why, None if gives_up else limits.add, limits.limit_s)


def unbounded(why: str, add: str | None = None, limit_s: int = ASK_S, instead: str | None = None) -> Gap:
    """Return a gap on the whole way."""
    return Gap(UNBOUNDED, why, add, limit_s, instead)


def partly(why: str, add: str | None = None, limit_s: int = ASK_S, instead: str | None = None) -> Gap:
    """Return a gap on a part of the way."""
    return Gap(PARTLY, why, add, limit_s, instead)


def read_environment(call: Call) -> dict[str, str]:
    """Return the variables that are set for this call alone: `PGCONNECT_TIMEOUT=5 psql`, `env A=b psql`."""
    found: dict[str, str] = {}
    for wrapper in call.wrappers:
        for word in wrapper.words:
            name, sign, value = word.partition("=")
            if sign and name.isidentifier():
                found[name] = value
    rest = call.text
    while match := re.match(r"\s*([A-Za-z_]\w*)=((?:'[^']*'|\"[^\"]*\"|\\.|[^\s;&|<>()'\"])*)", rest):
        found[match[1]] = match[2].strip("'\"")
        rest = rest[match.end() :]
    return found
