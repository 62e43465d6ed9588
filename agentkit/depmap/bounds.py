"""Can a call wait for ever, and with which words would it not?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from agentkit.depmap import (
    boundsdatabases,
    boundslocal,
    boundsnetwork,
    boundsremote,
    boundsservices,
    boundssources,
    boundstransfers,
)
from agentkit.depmap.boundsfix import write_fix
from agentkit.depmap.boundsgap import Gap, Limits, Rule, judge_limits
from agentkit.depmap.boundsshell import IsFifo, judge_read, judge_redirects, looks_like_fifo
from agentkit.depmap.boundswrappers import BOUNDED, find_bound
from agentkit.depmap.calls import BUILTIN, HOLE, PROGRAM, SOURCE, Call, Wrapper

MODULES = (
    *(boundsdatabases, boundslocal, boundsnetwork, boundsremote, boundsservices, boundssources, boundstransfers),
)
RULES: Mapping[str, Rule] = {name: rule for module in MODULES for name, rule in module.RULES.items()}
ROWS: Mapping[str, Limits] = {name: row for module in MODULES for name, row in getattr(module, "ROWS", {}).items()}
OPTIONS_VARIABLE = re.compile(r"(?<![\"\w])(\$\{?\w*(?:OPT|ARG|FLAG|PARAM)\w*\}?)", re.IGNORECASE)
NO_SHELLS: frozenset[tuple[Wrapper, ...]] = frozenset()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is found: the type of a Wait, why, and the command as it would be bounded."""

    type: str
    why: str
    fix: str


def judge(
    call: Call,
    is_fifo: IsFifo = looks_like_fifo,
    *,
    has_input: bool = False,
    deaf: frozenset[tuple[Wrapper, ...]] = NO_SHELLS,
) -> Verdict | None:
    """Return what a call leaves open; None where it is bounded, or cannot wait.

    `is_fifo` tells whether a file is one; `has_input` that the script redirects around the call what it reads; `deaf`
    names the surroundings in which TERM is not heard.
    """
    # What runs on another machine is waited for by what went there, and that is judged.
    if call.is_remote:
        return None
    gap = _find_gap(call, is_fifo, has_input=has_input)
    if gap is None:
        return None
    bound = find_bound(call.wrappers, call, deaf)
    if bound == BOUNDED:
        return None
    if isinstance(bound, Gap):
        gap = bound
    return Verdict(gap.type, gap.why + _name_doubt(call), write_fix(gap, call))


def _name_doubt(call: Call) -> str:
    """Return what is not known of the call: a variable of options, among which a bound may be."""
    if HOLE not in "".join(call.words):
        return ""
    match = OPTIONS_VARIABLE.search(call.text)
    return f", unless {match[1].replace('{', '').replace('}', '')} holds a limit" if match else ""


def _find_gap(call: Call, is_fifo: IsFifo, *, has_input: bool) -> Gap | None:
    if call.kind not in (PROGRAM, BUILTIN, SOURCE):
        return None
    name = call.words[0].rpartition("/")[2] if call.words else ""
    if name == "read" and call.kind == BUILTIN:
        return judge_read(call, is_fifo, has_input=has_input)
    opened = judge_redirects(call, is_fifo)
    if opened is not None:
        return opened
    if call.kind != PROGRAM or HOLE in name:
        return None
    if name == "busybox" and len(call.words) > 1:
        # Its applets are parts of itself.
        call, name = replace(call, words=call.words[1:]), call.words[1]
    rule, row = RULES.get(name), ROWS.get(name)
    return rule(call) if rule is not None else judge_limits(row, call) if row is not None else None
